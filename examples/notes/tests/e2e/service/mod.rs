//! The binary under test: its configuration, its database, its start and its end.

pub(crate) mod framework;
pub(crate) mod postgres;
pub(crate) mod refused;
pub(crate) mod server;
pub(crate) mod sessions;
pub(crate) mod setup;
