//! A schema for each tenant.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use sqlx::Postgres;
use sqlx::migrate::Migrator;
use tenancy_core::directory::TenantRecord;
use tenancy_core::names::{StrategyName, TenantId};

use super::migrations::Migrations;
use super::removal;
use crate::drift::{DriftOptions, StrategyDrift};
use crate::postgres::connection::begin::BeginText;
use crate::postgres::connection::stale::LastChange;
use crate::postgres::connection::warm_pool::WarmPool;
use crate::postgres::fence::enter::{Enter, Seal};
use crate::postgres::fence::place;
use crate::postgres::fence::retry::until_unlocked;
use crate::postgres::identifier::PgIdentifier;
use crate::postgres::tenant_schema::names::SchemaNames;
use crate::postgres::tenant_schema::outside::reach::Reach;
use crate::postgres::versions::Requirement;
use crate::strategy::isolation_strategy::{not_fenced, tenant_of};
use crate::{
    Binding, DataVersion, IsolationStrategy, MigrateOptions, Migrated, MigrationTarget, Place, PlaceChange, Removal,
    StrategyError, StrategyFuture, StrategyMigrations, StrategyTransaction, Survey,
};

/// The strategy `schema`: each tenant has the same tables in a schema of its own.
///
/// - A table's name without a schema is the tenant's table. It is never that of `public`, nor a temporary
///   table of the same name.
/// - A tenant without a schema is [`StrategyError::NotProvisioned`]. The connection that found out is closed.
///
/// Two roles share the work. The application's reads and writes rows. The administrator's owns the schemas
/// and migrates them, on connections of its own; they need the right to create schemas in the database.
///
/// # Migrations
///
/// Each tenant's schema remembers its own. They run when a tenant is provisioned, each in a transaction of its own with its
/// row in the table of migrations. If one fails it is undone, those before it stay, and provisioning again continues there.
/// Several processes that provision one tenant wait for each other. Until the first provisioning is through, the
/// application has no right on the schema, and the tenant is [`StrategyError::NotProvisioned`]. A tenant that was
/// provisioned before is served meanwhile.
///
/// A migration marked `-- no-transaction` that PostgreSQL runs in no transaction, such as `CREATE INDEX CONCURRENTLY`,
/// runs outside of one. Write one statement per file and name the index: after a crash an index that is not valid is
/// dropped and built again, and one that stands is not built twice. Other such statements are run again. A migration
/// does not end its transaction itself: one with a `COMMIT` is refused before it runs.
///
/// They name tables without a schema. One that makes, alters, drops or writes anything outside of the tenant's schema is
/// [`StrategyError::ChangedOutside`], and one that changes the search path, as every dump does,
/// [`StrategyError::SearchPathChanged`]: all tenants would share what they made. Foreign keys may refer to tables
/// outside. In a [shared schema](crate::PgSchemaBuilder::with_extension_schema) they may make extensions, types and functions,
/// and write rows.
///
/// A connection keeps statements prepared, for all tenants alike. PostgreSQL refuses to run one whose
/// columns changed ("cached plan must not change result type"). Connections from before a migration are
/// therefore replaced; call [`refresh`](Self::refresh) if another process migrates. While tenants' tables
/// differ, open the strategy [without prepared
/// statements](crate::PgSchemaBuilder::without_prepared_statements). Put types of your own, such as enums, into a
/// [shared schema](crate::PgSchemaBuilder::with_extension_schema): sqlx knows one type of each name.
///
/// # Security
///
/// This guards against mistakes, not against hostile SQL: a name with a schema reads another tenant's
/// tables. Give tenants who bring their own SQL the strategy `database`.
///
/// What is left of a transaction in its session is taken away before the next one begins. After a `ROLLBACK`
/// that is sent as SQL, names without a schema are found nowhere; but behind a pooler PostgreSQL's own
/// default holds. Set the role's there: `ALTER ROLE … SET search_path = pg_temp`.
pub struct PgSchemaStrategy {
    pub(in crate::postgres) names: SchemaNames,
    pub(in crate::postgres) application_role: PgIdentifier,
    pub(in crate::postgres) migrations: Option<Arc<Migrator>>,
    pub(super) migrating: Option<Migrations>,
    pub(super) application: WarmPool,
    pub(super) keeps_prepared: bool,
    pub(in crate::postgres) is_sharded: bool,
    pub(super) administrator: Option<WarmPool>,
    pub(super) last_change: LastChange,
    pub(super) is_fenced: bool,
    /// Whether each transaction has its tenant in the session's `application_name`.
    pub(super) names_tenants: bool,
    pub(super) minimum_version: Option<i64>,
}

