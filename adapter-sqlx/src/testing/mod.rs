//! For the tests of applications: databases that are thrown away, and tenants in them.
//!
//! It is the feature `testing`, which is off by default. Turn it on under `[dev-dependencies]` alone, with `sqlite` or
//! `postgres`.
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use sqlx::migrate::{Migration, MigrationType, Migrator};
//! use sqlx::SqlSafeStr;
//! use tenancy_sqlx::testing::{TestSqlite, TestTenant, db_of, provisioned};
//!
//! // Most often `sqlx::migrate!()`.
//! let notes = "create table notes (body text not null)".into_sql_str();
//! let notes = Migration::new(1, "notes".into(), MigrationType::Simple, notes, false);
//!
//! let sqlite = TestSqlite::new()?;
//! let files = sqlite.database().with_migrations(Migrator::with_migrations(vec![notes]));
//! let db = db_of(files.open().await?);
//! let acme = provisioned(&db, &TestTenant::new("acme").with_strategy("database")).await?;
//!
//! let mut tx = db.begin(&acme).await?;
//! sqlx::query("insert into notes values ('hello')").execute(&mut *tx).await?;
//! tx.commit().await?;
//! # Ok(()) }
//! # #[cfg(not(feature = "sqlite"))]
//! # fn main() {}
//! ```

mod provisioned;
#[cfg(feature = "postgres")]
mod test_postgres;
#[cfg(feature = "sqlite")]
mod test_sqlite;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod unrecorded;
#[cfg(feature = "postgres")]
mod verifier;

pub use provisioned::{db_of, provisioned};
pub use tenancy_core::testing::TestTenant;
#[cfg(feature = "postgres")]
pub use test_postgres::TestPostgres;
#[cfg(feature = "sqlite")]
pub use test_sqlite::TestSqlite;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use unrecorded::Unrecorded;
