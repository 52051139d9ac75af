//! The command line that operates the tenants of a service, as a library that the service embeds.
//!
//! It reads the `tenancy.toml` that the service opens ([`tenancy::open`]), so that neither repeats the other. Embedded, it has
//! the service's own migrations and resolvers compiled in:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use tenancy_cli::Cli;
//!
//! fn main() -> ExitCode {
//!     // `sqlx::migrate!()` most often.
//!     let migrations = sqlx::migrate::Migrator::with_migrations(vec![]);
//!     Cli::new("notes-tenants").with_migrations("row", migrations).run()
//! }
//! ```
//!
//! The crate's binary `tenancy` is the same command for services whose migrations are in folders that the file names.
//!
//! # Output
//!
//! Data is on stdout, progress, questions and errors are on stderr. With `--json` stdout has one document,
//! `{"v":1,"ok":true,"next":[]}` and what the command found, also of an error; what never ends is a document a line.
//! `next` says what to do next.
//!
//! | exit code | |
//! |---|---|
//! | 0 | done |
//! | 1 | failed |
//! | 2 | the command line is wrong |
//! | 3 | looked, and found something |
//! | 4 | done in part |
//! | 130 | interrupted: the same command goes on, or the one that is printed |
//!
//! # Security
//!
//! No secret is an argument, and none is printed: URLs and tokens come from variables and files. Who runs the command is the
//! actor of each event (`--actor`), by what the operating system says; it is an entry of an audit, and proves nothing.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod args;
mod check;
mod cli;
mod commands;
mod database;
mod explain;
mod fence;
mod init;
mod interrupt;
mod migrate;
mod output;
mod process;
mod reach;
mod run;
mod site;
mod sql;

pub use cli::Cli;

/// The example of the package's README, as a doc test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