impl PgSchemaStrategy {
    /// The name under which records choose this strategy.
    pub const NAME: &'static str = "schema";

    /// Replaces each connection before it is used again. For migrations that another process ran.
    pub fn refresh(&self) {
        self.last_change.mark();
    }

    /// Removes a tenant's schema and all its data. If there is none, nothing happens.
    ///
    /// Its tables leave the publications that they are in, and an extension that is installed in the schema goes, too,
    /// where nothing outside depends on it.
    ///
    /// # Security
    ///
    /// It cannot be undone. Make sure first that the tenant is no longer served.
    ///
    /// # Errors
    ///
    /// If the database refuses it, and [`WouldRemoveMore`](StrategyError::WouldRemoveMore) if what is not the tenant's
    /// would go with the schema: dependents outside of it, and objects in it that another role owns. Nothing
    /// is removed then.
    pub async fn dangerously_drop_schema(&self, tenant: &TenantId) -> Result<(), StrategyError> {
        let schema = self.names.of(tenant)?;
        let administrator = self.administrator_for("remove a tenant's schema")?;
        let mut connection = administrator.pool().acquire().await?;
        connection.close_on_drop();
        let _changes = self.last_change.mark_on_drop();
        removal::remove(&mut connection, tenant, &schema).await?;
        // It holds a lock of its session.
        Ok(connection.close().await?)
    }

    pub(in crate::postgres) fn administrator_for(&self, operation: &'static str) -> Result<&WarmPool, StrategyError> {
        let administrator = self.administrator.as_ref();
        administrator.ok_or(StrategyError::NeedsAdministrator { operation })
    }

    fn begin_text(&self, binding: &Binding<'_>) -> Result<BeginText, StrategyError> {
        let schema = self.names.of(binding.id())?;
        let mut text = BeginText::at(binding.mode(), binding.isolation())
            .name_tenant(self.names_tenants.then_some(binding.id()))
            .require_schema(&schema)
            .require(Requirement::new(binding, self.minimum_version))
            .set("search_path", self.names.search_path(&schema));
        if self.is_fenced {
            text = text.enter(Enter::new(binding, Seal::Unsealed));
        }
        if !self.keeps_prepared {
            text = text.forget_prepared();
        }
        Ok(text)
    }

    async fn begin_once(
        &self,
        binding: &Binding<'_>,
        text: BeginText,
    ) -> Result<StrategyTransaction<Postgres>, StrategyError> {
        let entered = self.application.enter(binding.id()).await?;
        let begun = self.application.begin_entered(entered, text).await;
        begun.map_err(|error| {
            if is_not_provisioned(&error) {
                let tenant = binding.id().clone();
                StrategyError::NotProvisioned { tenant }
            } else {
                self.application.refusal(error)
            }
        })
    }

    fn fence_administrator(&self, operation: &'static str) -> Result<&WarmPool, StrategyError> {
        if !self.is_fenced {
            return Err(not_fenced(Self::NAME));
        }
        self.administrator_for(operation)
    }

    pub(super) fn reach(&self) -> Reach<'_> {
        Reach::Schema {
            shared: &self.names.shared,
        }
    }

    async fn provision_tenant(&self, tenant: &TenantId) -> Result<(), StrategyError> {
        let schema = self.names.of(tenant)?;
        let path = self.names.search_path(&schema);
        let provisioning = self.provisioning(tenant, &schema, &path);
        // Migrations may leave anything in their session, and it holds a lock: it is used once.
        let administrator = self.administrator_for("provision a tenant's schema")?;
        let mut connection = administrator.pool().acquire().await?;
        connection.close_on_drop();
        // Marked also if one of several migrations fails, or the future is dropped.
        let changes = self.last_change.mark_on_drop();
        changes.known(provisioning.run(&mut connection).await?);
        Ok(connection.close().await?)
    }
}

