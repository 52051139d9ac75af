//! How far the migrations of a tenant reach.

use crate::postgres::identifier::PgIdentifier;

/// What migrations may change.
#[derive(Clone, Copy)]
pub(in crate::postgres) enum Reach<'p> {
    /// The schema, and what is everybody's in the shared ones: extensions, types and functions.
    Schema { shared: &'p [PgIdentifier] },
    /// All of the database: it is the tenant's.
    Database,
}
