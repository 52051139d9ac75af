//! The ledger of runs: how far each run of migrations has come, and which process works on what.
//!
//! It is no truth about tenants' data: that stands in a ledger beside the data. So nothing here has to hold when a process was
//! paused or a clock is wrong; a lease only keeps two processes from waiting for each other.

mod claim;
mod item;
mod ledger;
mod results;
mod tenants;

pub(crate) use item::{ItemState, NewItem, Turn};
pub(crate) use ledger::{NewRun, StoredRun};
pub(crate) use results::TurnResult;
