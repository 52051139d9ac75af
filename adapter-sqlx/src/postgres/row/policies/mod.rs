//! The declaration written into the catalog: what is there, what differs, and the statements that mend it.

pub(super) mod attempts;
mod difference;
mod guard;
mod look;
pub(super) mod migrations;
#[expect(clippy::module_inception, reason = "the file of the policies themselves")]
mod policies;
mod spelling;
mod sql;
