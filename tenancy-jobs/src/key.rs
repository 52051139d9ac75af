//! The application's keys, by which a job is known to be its own.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use thiserror::Error;

/// What every code is made over first, so that a code that another part of the application makes with the same key is none
/// of a job.
const DOMAIN: &[u8] = b"tenancy job 1\n";

/// The keys that seal jobs: one that seals, and older ones by which jobs that wait are still known.
///
/// A job carries an HMAC-SHA-256 of what it says. A row that is written to the queue without a key is no job.
#[derive(Clone)]
pub struct JobKeys {
    current: JobKey,
    former: Vec<JobKey>,
}

#[derive(Clone)]
struct JobKey {
    id: String,
    mac: Hmac<Sha256>,
}

impl JobKeys {
    /// The fewest bytes of a secret, which are those of a SHA-256.
    pub const MIN_SECRET_LEN: usize = 32;

    /// A key with a name that tells it from later ones, such as `2026-11`, and a secret of at least
    /// [`MIN_SECRET_LEN`](Self::MIN_SECRET_LEN) random bytes.
    ///
    /// # Security
    ///
    /// The secret is the application's alone: not the database's, and not one that a tenant has. The name is no secret.
    ///
    /// # Errors
    ///
    /// If the name is empty or the secret too short.
    pub fn new(id: impl Into<String>, secret: &[u8]) -> Result<Self, JobKeyError> {
        Ok(Self {
            current: JobKey::new(id.into(), secret)?,
            former: Vec::new(),
        })
    }

    /// Also accepts jobs that were sealed by this key. To rotate: give every worker both keys,
    /// then let the service seal by the new one, and keep the old one here until no job of it waits. A worker that does not
    /// have the key of a job drops the job.
    ///
    /// # Errors
    ///
    /// If the name is empty or another key has it, or the secret is too short.
    pub fn with_former(mut self, id: impl Into<String>, secret: &[u8]) -> Result<Self, JobKeyError> {
        let key = JobKey::new(id.into(), secret)?;
        if self.find(&key.id).is_some() {
            return Err(JobKeyError::Repeated { id: key.id });
        }
        self.former.push(key);
        Ok(self)
    }

    /// The name of the key that seals, and its code of the text.
    pub(crate) fn seal(&self, text: &str) -> (String, String) {
        let code = self.current.over(text).finalize().into_bytes();
        (self.current.id.clone(), URL_SAFE_NO_PAD.encode(code))
    }

    /// Whether `code` is the code of the text by the key of that name. The comparison takes the same time for each code.
    pub(crate) fn is_sealed(&self, id: &str, text: &str, code: &str) -> bool {
        let Ok(code) = URL_SAFE_NO_PAD.decode(code) else {
            return false;
        };
        self.find(id)
            .is_some_and(|key| key.over(text).verify_slice(&code).is_ok())
    }

    fn find(&self, id: &str) -> Option<&JobKey> {
        std::iter::once(&self.current)
            .chain(&self.former)
            .find(|key| key.id == id)
    }
}

impl JobKey {
    fn new(id: String, secret: &[u8]) -> Result<Self, JobKeyError> {
        if id.is_empty() {
            return Err(JobKeyError::NoName);
        }
        if secret.len() < JobKeys::MIN_SECRET_LEN {
            return Err(JobKeyError::TooShort { id });
        }
        let Ok(mac) = Hmac::new_from_slice(secret) else {
            return Err(JobKeyError::TooShort { id });
        };
        Ok(Self { id, mac })
    }

    fn over(&self, text: &str) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(DOMAIN);
        mac.update(text.as_bytes());
        mac
    }
}

impl fmt::Debug for JobKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobKeys")
            .field("current", &self.current.id)
            .finish_non_exhaustive()
    }
}

/// Why a key for jobs is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JobKeyError {
    /// The key has no name.
    #[error("a key for jobs has no name")]
    NoName,
    /// Two keys have one name.
    #[error("two keys for jobs are named `{id}`")]
    Repeated {
        /// The name.
        id: String,
    },
    /// The secret could be guessed.
    #[error(
        "the secret of the key for jobs `{id}` is shorter than {} bytes",
        JobKeys::MIN_SECRET_LEN
    )]
    TooShort {
        /// The name.
        id: String,
    },
}
