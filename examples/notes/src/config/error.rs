//! Why a configuration cannot be used, and the setting that the error names.

use std::path::PathBuf;

use tenancy_core::names::ParseError;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("read the configuration `{}`", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("parse the configuration `{}`: {problem}", path.display())]
    Parse { path: PathBuf, problem: String },
    #[error("{key}: {problem}")]
    Setting { key: String, problem: String },
    #[error(transparent)]
    Tenancy(#[from] tenancy_core::config::ConfigError),
    #[error(transparent)]
    Jwt(#[from] tenancy_http::JwtConfigError),
    #[error("sign a token")]
    Sign(#[from] tenancy_http::SignTokenError),
}

impl ConfigError {
    pub(crate) fn setting(key: impl Into<String>, problem: impl ToString) -> Self {
        Self::Setting {
            key: key.into(),
            problem: problem.to_string(),
        }
    }
}

/// A value of a setting, or an error that names the setting.
pub(super) fn parsed<T: std::str::FromStr<Err = ParseError>>(key: &str, value: &str) -> Result<T, ConfigError> {
    value
        .parse()
        .map_err(|error| ConfigError::setting(key, format!("`{value}`: {error}")))
}
