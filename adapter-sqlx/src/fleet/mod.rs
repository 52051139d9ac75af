//! Migrations of all tenants: planned, run by several processes at once, and resumed after a crash.
//!
//! A [`Fleet`] knows the directory and the strategies. Each tenant is migrated under a lock in its own database, where its ledger of
//! migrations says what has run; each migration commits by itself with its row there. What is in the directory beside that, the
//! ledger of runs, only distributes the work and says how far a run has come: when it is lost or wrong, no migration runs twice.
//!
//! ```
//! use sqlx::SqlSafeStr;
//! use sqlx::migrate::{Migration, MigrationType, Migrator};
//! use tenancy_core::directory::TenantStatus;
//! use tenancy_sqlx::fleet::{Fleet, FleetOptions, FleetProgress, Stop};
//! use tenancy_sqlx::{NewTenant, SqliteDatabaseStrategy, SqliteDirectory, StrategyRegistry, TenantDb};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! #     tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(example())
//! # }
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! // Most often `sqlx::migrate!()`.
//! let migration = |version, sql: &'static str| {
//!     Migration::new(version, "notes".into(), MigrationType::Simple, sql.into_sql_str(), false)
//! };
//! let notes = migration(1, "create table notes (body text not null)");
//! let files = SqliteDatabaseStrategy::builder(folder).with_migrations(Migrator::with_migrations(vec![notes]));
//! let db = TenantDb::new(StrategyRegistry::new().with(files.open().await?)?);
//! let directory = SqliteDirectory::open(folder.join("directory.sqlite")).await?;
//! let acme = NewTenant::new("acme".parse()?, "database".parse()?).with_status(TenantStatus::Active);
//! db.provision(directory.upsert(&acme).await?.record()).await?;
//!
//! // The next release has another migration.
//! let notes = migration(1, "create table notes (body text not null)");
//! let drafts = migration(2, "alter table notes add column is_draft integer not null default 0");
//! let files = SqliteDatabaseStrategy::builder(folder).with_migrations(Migrator::with_migrations(vec![notes, drafts]));
//! let db = TenantDb::new(StrategyRegistry::new().with(files.open().await?)?);
//!
//! let fleet = Fleet::new(directory, &db)?;
//! let report = fleet
//!     .join(&FleetOptions::new(), &Stop::new(), |progress| {
//!         if let FleetProgress::Failed { failure, .. } = progress {
//!             eprintln!("{}", failure.words);
//!         }
//!     })
//!     .await?;
//! assert!(report.is_complete());
//! assert_eq!(report.done, 1);
//! # use tenancy_core::directory::TenantEntry;
//! # Ok(()) }
//! ```

mod clock;
mod error;
#[expect(clippy::module_inception, reason = "the file has the type of this name")]
mod fleet;
mod options;
mod planning;
mod progress;
mod report;
mod run;
mod run_id;
mod stop;
mod strategies;

pub use error::FleetError;
pub use fleet::Fleet;
pub use options::{Canaries, FleetOptions, ResumeOptions};
pub use planning::plan::{FleetPlan, Listing, PlanCost, Planned, StrategyPlan};
pub use progress::{FleetProgress, Item, ServerTotal, Wave};
pub use report::{FleetReport, RunEnd, RunFailure, RunState, RunSummary};
pub use run_id::RunId;
pub use stop::Stop;
