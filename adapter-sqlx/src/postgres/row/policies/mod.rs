//! The declaration written into the catalog: what is there, what differs, and the statements that mend it.

mod difference;
pub(super) mod guard;
mod look;
pub(super) mod migrations;
mod policies;
mod policy_names;
mod spelling;
mod sql;
