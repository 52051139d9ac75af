//! What the statements of both databases share: how they are sent, how rows are read, how documents are stored.

pub(in crate::directory) mod database;
pub(in crate::directory) mod json_object;
#[cfg(all(test, feature = "sqlite"))]
mod plans_tests;
pub(in crate::directory) mod rows;
pub(in crate::directory) mod write;
