//! Servers that a command starts for itself and throws away: PostgreSQL, and PgBouncer in front of it.

mod pooler;
pub(crate) mod postgres;
mod server_process;
