//! Removing one tenant's rows.

mod removal;
mod removal_graph;
mod removal_refused;
