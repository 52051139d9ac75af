//! Migrations of all tenants, on both databases.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod alike;
mod deploys;
mod failures;
mod kills;
mod ledger;
mod plans;
mod runs;
mod sessions;
mod shared;
mod sqlite;
pub(crate) mod support;
mod trips;
