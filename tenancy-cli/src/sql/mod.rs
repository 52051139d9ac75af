//! SQL in one tenant's scope, and tables that are adopted.

mod adopt;
mod cell;
mod one_statement;
mod psql;
mod statement;

pub(crate) use adopt::adopt;
pub(crate) use psql::psql;
pub(crate) use statement::{Statements, piped, sql};
