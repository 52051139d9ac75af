//! The decision about a request: steps that own what comes next, and the admission or refusal that they lead to.

mod access;
mod admitted;
mod again;
mod caller;
mod cause;
mod disclosure;
mod drive;
mod enforcer;
#[cfg(feature = "std")]
mod explanation;
mod job;
mod observer;
mod outcome;
mod rejection;
mod standing;
mod steps;

pub use access::Access;
pub use admitted::{Admitted, Visit};
pub use caller::Caller;
pub use cause::Cause;
pub use disclosure::Disclosure;
pub use drive::{Fault, Refused, drive, drive_now, drive_now_observed, drive_observed};
pub use enforcer::Enforcer;
#[cfg(feature = "std")]
pub use explanation::{Explanation, Trace, explain, explain_now};
pub use job::{JobRefused, admit_job};
pub use observer::{LookUpAnswer, MembershipAnswer, Observer};
pub use outcome::Outcome;
pub use rejection::Rejection;
pub use standing::Standing;
pub use steps::{Authorize, Lookup, Step};
