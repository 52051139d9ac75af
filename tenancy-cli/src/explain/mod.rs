//! `explain`: how a request would be decided.

mod callers;
mod decision;
mod request;

pub(crate) use decision::explain;
