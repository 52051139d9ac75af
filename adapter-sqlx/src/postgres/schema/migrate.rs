//! The migrations of tenants' schemas: run for one tenant, and how all of them stand.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, PgConnection, Row};
use tenancy_core::directory::TenantRecord;
use tenancy_core::names::TenantId;

use super::migrations::Migrations;
use super::strategy::PgSchemaStrategy;
use crate::postgres::connection::working::Lender;
use crate::postgres::identifier::{Literal, PgIdentifier};
use crate::postgres::tenant_schema::provision::Provisioning;
use crate::postgres::tenant_schema::session::Session;
use crate::postgres::versions;
use crate::strategy::ledger::{Applied, judge, judge_recorded};
use crate::{DataVersion, MigrateOptions, Migrated, StrategyError, Surveyor};

/// How many ledgers one statement reads. Each table of a statement is locked, and the server has room for some thousands of locks.
const BATCH: usize = 500;

impl PgSchemaStrategy {
    fn migrations_for(&self, operation: &'static str) -> Result<&Migrations, StrategyError> {
        self.migrating
            .as_ref()
            .ok_or(StrategyError::NeedsAdministrator { operation })
    }

    pub(super) async fn migrate_tenant(
        &self,
        tenant: &TenantId,
        options: &MigrateOptions,
    ) -> Result<Migrated, StrategyError> {
        let schema = self.names.of(tenant)?;
        let path = self.names.search_path(&schema);
        let mut connection = self
            .migrations_for("migrate a tenant's schema")?
            .working
            .connect()
            .await?;
        // Marked also if one of several migrations fails, or the future is dropped.
        let changes = self.last_change.mark_on_drop();
        let ran = self
            .provisioning(tenant, &schema, &path)
            .migrate(&mut connection, options)
            .await?;
        changes.known(ran.migrated.ran > 0);
        // What has run has run, whatever becomes of the connection.
        let _ = match ran.session {
            Session::Clean => connection.put_back().await,
            Session::Plain => connection.give_back().await,
            Session::Used => connection.give_back_used().await,
            Session::Unknown => connection.close().await,
        };
        Ok(ran.migrated)
    }

    pub(super) fn provisioning<'p>(
        &'p self,
        tenant: &'p TenantId,
        schema: &'p PgIdentifier,
        search_path: &'p str,
    ) -> Provisioning<'p> {
        Provisioning {
            tenant: Some(tenant),
            schema,
            search_path,
            application: &self.application_role,
            migrations: self.migrations.as_deref(),
            is_sharded: self.is_sharded,
            reach: self.reach(),
            last: self.migrating.as_ref().map(|migrating| &migrating.last),
        }
    }

    pub(super) async fn version_of(&self, tenant: &TenantId) -> Result<DataVersion, StrategyError> {
        let schema = self.names.of(tenant)?;
        let path = self.names.search_path(&schema);
        let mut connection = self
            .migrations_for("read the version of a tenant")?
            .working
            .connect()
            .await?;
        let version = self
            .provisioning(tenant, &schema, &path)
            .version(&mut connection)
            .await?;
        connection.give_back().await?;
        Ok(version)
    }

    /// How the tenants stand by their ledgers, in their order. Two statements for 500 of them.
    pub(super) async fn versions_of(&self, tenants: &[TenantRecord]) -> Result<Vec<DataVersion>, StrategyError> {
        let Some(migrations) = self.migrations.as_deref() else {
            return Ok(vec![DataVersion::not_provisioned(); tenants.len()]);
        };
        let mut connection = self
            .migrations_for("read the versions of tenants")?
            .working
            .connect()
            .await?;
        let mut versions = Vec::with_capacity(tenants.len());
        for batch in tenants.chunks(BATCH) {
            let schemas: Result<Vec<PgIdentifier>, _> = batch.iter().map(|tenant| self.names.of(&tenant.id)).collect();
            let schemas = schemas?;
            let mut ledgers = self
                .read_ledgers(&schemas, &migrations.table_name, &mut connection)
                .await?;
            versions.extend(schemas.iter().map(|schema| match ledgers.remove(schema.as_str()) {
                Some(applied) => judge(&applied, migrations),
                None => DataVersion::not_provisioned(),
            }));
        }
        connection.give_back().await?;
        Ok(versions)
    }

    /// What the ledgers say of these schemas, by their names. One that is not provisioned is missing.
    async fn read_ledgers(
        &self,
        schemas: &[PgIdentifier],
        table: &str,
        connection: &mut PgConnection,
    ) -> Result<HashMap<String, Vec<Applied>>, StrategyError> {
        let names: Vec<&str> = schemas.iter().map(PgIdentifier::as_str).collect();
        let sql = "
select n.nspname::pg_catalog.text, exists (
        select from pg_catalog.pg_class c where c.relnamespace = n.oid and c.relname = $3 and c.relkind in ('r', 'p'))
from pg_catalog.pg_namespace n where n.nspname = any ($1)
    and pg_catalog.has_schema_privilege($2::pg_catalog.text::pg_catalog.name, n.oid, 'usage')";
        let found: Vec<(String, bool)> = sqlx::query_as(sql)
            .bind(names)
            .bind(self.application_role.as_str())
            .bind(unquoted(table))
            .fetch_all(&mut *connection)
            .await?;
        let ledger = |(schema, has_ledger): &(String, bool)| {
            let name: PgIdentifier = schema.parse().ok().filter(|_| *has_ledger)?;
            let literal = Literal(schema);
            Some(format!(
                "select {literal}::pg_catalog.text, l.version, l.checksum, l.success from {name}.{table} l"
            ))
        };
        let ledgers: Vec<String> = found.iter().filter_map(ledger).collect();
        let mut read: HashMap<String, Vec<Applied>> =
            found.into_iter().map(|(schema, _)| (schema, Vec::new())).collect();
        if ledgers.is_empty() {
            return Ok(read);
        }
        let sql = AssertSqlSafe(ledgers.join("\nunion all "));
        let rows: Vec<(String, i64, Vec<u8>, bool)> =
            sqlx::query_as(sql).persistent(false).fetch_all(connection).await?;
        for (schema, version, checksum, has_ended) in rows {
            read.entry(schema).or_default().push((version, checksum, has_ended));
        }
        Ok(read)
    }

    /// Reads all versions in the order of the tenants, by one statement whose rows are read as they are consumed.
    pub(super) fn read_versions(&self) -> Option<impl FnOnce(Surveyor) -> Reading + use<>> {
        let (migrations, migrating) = (self.migrations.clone()?, self.migrating.as_ref()?);
        if self.is_sharded {
            // A cluster has no record of versions.
            return None;
        }
        let (lender, prefix) = (migrating.working.lender().clone(), self.names.prefix.clone());
        let application = self.application_role.clone();
        Some(move |surveyor| -> Reading {
            Box::pin(async move { survey(&lender, &prefix, &application, &migrations, &surveyor).await })
        })
    }
}

