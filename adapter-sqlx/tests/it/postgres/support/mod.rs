//! Servers, databases and roles for the tests.

pub(crate) mod database_server;
pub(crate) mod every_strategy;
pub(crate) mod fence_server;
pub(crate) mod removal_server;
pub(crate) mod schema_server;
pub(crate) mod server;
pub(crate) mod wire;
