//! A tenant's schema: made, migrated step by step, and opened to the application when all is done.

use sqlx::PgConnection;
use sqlx::migrate::{Migrate, Migrator};
use tenancy_core::names::TenantId;

use super::alike::LastTenant;
use super::ledger::Before;
use super::lock::lock;
use super::migrating::{Failed, Migrating};
use super::outside::reach::Reach;
use crate::postgres::citus::tenant_schemas::PlacedSchema;
use crate::postgres::execute::execute;
use crate::postgres::identifier::PgIdentifier;
use crate::postgres::versions;
use crate::transaction::begin::{BEGIN_WITH_LOCK_TIMEOUT, begin_lent};
use crate::{MigrateOptions, StrategyError};

/// What a tenant's schema is to be.
pub(in crate::postgres) struct Provisioning<'p> {
    /// Whose version is recorded. Nobody's, of a database of which tenants' are copies.
    pub(in crate::postgres) tenant: Option<&'p TenantId>,
    pub(in crate::postgres) schema: &'p PgIdentifier,
    pub(in crate::postgres) search_path: &'p str,
    pub(in crate::postgres) application: &'p PgIdentifier,
    pub(in crate::postgres) migrations: Option<&'p Migrator>,
    /// Whether Citus is to place the schema on one of its workers.
    pub(in crate::postgres) is_sharded: bool,
    pub(in crate::postgres) reach: Reach<'p>,
    /// The tenant before, where many are in one database.
    pub(in crate::postgres) last: Option<&'p LastTenant>,
}

