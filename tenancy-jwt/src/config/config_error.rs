use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::limits::MAX_LEEWAY;
use crate::{JwksFileError, KeyError};

/// Why the table `[jwt]` cannot be used: which setting, and what it has to be. Never the secret.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JwtConfigError {
    /// A setting that is missing, empty, or given more than once.
    #[error("`{setting}`: expected {expected}")]
    Required {
        /// The setting.
        setting: String,
        /// What it has to be.
        expected: &'static str,
    },
    /// Neither a value nor the wish to accept any.
    #[error("`{setting}` is required; to accept any, which is dangerous, set `{opt_out} = true`")]
    RequiredUnless {
        /// The setting.
        setting: String,
        /// What makes it unnecessary.
        opt_out: String,
    },
    /// Two settings of which at most one can be meant.
    #[error("`{setting}` and `{other}` contradict each other: remove one")]
    Contradiction {
        /// The setting.
        setting: String,
        /// What contradicts it.
        other: String,
    },
    /// A leeway that is too long.
    #[error("`jwt.leeway_seconds`: expected at most {}", MAX_LEEWAY.as_secs())]
    Leeway,
    /// A file that cannot be read.
    #[error("`{setting}`: failed to read `{}`: {problem}", path.display())]
    Read {
        /// The setting.
        setting: String,
        /// The file.
        path: PathBuf,
        /// Why not.
        problem: io::Error,
    },
    /// A key that cannot be used.
    #[error("`{setting}`: {problem}")]
    Key {
        /// The setting.
        setting: String,
        /// Which key, and why not.
        problem: KeyError,
    },
    /// A key set's file that cannot be used.
    #[error("`{setting}`: `{}`: {problem}", path.display())]
    KeySet {
        /// The setting.
        setting: String,
        /// The file.
        path: PathBuf,
        /// Why not.
        problem: JwksFileError,
    },
    /// A key set that cannot be fetched at all.
    #[error("`{setting}`: {problem}")]
    Fetch {
        /// The setting.
        setting: String,
        /// Why not.
        problem: String,
    },
    /// A setting that needs a feature of this crate.
    #[error("`{setting}` needs a build with the feature `{feature}`")]
    NeedsFeature {
        /// The setting.
        setting: String,
        /// The feature.
        feature: &'static str,
    },
    /// The name of a claim is not valid.
    #[error(transparent)]
    Claim(#[from] tenancy_core::config::ConfigError),
    /// No key that tokens can be signed with.
    #[error("`jwt.keys`: expected a key with `algorithm = \"HS256\"` to sign with")]
    NoSigningKey,
}
