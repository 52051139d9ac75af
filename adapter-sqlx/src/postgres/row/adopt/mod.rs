//! From tables without tenants to tables that tenants share.
//!
//! `adoption` is the sequence. `refusals` is what needs a decision first, `columns` adds and fills the tenant's column,
//! `keys` makes keys and foreign keys anew, `rights` lets the application work and closes partitions. `warnings` is what
//! an adoption cannot see through, `report` is what it returns.

mod adoption;
mod catalog;
mod columns;
mod error;
mod keys;
mod migration_tables;
mod referring;
mod refusals;
mod report;
mod rights;
mod warnings;

pub use error::AdoptError;
pub use report::{PgAdoption, PgAdoptionHazard, PgAdoptionWarning};
