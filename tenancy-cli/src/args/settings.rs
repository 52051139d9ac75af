//! The commands about settings.

use clap::Subcommand;
use tenancy_sqlx::StoredSettings;

use super::OneTenant;
use super::change::Change;

#[derive(Debug, Subcommand)]
pub(crate) enum SettingsCommand {
    /// Print what a tenant has set of its own, or the value of one key. What is not set has the service's default.
    Get {
        #[command(flatten)]
        tenant: OneTenant,
        /// The key [default: all of them].
        #[arg(value_parser = key)]
        key: Option<String>,
    },
    /// Set one key of a tenant.
    Set(SetSetting),
    /// Take one key from a tenant's own settings, so that it has the service's default.
    Unset {
        #[command(flatten)]
        tenant: OneTenant,
        /// The key.
        #[arg(value_parser = key)]
        key: String,
        #[command(flatten)]
        write: WriteSetting,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct SetSetting {
    #[command(flatten)]
    pub(crate) tenant: OneTenant,
    /// The key.
    #[arg(value_parser = key)]
    pub(crate) key: String,
    /// The value as JSON, such as `20`, `true`, `"a text"` or `{"rate":5}` [default: what is piped in, as a secret should be].
    #[arg(allow_hyphen_values = true)]
    pub(crate) value: Option<String>,
    /// Take the value as a text, and not as JSON.
    #[arg(long)]
    pub(crate) text: bool,
    #[command(flatten)]
    pub(crate) write: WriteSetting,
}

#[derive(Debug, clap::Args)]
pub(crate) struct WriteSetting {
    /// Change nothing unless the settings still have this revision.
    #[arg(long, value_name = "N")]
    pub(crate) if_revision: Option<u64>,
    #[command(flatten)]
    pub(crate) change: Change,
}

fn key(text: &str) -> Result<String, String> {
    let most = StoredSettings::MAX_KEY_BYTES;
    if text.is_empty() || text.len() > most || text.chars().any(char::is_control) {
        return Err(format!("a key has 1 to {most} bytes without control characters"));
    }
    Ok(text.to_owned())
}
