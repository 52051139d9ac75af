//! Multi-tenancy for Rust services, in one crate.
//!
//! One file says how requests name tenants, who is let in, and how tenants' data is kept apart. One call opens it:
//!
//! ```
//! # #[cfg(all(feature = "axum", feature = "postgres", feature = "jwt"))] mod example {
//! use axum::{Router, routing::get};
//! use tenancy::axum::{Tenancy, Tenant};
//! use tenancy::{OpenError, Postgres};
//!
//! async fn notes(tenant: Tenant) -> String {
//!     format!("notes of {}, shown to {}", tenant.id(), tenant.subject())
//! }
//!
//! async fn app() -> Result<Router, OpenError> {
//!     // The roles, the tables, the issuers: see `tenancy.example.toml`. All that is wrong with it is one error.
//!     let opened = tenancy::open::<Postgres>("tenancy.toml")
//!         .with_migrations("row", sqlx::migrate!("tests/migrations/shared"))
//!         .await?;
//!     let tenancy = Tenancy::from(opened.tenancy);
//!     Ok(Router::new().route("/notes", get(notes)).layer(tenancy.scoped()))
//! }
//! # }
//! ```
//!
//! ```toml
//! # tenancy.toml
//! version = 1
//!
//! [resolution]
//! resolvers = ["header"]
//! header_name = "x-tenant-id"
//!
//! [jwt]
//! issuer = "https://issuer.example.com"
//! audience = "notes"
//! keys = [{ kid = "1", algorithm = "RS256", public_key_file = "issuer.pem" }]
//!
//! [database]
//! url_env = "DATABASE_URL"                       # the application's role
//! administrator_url_env = "DATABASE_ADMIN_URL"   # not set: this process only serves
//!
//! [strategies.row]
//! tables = ["notes"]
//! ```
//!
//! `tenancy init`, of the crate `tenancy-cli`, writes such a file, and makes the roles and the databases that it describes.
//!
//! The pages of [`getting_started`] have complete programs for each framework, on SQLite and PostgreSQL, and [`tasks`] what a
//! service does with its tenants.
//!
//! This crate has no rules of its own: it re-exports the project's crates, and opens them together. Each of them can be used
//! by itself.
//!
//! # Features
//!
//! All are off by default.
//!
//! - `axum`, `poem`, `warp`: the adapter of a framework. Each includes `http`.
//! - `http`: the tower layer, for hyper and every other tower stack.
//! - `jwt`: verification of bearer tokens. `jwks`: key sets that are fetched over HTTPS.
//! - `postgres`, `sqlite`: tenants' data and the directory, and [`open`].
//! - `cache`: the directory's answers, cached. `postgres` and `sqlite` include it.
//! - `settings`: what each tenant has set, as a type of the application. `postgres` and `sqlite` include it.
//! - `limits`: each tenant's requests per second and at a time. `postgres` and `sqlite` include it.
//! - `keys`: keys of what all tenants share, which carry their tenant; with `moka`, `redis` and `object-store` for those.
//! - `jobs`: jobs that carry their tenant; with `postgres` a queue of them, too.
//! - `testing`: the module `testing`, for the tests of applications. Turn it on under `[dev-dependencies]` alone.
//! - `metrics`, `spans`: what happens, for the crates `metrics` and `tracing`.
//! - `config`: the tables `[resolution]` and `[enforcement]` alone. `postgres` and `sqlite` include it.

#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod file;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod open;

#[cfg(feature = "postgres")]
pub use sqlx::Postgres;
#[cfg(feature = "sqlite")]
pub use sqlx::Sqlite;
#[cfg(feature = "axum")]
pub use tenancy_axum as axum;
#[cfg(feature = "cache")]
pub use tenancy_cache as cache;
pub use tenancy_core::{clock, context, directory, enforce, lifecycle, names, request, resolve};
#[cfg(feature = "http")]
pub use tenancy_http as http;
#[cfg(feature = "jobs")]
pub use tenancy_jobs as jobs;
#[cfg(feature = "jwt")]
pub use tenancy_jwt as jwt;
#[cfg(feature = "keys")]
pub use tenancy_keys as keys;
#[cfg(feature = "limits")]
pub use tenancy_limits as limits;
#[cfg(feature = "poem")]
pub use tenancy_poem as poem;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use tenancy_sqlx as sql;
#[cfg(feature = "warp")]
pub use tenancy_warp as warp;

#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use open::{
    Data, Describe, Description, Open, OpenData, OpenDatabase, OpenDirectory, OpenError, OpenFailure, OpenFailures,
    OpenMigrations, OpenPlaces, open, open_text,
};
#[cfg(all(feature = "http", any(feature = "postgres", feature = "sqlite")))]
pub use open::{OpenRules, Opened, Rules};

