//! The migrations of a tenant's database that is provisioned, and how it stands.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tenancy_core::directory::TenantRecord;

use super::found::is_not_provisioned;
use super::provision::comment;
use super::strategy::PgDatabaseStrategy;
use crate::postgres::identifier::PgIdentifier;
use crate::postgres::server::PgServer;
use crate::postgres::tenant_schema::outside::reach::Reach;
use crate::postgres::tenant_schema::provision::Provisioning;
use crate::{DataVersion, MigrateOptions, Migrated, StrategyError};

impl PgDatabaseStrategy {
    pub(super) async fn migrate_tenant(
        &self,
        tenant: &TenantRecord,
        options: &MigrateOptions,
    ) -> Result<Migrated, StrategyError> {
        let server = self.servers.of(tenant).await?;
        let application = self.application_of(&server)?;
        let connected = self.connect_as_administrator(tenant, &server, &application).await?;
        let Some(mut connection) = connected else {
            return Err(StrategyError::NotProvisioned {
                tenant: tenant.id.clone(),
            });
        };
        let administrator = server.administrator_for("migrate a tenant's database")?;
        let database = self.names.of(&tenant.id)?;
        self.direct
            .require(
                self.server_of(tenant),
                &administrator.clone().database(database.as_str()),
            )
            .await?;
        let schema = schema()?;
        let changes = self.last_change.mark_on_drop();
        let inside = self.inside(tenant, &schema, &application);
        let migrated = inside.migrate(&mut connection, options).await?.migrated;
        changes.known(migrated.ran > 0);
        // What has run has run, whatever becomes of the connection.
        let _ = connection.close().await;
        Ok(migrated)
    }

    pub(super) async fn version_of(&self, tenant: &TenantRecord) -> Result<DataVersion, StrategyError> {
        let server = self.servers.of(tenant).await?;
        let application = self.application_of(&server)?;
        let connected = self.connect_as_administrator(tenant, &server, &application).await?;
        let Some(mut connection) = connected else {
            return Ok(DataVersion::not_provisioned());
        };
        let schema = schema()?;
        let version = self
            .inside(tenant, &schema, &application)
            .version(&mut connection)
            .await?;
        connection.close().await?;
        Ok(version)
    }

    /// The name of the server: that of the placement, or where the default is.
    pub(super) fn server_of(&self, tenant: &TenantRecord) -> String {
        if let Some(placement) = &tenant.placement {
            return placement.to_string();
        }
        let default = &self.servers.default;
        let options: &PgConnectOptions = default.administrator.as_ref().unwrap_or(&default.application);
        format!("{}:{}", options.get_host(), options.get_port())
    }

    fn inside<'p>(
        &'p self,
        tenant: &'p TenantRecord,
        schema: &'p PgIdentifier,
        application: &'p PgIdentifier,
    ) -> Provisioning<'p> {
        Provisioning {
            tenant: Some(&tenant.id),
            schema,
            search_path: "public, pg_temp",
            application,
            migrations: self.migrations.as_ref(),
            is_sharded: false,
            reach: Reach::Database,
            last: None,
        }
    }

    /// A connection to the tenant's database; `None` if it has none, or that is not finished. A database that does not say that it is
    /// this tenant's is somebody else's.
    async fn connect_as_administrator(
        &self,
        tenant: &TenantRecord,
        server: &PgServer,
        application: &PgIdentifier,
    ) -> Result<Option<PgConnection>, StrategyError> {
        let database = self.names.of(&tenant.id)?;
        let administrator = server.administrator_for("migrate a tenant's database")?;
        let mut connection = match administrator.clone().database(database.as_str()).connect().await {
            Err(error) if is_not_provisioned(&error) => return Ok(None),
            connection => connection?,
        };
        let sql = "
select coalesce(d.datdba = (select r.oid from pg_catalog.pg_roles r where r.rolname = current_user)
        and pg_catalog.shobj_description(d.oid, 'pg_database') = $1, false),
    pg_catalog.has_database_privilege($2::pg_catalog.text::pg_catalog.name, d.oid, 'connect')
from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()";
        let (is_tenants, is_open): (bool, bool) = sqlx::query_as(sql)
            .bind(comment(&tenant.id))
            .bind(application.as_str())
            .fetch_one(&mut connection)
            .await?;
        if is_tenants && is_open {
            return Ok(Some(connection));
        }
        connection.close().await?;
        if is_tenants {
            return Ok(None);
        }
        Err(super::provision::refusal(&database, &tenant.id))
    }
}

/// In which the tenant's tables are.
fn schema() -> Result<PgIdentifier, StrategyError> {
    "public".parse().map_err(StrategyError::other)
}
