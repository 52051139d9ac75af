//! Why nothing was opened.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use tenancy_sqlx::StrategyError;
use thiserror::Error;

use crate::file::ConfigProblems;

/// Why a configuration was not opened. What was opened before the error is closed again.
///
/// `Debug` writes the same lines as `Display`, with all causes, since that is what a `main` that returns the error prints.
#[derive(Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file cannot be read.
    #[error("failed to read the configuration `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the file system says.
        source: std::io::Error,
    },
    /// The configuration is wrong: every problem of it. Nothing was connected yet.
    #[error(transparent)]
    Config(#[from] ConfigProblems),
    /// The configuration is right, and databases refused or could not be reached: the failures of all of them.
    #[error(transparent)]
    Open(#[from] OpenFailures),
}

impl fmt::Debug for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&chain(self))
    }
}

/// What of a configuration could not be opened.
#[derive(Debug)]
pub struct OpenFailure {
    key: String,
    error: Box<dyn Error + Send + Sync>,
}

impl OpenFailure {
    pub(crate) fn new(key: impl Into<String>, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            key: key.into(),
            error: error.into(),
        }
    }

    /// The table of the configuration, such as `strategies.row`.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What mends it, where a command or a key of the configuration does.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        let Some(StrategyError::FenceMismatch { is_database_fenced }) = self.error.downcast_ref() else {
            return None;
        };
        let key = &self.key;
        let strategy = key.strip_prefix("strategies.").unwrap_or(key);
        Some(if *is_database_fenced {
            format!("set `{key}.fence = true`")
        } else {
            format!("run `tenancy fence on --strategy {strategy}`, or remove `{key}.fence`")
        })
    }

    /// Why not: a [`StrategyError`](tenancy_sqlx::StrategyError), unless it is about the directory or a feed.
    #[must_use]
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.error
    }
}

impl fmt::Display for OpenFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.key, chain(&*self.error))?;
        match self.advice() {
            Some(advice) => write!(f, ": {advice}"),
            None => Ok(()),
        }
    }
}

/// Everything that could not be opened. As text: a line or more for each, with all causes and findings.
#[derive(Debug)]
pub struct OpenFailures(Vec<OpenFailure>);

impl OpenFailures {
    pub(crate) const fn new(failures: Vec<OpenFailure>) -> Self {
        Self(failures)
    }

    /// What could not be opened.
    #[must_use]
    pub fn failures(&self) -> &[OpenFailure] {
        &self.0
    }
}

impl fmt::Display for OpenFailures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed to open what the configuration names")?;
        self.0.iter().try_for_each(|failure| write!(f, "\n{failure}"))
    }
}

impl Error for OpenFailures {}

/// An error with its causes, each once.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        source = error.source();
    }
    text
}