/// Complete programs, from an empty folder to the first answers.
#[cfg(any(doc, doctest))]
pub mod getting_started {
    #[cfg(all(feature = "axum", feature = "jwt", feature = "sqlite"))]
    #[doc = include_str!("../docs/getting-started-axum.md")]
    pub mod axum {}
    #[cfg(all(feature = "jwt", feature = "poem", feature = "sqlite"))]
    #[doc = include_str!("../docs/getting-started-poem.md")]
    pub mod poem {}
    #[doc = include_str!("../docs/getting-started-postgresql.md")]
    pub mod postgresql {}
    #[cfg(all(feature = "http", feature = "jwt", feature = "sqlite"))]
    #[doc = include_str!("../docs/getting-started-tower.md")]
    pub mod tower {}
    #[cfg(all(feature = "jwt", feature = "sqlite", feature = "warp"))]
    #[doc = include_str!("../docs/getting-started-warp.md")]
    pub mod warp {}
}

#[cfg(all(feature = "http", feature = "postgres", any(doc, doctest)))]
#[doc = include_str!("../docs/tasks.md")]
pub mod tasks {}

/// For the tests of applications: made-up tenants, issuers and databases, and a check that a handler leaks nothing.
///
/// ```no_run
/// # #[cfg(all(feature = "http", feature = "jwt", feature = "postgres"))]
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use tenancy::Postgres;
/// use tenancy::testing::{TestIssuer, TestPostgres};
///
/// let postgres = TestPostgres::new(&std::env::var("DATABASE_URL")?).await?;
/// let issuer = TestIssuer::new("https://login.example.com", "notes");
///
/// // The service's own file, with the issuer's `jwks_file = "jwks.json"`, and `prefix = "notes_tenant_"`.
/// let folder = std::env::temp_dir();
/// std::fs::write(folder.join("jwks.json"), issuer.jwks())?;
/// let file = std::fs::read_to_string("tenancy.toml")?.replace("notes_tenant_", &postgres.database_prefix());
/// let opened = tenancy::open_text::<Postgres>(file, &folder)
///     .with_variable("DATABASE_URL", postgres.application_url())
///     .with_variable("DATABASE_ADMIN_URL", postgres.administrator_url())
///     .await?;
/// let token = issuer.token("alice").with_tenant("acme").sign();
/// # let _ = (opened, token);
/// # Ok(()) }
/// ```
#[cfg(feature = "testing")]
pub mod testing {
    pub use tenancy_core::testing::{TestTenant, TestTenants};
    #[cfg(feature = "http")]
    pub use tenancy_http::testing::{Leak, LeakCheck, Mark, collect, tenancy_of};
    #[cfg(feature = "jwt")]
    pub use tenancy_jwt::testing::{TestIssuer, TestToken};
    #[cfg(feature = "postgres")]
    pub use tenancy_sqlx::testing::TestPostgres;
    #[cfg(feature = "sqlite")]
    pub use tenancy_sqlx::testing::TestSqlite;
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub use tenancy_sqlx::testing::{db_of, provisioned};
}

/// The tables of a configuration, as plain types that code can fill in.
#[cfg(feature = "config")]
pub mod config {
    #[cfg(feature = "postgres")]
    pub use crate::file::postgres::{
        PgColumnType, PgDatabaseConfig, PgDatabaseStrategyConfig, PgDirectoryConfig, PgRowConfig, PgSchemaConfig,
        PgServerConfig, PgStrategiesConfig, PgTableConfig, PgTableEntry, PgTableRight, PostgresConfig,
    };
    #[cfg(feature = "sqlite")]
    pub use crate::file::sqlite::{
        SqliteConfig, SqliteDatabaseStrategyConfig, SqliteDirectoryConfig, SqliteRowConfig, SqliteStrategiesConfig,
        SqliteTableConfig,
    };
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub use crate::file::{CacheConfig, ConfigProblem, ConfigProblems, JwtTable, LimitsConfig, PoolConfig};
    pub use tenancy_core::config::{
        ClaimName, ConfigError, ConfigVersion, EnforcementConfig, MembershipKind, ResolutionConfig, TenancyConfig,
    };
}

/// The programs of the page on settings, which is in the repository alone.
#[cfg(all(doctest, feature = "axum", feature = "postgres"))]
#[doc = include_str!("../../docs/settings.md")]
mod settings_page {}

/// The programs of the page on limits, which is in the repository alone.
#[cfg(all(doctest, feature = "axum", feature = "limits"))]
#[doc = include_str!("../../docs/limits.md")]
mod limits_page {}

/// The program of the page on impersonation, which is in the repository alone.
#[cfg(all(doctest, feature = "axum", feature = "postgres"))]
#[doc = include_str!("../../docs/impersonation.md")]
mod impersonation_page {}

/// The example of the package's README, as a doc test.
#[cfg(all(doctest, feature = "axum", feature = "jwt", feature = "sqlite"))]
#[doc = include_str!("../README.md")]
mod readme {}
