//! Rows of many tenants in shared tables.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use sqlx::Postgres;
use tenancy_core::directory::TenantRecord;
use tenancy_core::names::{StrategyName, TenantId};

use super::builder::PgRowBuilder;
use super::removal::RowRemoval;
use super::row_tables::PgRowTables;
use crate::drift::{DriftOptions, StrategyDrift};
use crate::postgres::connection::begin::BeginText;
use crate::postgres::connection::session_pins::SessionPins;
use crate::postgres::connection::stale::LastChange;
use crate::postgres::connection::warm_pool::WarmPool;
use crate::postgres::fence::enter::{Enter, Seal};
use crate::postgres::fence::place;
use crate::postgres::fence::retry::until_unlocked;
use crate::postgres::identifier::Literal;
use crate::strategy::isolation_strategy::not_fenced;
use crate::{
    AcrossTenants, Binding, DataVersion, IsolationStrategy, MigrateOptions, Migrated, MigrationTarget, Mode, Place,
    PlaceChange, Removal, StrategyError, StrategyFuture, StrategyMigrations, StrategyTransaction, TransactionError,
};

/// The strategy `row`: tenants share tables, and row-level security shows each its own rows.
///
/// - A forgotten `WHERE` reads, updates or deletes the tenant's own rows only.
/// - An `INSERT` may leave the tenant's column out; it is filled in. One that names another tenant is an
///   error, and so is an `UPDATE` that gives a row away.
/// - Without a tenant there are no rows, and an `INSERT` is an error.
///
/// Two roles share the work. The application's is neither superuser nor owner. The administrator's owns
/// the tables, migrates them and sees every tenant, on connections of its own.
///
/// # Session state
///
/// What a transaction leaves in its session is cleared before the next one begins: settings, roles,
/// cursors, temporary tables, sequences' last values, `LISTEN`, advisory locks. A session's advisory lock
/// is therefore held until the connection is used again: prefer `pg_advisory_xact_lock`.
///
/// # Migrations
///
/// A connection keeps statements prepared. PostgreSQL refuses to run one whose columns have changed ("cached plan must
/// not change result type", `0A000`), for as long as the connection lives. So where another process migrates, run
/// transactions by [`TenantDb::run`](crate::TenantDb::run), which replaces the connections and tries again, or call
/// [`refresh`](Self::refresh) afterwards.
///
/// # Security
///
/// This guards against mistakes, not against hostile SQL: those who can run SQL of their own can set the
/// tenant. Give tenants who bring their own SQL the strategy `database`.
///
/// A unique or foreign key without the tenant's column reveals other tenants' rows: start each key with it.
#[doc(alias = "RLS")]
#[doc(alias = "row-level security")]
pub struct PgRowStrategy {
    pub(super) schema: PgRowTables,
    /// What each transaction sets if the session cannot be trusted to have it: behind a pooler.
    pub(super) pins: Option<SessionPins>,
    pub(super) application: WarmPool,
    pub(super) administrator: Option<WarmPool>,
    pub(super) last_change: LastChange,
    pub(super) is_fenced: bool,
    /// Whether each transaction has its tenant in the session's `application_name`.
    pub(super) names_tenants: bool,
    /// How it was opened, to migrate once more.
    pub(super) builder: Box<PgRowBuilder>,
    /// Whether it is verified, and transactions begin.
    pub(super) serves: bool,
}

impl PgRowStrategy {
    /// The name under which records choose this strategy.
    pub const NAME: &'static str = "row";

    /// Replaces each connection before it is used again. Call it when another process has migrated: see
    /// [Migrations](Self#migrations).
    pub fn refresh(&self) {
        self.last_change.mark();
    }

    async fn remove_rows(&self, tenant: &TenantId) -> Result<(), StrategyError> {
        self.require_serving()?;
        if !self.schema.is_canonical(tenant) {
            return Err(StrategyError::NotCanonical { tenant: tenant.clone() });
        }
        let mut text = BeginText::new(Mode::ReadWrite).set("lock_timeout", "'30s'");
        // Triggers may need it, and defaults of the rows that they insert.
        text = text.set(self.schema.setting().as_str(), Literal(tenant.as_str()));
        let administrator = self.administrator_for("remove a tenant's rows")?;
        let begun = administrator.begin(text).await;
        let mut tx = begun.map_err(|error| administrator.refusal(error))?;
        let removal = RowRemoval {
            schema: &self.schema,
            tenant,
        };
        removal.run(tx.connection_mut()).await?;
        tx.commit().await.map_err(|error| match error {
            TransactionError::Commit(error) => error.into(),
            error => StrategyError::other(error),
        })
    }

