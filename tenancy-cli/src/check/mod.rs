//! `check` and `verify`: what is looked at, and what was found.

mod findings;
mod looks;
mod migrations;
mod postgres;
mod sqlite;
mod verification;

pub(crate) use findings::{Checks, Finding};
pub(crate) use looks::check;
pub(crate) use postgres::{check as servers, verify as verify_postgres};
pub(crate) use sqlite::{check as files, verify as verify_sqlite};
pub(crate) use verification::{Verification, verify};
