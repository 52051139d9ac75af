//! What `verify` finds, and how each finding is mended.

mod administrator;
pub(crate) mod verify;
mod verify_children;
pub(crate) mod verify_faults;
mod verify_indexes;
mod verify_keys;
pub(crate) mod verify_planted;
mod verify_presets;
mod verify_roles;
mod verify_runs_as_owner;
mod verify_trips;
mod verify_views;
