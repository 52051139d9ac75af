//! `check` and `verify`: what is looked at, and what was found.

mod checked;
mod findings;
mod looks;
mod migrations;
mod postgres;
mod sqlite;
mod verification;

pub(crate) use checked::Checked;
pub(crate) use findings::Finding;
pub(crate) use looks::check;
pub(crate) use verification::verify;