    fn begin_text(&self, binding: &Binding<'_>) -> BeginText {
        let tenant = Literal(binding.id().as_str());
        let mut text =
            BeginText::at(binding.mode(), binding.isolation()).name_tenant(self.names_tenants.then_some(binding.id()));
        if self.is_fenced {
            text = text.enter(Enter::new(binding, Seal::Sealed));
        }
        let setting = self.schema.setting().as_str();
        text = if self.schema.is_on_citus() {
            text.set_on_cluster(setting, tenant)
        } else {
            text.set(setting, tenant)
        };
        if let Some(pins) = &self.pins {
            text = pins.set_in(text).forget_prepared();
        }
        text
    }

    async fn begin_once(
        &self,
        tenant: &TenantId,
        text: BeginText,
    ) -> Result<StrategyTransaction<Postgres>, StrategyError> {
        let entered = self.application.enter(tenant).await?;
        let begun = self.application.begin_entered(entered, text).await;
        begun.map_err(|error| self.application.refusal(error))
    }

    fn administrator_for(&self, operation: &'static str) -> Result<&WarmPool, StrategyError> {
        let administrator = self.administrator.as_ref();
        administrator.ok_or(StrategyError::NeedsAdministrator { operation })
    }

    fn fence_administrator(&self, operation: &'static str) -> Result<&WarmPool, StrategyError> {
        if !self.is_fenced {
            return Err(not_fenced(Self::NAME));
        }
        self.administrator_for(operation)
    }

    fn require_serving(&self) -> Result<(), StrategyError> {
        if self.serves {
            return Ok(());
        }
        Err(StrategyError::other(
            "the strategy `row` was opened for migrations, and no transaction begins: its tables are not verified",
        ))
    }

    /// Fails if the administrator would not see every tenant.
    async fn begin_as_administrator(&self) -> Result<StrategyTransaction<Postgres>, StrategyError> {
        self.require_serving()?;
        let administrator = self.administrator_for("begin a transaction across tenants")?;
        let begun = administrator.begin(BeginText::new(Mode::ReadWrite)).await;
        let mut tx = begun.map_err(|error| administrator.refusal(error))?;
        match self.schema.filter_of_connection(tx.connection_mut()).await? {
            Some(filter) => Err(filter.into()),
            None => Ok(tx),
        }
    }
}

impl IsolationStrategy<Postgres> for PgRowStrategy {
    fn name(&self) -> StrategyName {
        StrategyName::from_static(Self::NAME)
    }

    fn begin<'f>(&'f self, binding: Binding<'f>) -> StrategyFuture<'f, StrategyTransaction<Postgres>> {
        Box::pin(async move {
            if !self.schema.is_canonical(binding.id()) {
                return Err(StrategyError::NotCanonical {
                    tenant: binding.id().clone(),
                });
            }
            self.require_serving()?;
            let text = self.begin_text(&binding);
            if !self.is_fenced {
                return self.begin_once(binding.id(), text).await;
            }
            let timeout = self.application.pool().options().get_acquire_timeout();
            until_unlocked(timeout, || self.begin_once(binding.id(), text.clone())).await
        })
    }

    fn provision<'f>(&'f self, tenant: &'f TenantRecord) -> StrategyFuture<'f, ()> {
        // The tables are there since the database was opened, and rows need no place to be made.
        self.check(tenant)
    }

    fn check<'f>(&'f self, tenant: &'f TenantRecord) -> StrategyFuture<'f, ()> {
        Box::pin(async {
            if self.schema.is_canonical(&tenant.id) {
                Ok(())
            } else {
                Err(StrategyError::NotCanonical {
                    tenant: tenant.id.clone(),
                })
            }
        })
    }

    fn begin_across_tenants<'f>(&'f self, _: AcrossTenants) -> StrategyFuture<'f, StrategyTransaction<Postgres>> {
        Box::pin(self.begin_as_administrator())
    }

    fn remove<'f>(&'f self, removal: Removal<'f>) -> StrategyFuture<'f, ()> {
        Box::pin(self.remove_rows(removal.id()))
    }

    fn migrations(&self) -> Option<StrategyMigrations<'_>> {
        let migrations = self.builder.migrations.as_deref();
        migrations.map(StrategyMigrations::of_shared_tables)
    }

    fn migrate<'f>(&'f self, _: MigrationTarget<'f>, options: &'f MigrateOptions) -> StrategyFuture<'f, Migrated> {
        Box::pin(self.migrate_tables(options))
    }

    fn version<'f>(&'f self, _: MigrationTarget<'f>) -> StrategyFuture<'f, DataVersion> {
        Box::pin(self.version_of_tables())
    }

    fn drift<'f>(&'f self, _: &'f [&'f TenantRecord], _: &'f DriftOptions) -> StrategyFuture<'f, StrategyDrift> {
        Box::pin(async { Ok(StrategyDrift::of_shared_tables(self.name())) })
    }

    fn is_fenced(&self) -> bool {
        self.is_fenced
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
        })
    }
}

impl fmt::Debug for PgRowStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgRowStrategy")
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}
