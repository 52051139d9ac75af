//! Keys and foreign keys made anew with the tenant's column in front, as SQL that computes the statements.
//!
//! An adoption and the mends of findings use the same texts, so that both keep all else of a key.

pub(in crate::postgres::row) mod foreign_keys;
pub(in crate::postgres::row) mod keys;
