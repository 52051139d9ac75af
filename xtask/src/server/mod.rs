//! Servers that a command starts for itself and throws away: PostgreSQL, and PgBouncer in front of it. And the browser that a test
//! drives.

pub(crate) mod browser;
pub(crate) mod in_memory;
mod pooler;
pub(crate) mod postgres;
mod server_process;
