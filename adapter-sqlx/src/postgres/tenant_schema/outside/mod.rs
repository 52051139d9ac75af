//! What migrations reach outside of the tenant's schema: what they may, what shows that they do not, and what has changed there.

mod changed;
mod locked;
pub(super) mod plain;
pub(in crate::postgres) mod reach;
mod server_wide;
pub(super) mod watch;
