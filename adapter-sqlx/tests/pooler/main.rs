//! The tests of leaks once more, through PgBouncer in transaction mode: all transactions of a test share one
//! connection to each database. `cargo xtask test` starts it.
#![cfg(feature = "postgres")]
#![allow(dead_code, reason = "what the tests share has more than these need")]
#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

const BY_POOLER: bool = true;

mod application_name_after;
mod fleet;
mod missing_database;
mod saturated;

#[path = "../it/across.rs"]
mod across;
#[path = "../it/postgres/connection/application_name.rs"]
mod application_name;
#[path = "../it/postgres/connection/cancel.rs"]
mod cancel;
#[path = "../it/postgres/database/database.rs"]
mod database;
#[path = "../it/postgres/fence/reach.rs"]
mod fence;
#[path = "../it/postgres/connection/leaks.rs"]
mod leaks;
#[path = "../it/postgres/versions/minimum.rs"]
mod minimum;
#[path = "../it/polling.rs"]
mod polling;
#[path = "../it/postgres/row/row.rs"]
mod row;
#[path = "../it/postgres/schema/schema.rs"]
mod schema;
#[path = "../it/postgres/schema/schema_cancel.rs"]
mod schema_cancel;
#[path = "../it/postgres/support/mod.rs"]
mod support;

/// The paths by which these files know each other.
mod postgres {
    pub(crate) use crate::support;

    pub(crate) mod connection {
        pub(crate) use crate::cancel;
    }
}
