//! One migration, run as the server runs it: as a part of a message, in no transaction, and again where it had no lock.

pub(super) mod alone;
pub(super) mod at_once;
mod index;
pub(super) mod tried;
