//! Whether the schemas, databases and files of tenants of one version are alike: the drift of their catalogs.
//!
//! Migrations say what has run, and not what is there. An index that an operator dropped, a column that was altered by hand, a migration
//! that was edited after it had run on half of the tenants: of all that the tables of migrations know nothing. [`TenantDb::drift`](crate::TenantDb::drift) reads
//! the catalogs instead, and changes nothing.
//!
//! ```no_run
//! # async fn example(
//! #     db: tenancy_sqlx::TenantDb<sqlx::Sqlite>,
//! #     tenants: Vec<tenancy_core::directory::TenantRecord>,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! use tenancy_sqlx::drift::DriftOptions;
//!
//! let report = db.drift(&tenants, &DriftOptions::new()).await?;
//! println!("{report}");
//! assert!(report.is_clean());
//! # Ok(()) }
//! ```
//!
//! prints
//!
//! ```text
//! schema, version 12: 9,981 as expected; 17 lack index `notes_body_idx`; 2 have another type of column `notes.body`
//! ```
//!
//! # What is compared
//!
//! Tenants of one version with each other: with the most of them, with [one of them](DriftReference::Tenant), or with what the migrations
//! [make anew](DriftReference::Build). On PostgreSQL these are tables (persistence, options, row-level security, partitions, inheritance,
//! replica identity, publications), columns (type, default, nullability, identity, generation, collation, storage), constraints and
//! whether they are valid and enforced, indexes and whether they are valid, policies, triggers and whether they are enabled, rules,
//! views, functions, types and domains, sequences, statistics objects, collations, operators, text search objects, owners, grants and
//! default privileges; of a tenant's database also its extensions, other schemas, event triggers, publications, foreign servers,
//! settings, owner and encoding. On SQLite these are columns, constraints, indexes, triggers and views.
//!
//! Left out are what a catalog tells of rows, such as the values of sequences and statistics; comments; and the order of columns, which
//! differs between a table that was altered and one that was made. The name of the tenant's own schema or database is the same as
//! any other tenant's. The body of a function that contains that name is [not compared](VersionDrift::not_compared).
//!
//! The tables of the strategy `row` are all tenants', so there is nothing to compare.
//!
//! # Versions of tenants
//!
//! A tenant's version is that of the latest migration that has run on its data. It is recorded in the database that holds the data, in the
//! transaction of the migration: in the tenant's place where the database is [fenced](crate::IsolationStrategy::is_fenced), and in the
//! table `tenancy_versions` where it is not. Which version a tenant is compared by is read from its table of migrations, which a record
//! could contradict.

#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod catalog;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod compare;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod group;
#[cfg(all(test, any(feature = "postgres", feature = "sqlite")))]
mod group_tests;
mod options;
mod report;
mod run;

#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) use catalog::{Catalog, Fact, OwnName};
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) use group::{ReadCatalogs, Reference, Survey, Surveyed};
pub use options::{DriftOptions, DriftReference};
pub use report::{Change, Difference, DriftReport, NotCompared, StrategyDrift, VersionDrift};
