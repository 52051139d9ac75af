//! The commands about the directory.

mod changing;
mod completions;
pub(crate) mod domains;
pub(crate) mod events;
pub(crate) mod impersonations;
pub(crate) mod members;
pub(crate) mod settings;
pub(crate) mod tenants;

pub(crate) use completions::completions;
