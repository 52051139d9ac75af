//! Transactions that can see one tenant only, and a directory of tenants, on sqlx.
//!
//! ```
//! use sqlx::migrate::{Migration, MigrationType, Migrator};
//! use sqlx::SqlSafeStr;
//! use tenancy_core::directory::{TenantEntry, TenantStatus};
//! use tenancy_core::enforce::Admitted;
//! use tenancy_core::names::ResolverName;
//! use tenancy_sqlx::{NewTenant, SqliteDirectory, SqliteRowStrategy, StrategyRegistry, TenantDb, TenantTable};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! #     tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(example())
//! # }
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! // Most often `sqlx::migrate!()`. The rows of all tenants are in `notes_rows`.
//! let notes = "create table notes_rows (
//!     tenant_id text not null, id text not null, body text not null, primary key (tenant_id, id))";
//! let notes = Migration::new(1, "notes".into(), MigrationType::Simple, notes.into_sql_str(), false);
//!
//! // Queries see the tenant's rows of `notes_rows` as `notes`.
//! let rows = SqliteRowStrategy::builder(folder.join("app.sqlite"))
//!     .with_migrations(Migrator::with_migrations(vec![notes]))
//!     .with_table(TenantTable::new("notes", "notes_rows")?)
//!     .open()
//!     .await?;
//! let db = TenantDb::new(StrategyRegistry::new().with(rows)?);
//!
//! let directory = SqliteDirectory::open(folder.join("directory.sqlite")).await?;
//! for id in ["acme", "globex"] {
//!     let tenant = NewTenant::new(id.parse()?, "row".parse()?).with_member("alice".parse()?);
//!     let entry = directory.upsert(&tenant).await?;
//!     db.provision(entry.record()).await?;
//!     directory.set_status(&entry.record().id, TenantStatus::Active).await?;
//! }
//!
//! // Behind an adapter a handler is given these: they are what enforcement ends in.
//! # let member = async |id: &str| -> Result<Admitted, Box<dyn std::error::Error>> {
//! #     let entry = directory.find_by_id(&id.parse()?).await?.ok_or("no tenant")?;
//! #     let job = ResolverName::from_static("job");
//! #     Ok(Admitted::dangerously_assume(entry.record().clone(), job, "alice".parse()?))
//! # };
//! let (acme, globex): (Admitted, Admitted) = (member("acme").await?, member("globex").await?);
//!
//! let mut tx = db.begin(&acme).await?;
//! sqlx::query("insert into notes (id, body) values (?, ?)").bind("1").bind("hello").execute(&mut *tx).await?;
//! tx.commit().await?;
//!
//! // No `where`, and still no foreign row.
//! let mut tx = db.begin(&globex).await?;
//! assert!(sqlx::query("select * from notes").fetch_all(&mut *tx).await?.is_empty());
//! drop(tx);
//! let mut tx = db.begin_read(&acme).await?;
//! assert_eq!(sqlx::query("select * from notes").fetch_all(&mut *tx).await?.len(), 1);
//! # Ok(()) }
//! ```
//!
//! # What keeps tenants apart
//!
//! A tenant's record names its strategy. Handlers do not know it: they ask [`TenantDb`] for a
//! transaction, and give it the capability that enforcement ended in. There is no other way to a
//! connection, but one: [`TenantDb::dangerously_begin_across_tenants`].
//!
//! | strategy | a tenant's data | SQLite | PostgreSQL |
//! |---|---|---|---|
//! | `row` | rows of shared tables | [`SqliteRowStrategy`] | [`PgRowStrategy`] |
//! | `database` | a database of its own | [`SqliteDatabaseStrategy`] | [`PgDatabaseStrategy`] |
//! | `schema` | a schema of its own | no: SQLite has no schemas | [`PgSchemaStrategy`] |
//! | yours | as you say | an [`IsolationStrategy`] in the [`StrategyRegistry`] | the same |
//!
//! What each strategy guards against, and what goes around it, stands under its `Security` heading.
//!
//! Which strategy to take, what each costs and what none protects against is on the page `isolation`; types of columns,
//! migrations, backups and bulk loads are on `working_with_postgresql`, and clusters on `citus`.
//!
//! # Features
//!
//! - `sqlite`: everything on SQLite, which is compiled in.
//! - `postgres`: PostgreSQL 15 and newer. For TLS turn on one of sqlx's own features. The page `adopting` tells how tables
//!   that are there already become tables that tenants share.
//! - `testing`: databases that are thrown away, for the tests of applications. Turn it on under `[dev-dependencies]` alone.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(all(feature = "postgres", any(doc, doctest)))]
#[doc = include_str!("../docs/adopting.md")]
pub mod adopting {}
// Links between pages are files where they are read as files. The first definition is in force.
#[cfg(all(feature = "postgres", any(doc, doctest)))]
/// [adopting]: crate::adopting
/// [limits]: crate::isolation#limits
///
#[doc = include_str!("../docs/citus.md")]
pub mod citus {}
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod directory;
pub mod drift;
mod error;
#[cfg(all(feature = "postgres", any(doc, doctest)))]
/// [adopting]: crate::adopting
/// [citus]: crate::citus
/// [postgresql]: crate::working_with_postgresql
/// [upserts]: crate::working_with_postgresql#upserts
///
#[doc = include_str!("../docs/isolation.md")]
pub mod isolation {}
mod fence;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub mod fleet;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod jobs;
#[cfg(all(feature = "metrics", any(feature = "postgres", feature = "sqlite")))]
mod operation_metrics;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod pool_settings;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(all(feature = "postgres", any(doc, doctest)))]
/// [isolation]: crate::isolation
/// [leakproof]: crate::isolation#operators-that-lose-their-index-under-row
/// [upserts-on-sqlite]: crate::isolation#upserts-on-sqlite
///
#[doc = include_str!("../docs/postgresql.md")]
pub mod working_with_postgresql {}
#[cfg(test)]
mod send_tests;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod statement;
mod strategy;
#[cfg(feature = "testing")]
pub mod testing;
mod transaction;

