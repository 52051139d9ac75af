//! The fence: turned on, looked at, and finished where a verb could not.

mod finish;
mod on;
mod status;
mod survey;

pub(crate) use finish::finish;
pub(crate) use on::on;
pub(crate) use status::status;
pub(crate) use survey::{Depth, databases, survey};
