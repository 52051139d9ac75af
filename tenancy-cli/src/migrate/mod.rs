//! `migrate`: all tenants, brought to the version of this release, and looked at; and `runs`.

mod board;
mod chosen;
mod drift;
mod failures;
mod plan;
mod report;
mod resume;
mod run;
mod runs;
mod standing;

pub(crate) use drift::drift;
pub(crate) use plan::plan;
pub(crate) use resume::resume;
pub(crate) use run::run;
pub(crate) use runs::{latest, list, show, status};
pub(crate) use standing::findings;
