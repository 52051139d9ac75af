//! Checks of roles and of sessions: who the application and the administrator are, and what is preset for them.

pub(super) mod administrator;
pub(super) mod connection;
pub(super) mod missing;
pub(super) mod presets;
pub(super) mod roles;
pub(super) mod setting;
