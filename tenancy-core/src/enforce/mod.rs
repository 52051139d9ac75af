//! The decision about a request: steps that own what comes next, and the admission or refusal that they lead to.

mod access;
mod admitted;
mod disclosure;
mod drive;
mod enforcer;
mod job;
mod rejection;
mod standing;
mod steps;

pub use access::Access;
pub use admitted::{Admitted, Outcome, Visit};
pub use disclosure::Disclosure;
pub use drive::{Fault, Refused, drive, drive_now};
pub use enforcer::Enforcer;
pub use job::{JobRefused, admit_job};
pub use rejection::{Cause, Rejection};
pub use standing::Standing;
pub use steps::{Authorize, Lookup, Step};