impl Provisioning<'_> {
    /// Makes it, or what is missing of it, on a connection that is closed afterwards: it holds a lock of its session, and
    /// migrations may leave anything in it.
    ///
    /// Each step commits by itself, so a run that ended anywhere is continued by the next one. The last step gives the
    /// application `usage` of the schema. A schema without it is not provisioned, and no transaction of the tenant
    /// begins (see [`BeginText::require_schema`](crate::postgres::connection::begin::BeginText::require_schema)): the
    /// right is in the catalog, so a crash does not lose it. Under the strategy `database` the right to connect is
    /// such a step behind this one.
    ///
    /// Returns whether tables may look otherwise now than they did before.
    pub(in crate::postgres) async fn run(&self, connection: &mut PgConnection) -> Result<bool, StrategyError> {
        lock(connection, self.schema).await?;
        let ledger = self.migrations.map(|migrations| self.ledger(migrations));
        let was_there = self.prepare(connection, ledger.as_ref()).await?;
        let mut has_run = false;
        if let Some(ledger) = &ledger {
            let migrating = Migrating {
                tenant: self.tenant,
                schema: self.schema,
                search_path: self.search_path,
                reach: self.reach,
                ledger,
                options: &MigrateOptions::DEFAULT,
            };
            has_run = migrating
                .run(Before::read(connection, &ledger.table_name).await?, None, connection)
                .await
                .map_err(Failed::untold)?
                .migrated
                .ran
                > 0;
        }
        if self.is_sharded {
            PlacedSchema(self.schema).refuse_tables_elsewhere(connection).await?;
        }
        self.open(connection).await?;
        Ok(has_run && was_there)
    }

    /// The schema, its default rights and the table that says which migrations have run, in one transaction. Returns
    /// whether the schema was there before.
    async fn prepare(&self, connection: &mut PgConnection, ledger: Option<&Migrator>) -> Result<bool, StrategyError> {
        let mut tx = begin_lent(connection, Some(BEGIN_WITH_LOCK_TIMEOUT)).await?;
        let was_there = self.is_there(&mut tx).await?;
        self.make_schema(was_there, &mut tx).await?;
        for sql in self.schema_sql() {
            execute(&mut tx, sql).await?;
        }
        let mut has_migrated = false;
        if let Some(ledger) = ledger {
            let table = &*ledger.table_name;
            if !is_table(&mut tx, table).await? {
                // Tables that the application knows already are closed with the schema until the first migrations are in.
                execute(&mut tx, self.closing_sql()).await?;
            }
            tx.ensure_migrations_table(table).await?;
            has_migrated = !tx.list_applied_migrations(table).await?.is_empty();
        }
        if !has_migrated {
            for sql in self.tables_sql() {
                execute(&mut tx, sql).await?;
            }
            // What an earlier schema of this name had.
            if let Some(tenant) = self.tenant {
                versions::forget(&mut tx, tenant).await?;
            }
        }
        if let Some(ledger) = ledger {
            // Else the application could say which migrations have run.
            let hidden = format!("revoke all on table {} from {}", ledger.table_name, self.application);
            execute(&mut tx, hidden).await?;
        }
        tx.commit().await?;
        Ok(was_there)
    }

    async fn make_schema(&self, was_there: bool, transaction: &mut PgConnection) -> Result<(), StrategyError> {
        if self.is_sharded && was_there {
            let placed = PlacedSchema(self.schema);
            placed.distribute(transaction).await?;
            return placed.refuse_tables_elsewhere(transaction).await;
        }
        if self.is_sharded {
            let sharded = "set local citus.enable_schema_based_sharding = on";
            execute(transaction, sharded.to_owned()).await?;
        }
        Ok(execute(transaction, format!("create schema if not exists {}", self.schema)).await?)
    }

    /// Lets the application in. A schema that it may use already is not touched.
    async fn open(&self, connection: &mut PgConnection) -> Result<(), StrategyError> {
        let sql = "select pg_catalog.has_schema_privilege($1::pg_catalog.text::pg_catalog.name, $2::pg_catalog.text, 'usage')";
        let is_open: bool = sqlx::query_scalar(sql)
            .bind(self.application.as_str())
            .bind(self.schema.as_str())
            .fetch_one(&mut *connection)
            .await?;
        if is_open {
            return Ok(());
        }
        let Self {
            schema, application, ..
        } = self;
        Ok(execute(connection, format!("grant usage on schema {schema} to {application}")).await?)
    }

    async fn is_there(&self, transaction: &mut PgConnection) -> Result<bool, StrategyError> {
        let is_there = sqlx::query_scalar("select pg_catalog.to_regnamespace($1) is not null");
        Ok(is_there.bind(self.schema.to_string()).fetch_one(transaction).await?)
    }

    /// The migrations, with a ledger that is found whatever a migration does to the search path.
    pub(super) fn ledger(&self, migrations: &Migrator) -> Migrator {
        let table = &*migrations.table_name;
        let table_name = if table.contains('.') {
            table.to_owned()
        } else {
            format!("{}.{table}", self.schema)
        };
        Migrator {
            migrations: migrations.migrations.clone(),
            create_schemas: migrations.create_schemas.clone(),
            table_name: table_name.into(),
            ..*migrations
        }
    }

    /// What the application may do with tables that migrations will make, one statement each: Citus sends a message of
    /// several to its workers whole.
    fn schema_sql(&self) -> [String; 5] {
        let Self {
            schema,
            application,
            search_path,
            ..
        } = self;
        let default = format!("alter default privileges in schema {schema} grant");
        [
            format!("revoke all on schema {schema} from public"),
            format!("revoke create on schema {schema} from {application}"),
            format!("{default} select, insert, update, delete on tables to {application}"),
            format!("{default} usage on sequences to {application}"),
            format!("set local search_path = {search_path}"),
        ]
    }

    fn closing_sql(&self) -> String {
        format!("revoke usage on schema {} from {}", self.schema, self.application)
    }

    /// For tables that were there before. Not once migrations have run: one may have taken a right away.
    fn tables_sql(&self) -> [String; 2] {
        let Self {
            schema, application, ..
        } = self;
        [
            format!("grant select, insert, update, delete on all tables in schema {schema} to {application}"),
            format!("grant usage on all sequences in schema {schema} to {application}"),
        ]
    }
}

async fn is_table(transaction: &mut PgConnection, name: &str) -> Result<bool, StrategyError> {
    let is_there = sqlx::query_scalar("select pg_catalog.to_regclass($1) is not null");
    Ok(is_there.bind(name).fetch_one(transaction).await?)
}
