use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, TryLockError};
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use secrecy::zeroize::Zeroizing;
use tenancy_core::clock::{Clock, SystemClock};
use thiserror::Error;

use crate::jwks::jwk_set::{JwkRules, JwkSet};
use crate::jwks::jwks_error::MAX_DOCUMENT_LEN;
use crate::key::key_set::KeySet;
use crate::{AlgorithmsError, JwksError, KeyAlgorithm};

const DEFAULT_INTERVAL: Duration = Duration::from_secs(10);

/// A key set in a file (RFC 7517 §5), read again when it changes.
///
/// A token looks at the file, at most once in 10 s, unless set otherwise; it is small and local, so that
/// nobody waits. One that is no regular file, or that cannot be read or used, then leaves the keys as they
/// were, and is logged once.
///
/// # Which keys of a key set are used
///
/// The same rules hold for the document of a `RemoteJwks`, which says below what differs.
///
/// - A member that is malformed, for another use, or of another kind or algorithm is left out. One warning
///   for each load says which members, and why.
/// - A token chooses a key by its `kid` and its `alg`. A key without `alg` has the first of the accepted
///   algorithms that fits it. Keys of one `kid` and different algorithms serve side by side.
/// - A copy of a key counts once. Two members are copies if they have the same `kid`, algorithm, `issuer`,
///   and the same numbers or secret; the order of names, white space and members that are not used, such as
///   `x5c`, make no difference.
/// - Two different keys of one `kid` and algorithm are both left out, with that warning: nobody can tell
///   which of them the issuer means. If they were all of its keys, none can be used.
/// - A key without a `kid` is left out if there are others.
///
/// The document is refused as a whole if it has a private key; secrets (`oct`, or a member `k`) beside public
/// keys; more than 64 KiB or 64 keys; no key that can be used; or if it is no JSON object that has each name
/// once, with an array `keys`. Private keys and secrets are looked for in every member, before any is left
/// out: what shows that secrets were published refuses the document, whatever else would be odd about the member.
#[doc(alias = "JWKS rotation")]
#[doc(alias = "key rotation")]
pub struct JwksFile {
    path: PathBuf,
    rules: JwkRules,
    interval: Duration,
    clock: Arc<dyn Clock>,
    keys: RwLock<Arc<KeySet>>,
    look: Mutex<Look>,
}

/// When the file was looked at, and what it was.
struct Look {
    at: Instant,
    seen: Seen,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// The hash of what the file says, which may be secrets.
    Content([u8; 32]),
    Unreadable(io::ErrorKind),
}

impl JwksFile {
    /// A key set in this file, which has yet to be opened.
    #[must_use]
    pub fn builder(path: impl Into<PathBuf>) -> JwksFileBuilder {
        JwksFileBuilder {
            path: path.into(),
            algorithms: KeyAlgorithm::PUBLIC.into(),
            interval: DEFAULT_INTERVAL,
            clock: Arc::new(SystemClock),
        }
    }

    /// The keys, after a look at the file if it is time for one.
    pub(crate) fn current(&self) -> Arc<KeySet> {
        self.look();
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn look(&self) {
        let mut look = match self.look.try_lock() {
            Ok(look) => look,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Another thread is reading the file. Its keys are there soon enough.
            Err(TryLockError::WouldBlock) => return,
        };
        let now = self.clock.now();
        if now.saturating_duration_since(look.at) < self.interval {
            return;
        }
        look.at = now;
        let read = read(&self.path);
        let seen = Seen::of(&read);
        if seen == look.seen {
            return;
        }
        look.seen = seen;
        match parse(&self.path, &self.rules, read) {
            Ok(keys) => *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys),
            Err(problem) => tracing::error!(
                path = %self.path.display(),
                "failed to use the key set after it changed, the keys stay as they were: {problem}"
            ),
        }
    }
}

impl std::fmt::Debug for JwksFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JwksFile")
            .field("path", &self.path)
            .field("rules", &self.rules)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

impl Seen {
    fn of(read: &io::Result<Zeroizing<Vec<u8>>>) -> Self {
        match read {
            Ok(document) => {
                let mut hash = [0; 32];
                hash.copy_from_slice(digest(&SHA256, document).as_ref());
                Self::Content(hash)
            }
            Err(error) => Self::Unreadable(error.kind()),
        }
    }
}

/// Configures a [`JwksFile`] before the file is read.
pub struct JwksFileBuilder {
    path: PathBuf,
    algorithms: Vec<KeyAlgorithm>,
    interval: Duration,
    clock: Arc<dyn Clock>,
}

impl JwksFileBuilder {
    /// The algorithms that its keys may have. A key without `alg` has the first of them that fits it.
    /// Default: [`KeyAlgorithm::PUBLIC`], so that an RSA key without `alg` is for `RS256`.
    ///
    /// Secrets (`oct`) are accepted where HS256, HS384 or HS512 is, which then stand alone.
    #[must_use]
    pub fn with_algorithms(mut self, algorithms: impl IntoIterator<Item = KeyAlgorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// The least time between two looks at the file. Default: 10 s.
    #[must_use]
    pub const fn with_check_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Sets the clock, for tests. Default: the system's.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Reads the file, and builds the key set from it.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read or used, or if the algorithms do not go together.
    pub fn build(self) -> Result<JwksFile, JwksFileError> {
        let rules = JwkRules::new(self.algorithms, false)?;
        let at = self.clock.now();
        let read = read(&self.path);
        let seen = Seen::of(&read);
        let keys = parse(&self.path, &rules, read)?;
        Ok(JwksFile {
            path: self.path,
            rules,
            interval: self.interval,
            clock: self.clock,
            keys: RwLock::new(Arc::new(keys)),
            look: Mutex::new(Look { at, seen }),
        })
    }
}

impl std::fmt::Debug for JwksFileBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JwksFileBuilder")
            .field("path", &self.path)
            .field("algorithms", &self.algorithms)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

/// What the file says, up to one byte more than it may.
fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    // Opening a pipe waits for a writer, and there may be none.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    let mut document = Zeroizing::new(Vec::with_capacity(MAX_DOCUMENT_LEN + 1));
    let limit = MAX_DOCUMENT_LEN as u64 + 1;
    File::open(path)?.take(limit).read_to_end(&mut document)?;
    Ok(document)
}

fn parse(path: &Path, rules: &JwkRules, read: io::Result<Zeroizing<Vec<u8>>>) -> Result<KeySet, JwksFileError> {
    let JwkSet { keys, skipped } = rules.parse(&read?)?;
    let path = path.display();
    if !skipped.is_empty() {
        tracing::warn!(%path, count = skipped.len(), "left out keys of the key set: {skipped}");
    }
    if keys.len() == 0 {
        return Err(JwksError::NoUsableKey.into());
    }
    tracing::info!(%path, keys = keys.len(), "read a key set");
    Ok(keys)
}

/// Why a key set's file cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JwksFileError {
    /// It cannot be read.
    #[error("failed to read the key set: {0}")]
    Read(io::Error),
    /// What it says is no key set to be used.
    #[error("the key set is refused: {0}")]
    Document(JwksError),
    /// The algorithms do not go together.
    #[error(transparent)]
    Algorithms(#[from] AlgorithmsError),
}

// Told in the message, and so no source: a report would print it twice.
impl From<io::Error> for JwksFileError {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

impl From<JwksError> for JwksFileError {
    fn from(error: JwksError) -> Self {
        Self::Document(error)
    }
}
