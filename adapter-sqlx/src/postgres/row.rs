//! Rows of many tenants in shared tables.

mod removal;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, Postgres};
use tenancy_core::{StrategyName, TenantId, TenantRecord};

use self::removal::RowRemoval;
use super::identifier::{Literal, ParseIdentifierError, PgIdentifier};
use super::pool::PoolSettings;
use super::row_schema::PgRowSchema;
use super::schema_refresh::LastChange;
use super::session::BeginText;
use super::session_pins::SessionPins;
use super::sessions::Sessions;
use super::verify::PgReport;
use crate::{
    AcrossTenants, Binding, IsolationStrategy, Mode, Removal, StrategyError, StrategyFuture, StrategyTransaction,
    TransactionError,
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
/// What a transaction leaves in its session is taken away before the next one begins: settings, roles,
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
/// This guards against mistakes, not against hostile SQL: whoever can run SQL of his own can set the
/// tenant. Give tenants who bring their own SQL the strategy `database`.
///
/// A unique or foreign key without the tenant's column tells of other tenants' rows: start each with it.
pub struct PgRowStrategy {
    schema: PgRowSchema,
    /// What each transaction sets, where the session cannot be trusted to have it: behind a pooler.
    pins: Option<SessionPins>,
    application: Sessions,
    administrator: Sessions,
    last_change: LastChange,
}

impl PgRowStrategy {
    /// The name under which records choose this strategy.
    pub const NAME: &'static str = "row";

    /// Describes the database: the tables, how the application connects, and how the administrator does.
    #[must_use]
    pub fn options(
        schema: PgRowSchema,
        application: PgConnectOptions,
        administrator: PgConnectOptions,
    ) -> PgRowOptions {
        PgRowOptions {
            schema,
            application,
            administrator,
            migrations: None,
            settings: PoolSettings::default(),
            extension_schemas: Vec::new(),
            allows_findings: false,
        }
    }
}

impl PgRowStrategy {
    /// Replaces each connection before it is used again. Call it where another process has migrated: see
    /// [Migrations](Self#migrations).
    pub fn refresh(&self) {
        self.last_change.mark();
    }

    async fn remove_rows(&self, tenant: &TenantId) -> Result<(), StrategyError> {
        if !self.schema.is_canonical(tenant) {
            return Err(StrategyError::NotCanonical { tenant: tenant.clone() });
        }
        let mut text = BeginText::new(Mode::ReadWrite).set("lock_timeout", "'30s'");
        if self.schema.is_on_citus() {
            text = text.set("citus.propagate_set_commands", "'local'");
        }
        // Triggers may need it, and defaults of the rows that they insert.
        text = text.set(self.schema.setting().as_str(), Literal(tenant.as_str()));
        let begun = self.administrator.begin(text).await;
        let mut tx = begun.map_err(|error| self.administrator.refusal(error))?;
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

    /// Refuses where the administrator would not see every tenant.
    async fn begin_as_administrator(&self) -> Result<StrategyTransaction<Postgres>, StrategyError> {
        let begun = self.administrator.begin(BeginText::new(Mode::ReadWrite)).await;
        let mut tx = begun.map_err(|error| self.administrator.refusal(error))?;
        match self.schema.filter_of_connection(tx.connection_mut()).await? {
            Some(filter) => Err(filter.into()),
            None => Ok(tx),
        }
    }
}

/// Which tables hold tenants' rows, and how they are reached.
#[derive(Debug)]
pub struct PgRowOptions {
    schema: PgRowSchema,
    application: PgConnectOptions,
    administrator: PgConnectOptions,
    migrations: Option<Migrator>,
    settings: PoolSettings,
    extension_schemas: Vec<PgIdentifier>,
    allows_findings: bool,
}

impl PgRowOptions {
    /// Migrations that the administrator runs when the database is opened.
    #[must_use]
    pub fn with_migrations(self, migrations: Migrator) -> Self {
        Self {
            migrations: Some(migrations),
            ..self
        }
    }

    /// A schema that is searched for names without a schema, after the declared tables' schemas and before `public`:
    /// extensions, and types of your own. The default is none.
    ///
    /// The search path of a transaction is these, whatever a role, a database or a connection presets.
    ///
    /// # Errors
    ///
    /// If the name is not valid.
    pub fn with_extension_schema(mut self, schema: &str) -> Result<Self, ParseIdentifierError> {
        self.extension_schemas.push(schema.parse()?);
        Ok(self)
    }

    /// The greatest number of the application's connections. The default is 10.
    #[must_use]
    pub const fn with_max_connections(mut self, max: u32) -> Self {
        self.settings.max_connections = max;
        self
    }

    /// How long a transaction may take to begin, the wait for a free connection included. The default is 5 seconds.
    #[must_use]
    pub const fn with_acquire_timeout(mut self, timeout: Duration) -> Self {
        self.settings.acquire_timeout = timeout;
        self
    }

    /// Says that the application connects through a pooler that lends connections for a transaction, such
    /// as PgBouncer. Statements are not kept prepared then. The administrator's way must be direct.
    #[must_use]
    pub const fn with_transaction_pooler(mut self) -> Self {
        self.settings.has_transaction_pooler = true;
        self
    }

    /// Opens the database also where [`verify`](PgRowSchema::verify) finds ways around the isolation, and logs
    /// each as a warning: for the time in which they are mended.
    ///
    /// # Security
    ///
    /// Each finding is a way from one tenant to another.
    #[must_use]
    pub const fn dangerously_allow_findings(mut self) -> Self {
        self.allows_findings = true;
        self
    }

    /// Runs the migrations, applies the policies, proves that they hold, and that the application connects as the
    /// declared role to that database, and opens the pools.
    ///
    /// # Errors
    ///
    /// Where the database cannot be reached in either role, migrated or guarded, and
    /// [`UnsafeDatabase`](StrategyError::UnsafeDatabase) where [`verify`](PgRowSchema::verify) finds a way
    /// around the isolation, or the application connects otherwise.
    pub async fn open(self) -> Result<PgRowStrategy, StrategyError> {
        let mut connection = self.administrator.clone().connect().await?;
        if let Some(migrations) = &self.migrations {
            migrations.run(&mut connection).await?;
        }
        self.schema.apply(&mut connection).await?;
        let report = self.prove(&mut connection).await?;
        if !report.is_clean() && !self.allows_findings {
            return Err(report.into());
        }
        for finding in report.findings() {
            tracing::warn!("{finding}");
        }
        connection.close().await?;
        let administrator = PoolSettings {
            max_connections: 2,
            has_transaction_pooler: false,
            ..self.settings
        };
        let pins = SessionPins::of_rows(&self.schema, &self.extension_schemas);
        let application = self.settings.pinned(self.application, &pins);
        let last_change = LastChange::new();
        let sessions = |settings: PoolSettings, connect| {
            settings.refreshed_sessions(settings.pool_options(), settings.connect_options(connect), &last_change)
        };
        Ok(PgRowStrategy {
            schema: self.schema,
            pins: self.settings.has_transaction_pooler.then_some(pins),
            application: sessions(self.settings, application),
            administrator: sessions(administrator, self.administrator),
            last_change,
        })
    }

    /// Asks the catalog, and whether the application's connections are what it was asked about.
    async fn prove(&self, administrator: &mut PgConnection) -> Result<PgReport, StrategyError> {
        let options = self.settings.connect_options(self.application.clone());
        let mut application = options.connect().await?;
        let differs = self.schema.verify_connection(administrator, &mut application).await?;
        application.close().await?;
        let other = self.schema.administrator_differs(administrator).await?;
        Ok(self.schema.verify(administrator).await?.with(differs).with(other))
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
            let tenant = Literal(binding.id().as_str());
            let mut text = BeginText::new(binding.mode());
            if self.schema.is_on_citus() {
                // Statements that set something go to the workers, too, until the transaction ends.
                text = text.set("citus.propagate_set_commands", "'local'");
            }
            text = text.set(self.schema.setting().as_str(), tenant);
            if let Some(pins) = &self.pins {
                text = pins.set_in(text).forget_prepared();
            }
            let begun = self.application.begin(text).await;
            begun.map_err(|error| self.application.refusal(error))
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

    fn refresh(&self) {
        self.last_change.mark();
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            self.application.close().await;
            self.administrator.close().await;
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