#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use directory::{
    Attribution, Count, CreateError, CreationKey, CursorName, DataAccess, DeleteError, DirectoryDatabase,
    DirectoryEntry, DirectoryError, EventKind, EventMember, EventReader, ForgetError, GrantedImpersonation,
    ImpersonateError, Impersonation, ImpersonationSecret, ImpersonationSession, LifecycleError, Membership,
    MetadataError, NewImpersonation, NewTenant, Page, PageRequest, ParseCreationKeyError, ParseCursorNameError,
    ParseReasonError, ProvisionProgress, ProvisionSummary, Reason, Renaming, SettingsError, SqlDirectory,
    StoredSettings, TenantEvent, TenantJobs, TenantMetadata, UpsertAllError, UpsertError,
};
pub use error::{ErrorKind, ProvisionError, RemoveError, StrategyError, TransactionError};
pub use fence::{FenceRefusal, Place, PlaceChange, PlaceState, Purpose};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use jobs::{JobError, JobInterrupted, JobProgress, JobSummary};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use pool_settings::PoolSettings;
#[cfg(feature = "postgres")]
pub use postgres::{
    AdoptError, FindServer, ParseIdentifierError, ParseSettingError, PgAdoption, PgAdoptionHazard, PgAdoptionWarning,
    PgChanges, PgDatabaseBuilder, PgDatabaseStrategy, PgDirectory, PgFault, PgFinding, PgIdentifier, PgNote, PgReport,
    PgRowBuilder, PgRowStrategy, PgRowTables, PgSchemaBuilder, PgSchemaStrategy, PgServer, PgServers, PgSetting,
    PgSeverity, PgTableGrants, PgTenantChannel, PgTenantColumn, PgTenantSession, PgTenantTable, PgTenantView,
    SchemaNameError,
};
#[cfg(feature = "sqlite")]
pub use sqlite::{
    InsecureTestStrategy, SqliteDatabaseBuilder, SqliteDatabaseStrategy, SqliteDirectory, SqliteRowBuilder,
    SqliteRowStrategy, TenantTable, TenantTableError, UnsafeSchema,
};
pub use strategy::{
    AcrossTenants, Begin, Binding, DataVersion, Fence, IsolationLevel, IsolationStrategy, MigrateOptions, Migrated,
    MigrationTarget, Mode, RegisterError, Removal, Standing, StrategyFuture, StrategyMigrations, StrategyRegistry,
    StrategyTransaction, Survey, Surveyed, Surveyor, UnknownStrategy,
};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use transaction::AccessLog;
#[cfg(feature = "metrics")]
pub use transaction::describe_metrics;
pub use transaction::{
    CallWork, ErasedError, RunFuture, TenantDb, TenantTransaction, TransactionWork, TypedError, WorkError,
};

/// The example of the package's README, as a doc test.
#[cfg(all(doctest, feature = "postgres"))]
#[doc = include_str!("../README.md")]
mod readme {}

/// The example of the page on tenants that have drifted, as a doc test.
#[cfg(all(doctest, feature = "postgres"))]
#[doc = include_str!("../../docs/drift.md")]
mod drift_page {}
