//! The settings of a tenant, which the application's type reads: a small JSON object beside the record, written by its revision.

mod changed_keys;
mod settings_error;
pub(super) mod store;
mod stored_settings;

pub use settings_error::SettingsError;
pub use stored_settings::StoredSettings;
