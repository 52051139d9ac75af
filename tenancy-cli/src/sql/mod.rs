//! SQL in one tenant's scope, and tables that are adopted.

mod adopt;
mod cell;
mod one_statement;
mod psql;
mod sessions;
mod statement;

pub(crate) use sessions::Sessions;
pub(crate) use statement::{Statements, sql};