type Reading = std::pin::Pin<Box<dyn Future<Output = Result<(), StrategyError>> + Send>>;

async fn survey(
    lender: &Lender,
    prefix: &str,
    application: &PgIdentifier,
    migrations: &Migrator,
    surveyor: &Surveyor,
) -> Result<(), StrategyError> {
    let mut connection = lender.connect().await?;
    let recorded = versions::recorded_sql(&mut connection).await?;
    let sql = AssertSqlSafe(survey_sql(recorded, prefix, application));
    // Not prepared, which would be another round trip.
    let mut rows = sqlx::raw_sql(sql).fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        let (tenant, version): (String, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
        let is_provisioned: bool = row.try_get(2)?;
        // Another schema may begin as tenants' do.
        let Ok(tenant) = tenant.parse::<TenantId>() else {
            continue;
        };
        let version = if is_provisioned {
            version.and_then(|version| judge_recorded(version, migrations))
        } else {
            Some(DataVersion::not_provisioned())
        };
        if !surveyor.found(tenant, version).await {
            // Of the answer some is left to read, so the connection is closed.
            return Ok(());
        }
    }
    drop(rows);
    Ok(connection.give_back().await?)
}

/// All tenants that are recorded or have a schema, in the order of their ids.
fn survey_sql(recorded: &str, prefix: &str, application: &PgIdentifier) -> String {
    let (prefix, application) = (Literal(prefix), Literal(application.as_str()));
    format!(
        "
select coalesce(v.tenant, s.tenant) as tenant, v.version, coalesce(s.is_provisioned, false)
from ({recorded}) v
full join (
    select pg_catalog.substr(n.nspname::pg_catalog.text, pg_catalog.length({prefix}) + 1) collate \"C\" as tenant,
        pg_catalog.has_schema_privilege({application}::pg_catalog.text::pg_catalog.name, n.oid, 'usage') as is_provisioned
    from pg_catalog.pg_namespace n where pg_catalog.starts_with(n.nspname::pg_catalog.text, {prefix})
) s on s.tenant = v.tenant
order by coalesce(v.tenant, s.tenant) collate \"C\""
    )
}

/// The name of a table as the catalog has it.
fn unquoted(table: &str) -> String {
    let quoted = table.strip_prefix('"').and_then(|table| table.strip_suffix('"'));
    quoted.map_or_else(|| table.to_lowercase(), |table| table.replace("\"\"", "\""))
}
