//! Processes that have the application's credentials alone.

mod directory;
mod impersonation;
mod refused;
mod strategies;
