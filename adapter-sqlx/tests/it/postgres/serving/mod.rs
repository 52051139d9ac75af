//! Processes that have the application's credentials alone.

mod directory;
mod refused;
mod strategies;
