//! The version of each tenant's data: that of the latest migration that has run on it, in the database that holds it.
//!
//! It stands in the tenant's [place](crate::Place) where the database is fenced, and in a table of its own where it is not. It is
//! written in the transaction of the migration, so what it says is what has run. What is not recorded is not known: the
//! tables of migrations say it.

mod install;
mod record;
mod require;

pub(in crate::postgres) use install::{carry_over, enable, function_as_made, look_columns, on_citus, require_enabled};
pub(in crate::postgres) use record::Record;
pub(crate) use record::{forget, record, record_shared, recorded_sql};
pub(in crate::postgres) use require::{Requirement, have_shared, is_behind};