impl IsolationStrategy<Postgres> for PgSchemaStrategy {
    fn name(&self) -> StrategyName {
        StrategyName::from_static(Self::NAME)
    }

    fn begin<'f>(&'f self, binding: Binding<'f>) -> StrategyFuture<'f, StrategyTransaction<Postgres>> {
        Box::pin(async move {
            let text = self.begin_text(&binding)?;
            if !self.is_fenced {
                return self.begin_once(&binding, text).await;
            }
            let timeout = self.application.pool().options().get_acquire_timeout();
            until_unlocked(timeout, || self.begin_once(&binding, text.clone())).await
        })
    }

    fn check<'f>(&'f self, tenant: &'f TenantRecord) -> StrategyFuture<'f, ()> {
        Box::pin(async { self.names.of(&tenant.id).map(drop) })
    }

    fn provision<'f>(&'f self, tenant: &'f TenantRecord) -> StrategyFuture<'f, ()> {
        Box::pin(self.provision_tenant(&tenant.id))
    }

    fn remove<'f>(&'f self, removal: Removal<'f>) -> StrategyFuture<'f, ()> {
        Box::pin(self.dangerously_drop_schema(removal.id()))
    }

    fn migrations(&self) -> Option<StrategyMigrations<'_>> {
        self.migrations.as_deref().map(StrategyMigrations::of_each_tenant)
    }

    fn migrate<'f>(&'f self, target: MigrationTarget<'f>, options: &'f MigrateOptions) -> StrategyFuture<'f, Migrated> {
        Box::pin(async move {
            let tenant = tenant_of(self.name(), target)?;
            self.migrate_tenant(&tenant.id, options).await
        })
    }

    fn version<'f>(&'f self, target: MigrationTarget<'f>) -> StrategyFuture<'f, DataVersion> {
        Box::pin(async move {
            let tenant = tenant_of(self.name(), target)?;
            self.version_of(&tenant.id).await
        })
    }

    fn versions<'f>(&'f self, tenants: &'f [TenantRecord]) -> StrategyFuture<'f, Vec<DataVersion>> {
        Box::pin(self.versions_of(tenants))
    }

    fn survey(&self) -> Option<Survey> {
        self.read_versions().map(Survey::spawn)
    }

    fn server(&self, _: &TenantRecord) -> String {
        let migrating = self.migrating.as_ref();
        migrating.map_or_else(|| Self::NAME.to_owned(), |migrating| migrating.server.clone())
    }

    fn drift<'f>(
        &'f self,
        tenants: &'f [&'f TenantRecord],
        options: &'f DriftOptions,
    ) -> StrategyFuture<'f, StrategyDrift> {
        Box::pin(self.drift_of(tenants, options))
    }

    fn is_fenced(&self) -> bool {
        self.is_fenced
    }

    fn has_minimum_version(&self) -> bool {
        self.minimum_version.is_some()
    }

    fn place<'f>(&'f self, tenant: &'f TenantRecord) -> StrategyFuture<'f, Option<Place>> {
        Box::pin(async {
            let administrator = self.fence_administrator("read the place of a tenant")?;
            place::read_by(administrator, &tenant.id).await
        })
    }

    fn change_place<'f>(&'f self, tenant: &'f TenantRecord, change: PlaceChange) -> StrategyFuture<'f, Option<Place>> {
        Box::pin(async move {
            let administrator = self.fence_administrator("change the place of a tenant")?;
            place::change_by(administrator, &tenant.id, change).await
        })
    }

    fn refresh(&self) {
        self.last_change.mark();
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            self.application.close().await;
            if let Some(administrator) = &self.administrator {
                administrator.close().await;
            }
            if let Some(migrating) = &self.migrating {
                migrating.working.close().await;
            }
        })
    }
}

/// There is no such schema, or the application may not use it.
fn is_not_provisioned(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| error.code().as_deref() == Some("3F000"))
}

impl fmt::Debug for PgSchemaStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgSchemaStrategy")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}
