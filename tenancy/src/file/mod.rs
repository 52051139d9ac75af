//! The file `tenancy.toml`: from its text to what is opened, or to everything that is wrong with it.
//!
//! `document` reads text into tables and goes on after an error. The tables are plain types, which code may fill in as
//! well. `check` turns tables into builders of strategies: it reads variables and files, and connects to nothing.

mod cache;
mod check;
mod document;
mod enforcer;
mod expected;
mod jwt;
mod limits;
mod location;
mod migrations;
mod pasted;
mod pool;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
mod problem;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;
mod variables;

pub use cache::CacheConfig;
pub(crate) use check::Check;
pub(crate) use document::Document;
pub(crate) use enforcer::build_enforcer;
pub use jwt::JwtTable;
#[cfg(feature = "http")]
pub(crate) use jwt::refuse_unused;
#[cfg(all(feature = "http", feature = "jwt"))]
pub(crate) use jwt::{WithPayload, build_verifier};
pub use limits::LimitsConfig;
pub(crate) use limits::LimitsPlan;
pub(crate) use migrations::{Migrations, folder, minimum_version};
pub use pool::PoolConfig;
pub use problem::{ConfigProblem, ConfigProblems};
pub(crate) use variables::Variables;
