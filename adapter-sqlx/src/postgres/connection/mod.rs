//! Connections between two transactions: how one is begun, committed, kept warm, and replaced when it is stale.

mod attempt;
pub(super) mod begin;
pub(super) mod commit;
pub(super) mod direct;
mod echo;
pub(super) mod pool;
mod return_in_step;
pub(super) mod session_pins;
pub(super) mod stale;
pub(super) mod statement_names;
pub(super) mod warm_pool;
pub(super) mod working;
