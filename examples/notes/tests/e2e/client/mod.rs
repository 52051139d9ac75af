//! What a client sends and receives, in bytes where it matters.

pub(crate) mod answer;
pub(crate) mod raw;
pub(crate) mod streams;
pub(crate) mod token;
