use std::convert::Infallible;
use std::fmt;

use tenancy_core::{Change, ChangeFeed, Invalidate};
use tokio::sync::broadcast::{self, error::RecvError};

/// How many changes wait for a feed that is slow.
const CAPACITY: usize = 1024;

/// Changes that this process makes itself, told to whoever subscribes here. Cheap to clone; clones tell
/// the same feeds.
///
/// It reaches no other process. Where there are several, tell of changes by what they share, such as the
/// database.
///
/// ```
/// use tenancy_core::{Change, MemoryDirectory, TenantId};
/// use tenancy_cache::{CachedDirectory, LocalChanges, follow};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = MemoryDirectory::default();
/// let changes = LocalChanges::new();
/// let cached = CachedDirectory::new(directory);
/// tokio::spawn(follow(changes.subscribe(), cached.clone()));
/// // After a change of the tenant is committed:
/// changes.publish(Change::Tenant("acme".parse::<TenantId>()?));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct LocalChanges(broadcast::Sender<Change>);

impl LocalChanges {
    /// Changes that nobody follows yet.
    #[must_use]
    pub fn new() -> Self {
        Self(broadcast::Sender::new(CAPACITY))
    }

    /// Tells all feeds of a change. Call it after the change is committed, or may have been.
    pub fn publish(&self, change: Change) {
        // That nobody listens is no error.
        let _ = self.0.send(change);
    }

    /// A feed of all changes from now on. It ends when the last clone of this is dropped.
    #[must_use]
    pub fn subscribe(&self) -> LocalChangeFeed {
        LocalChangeFeed(self.0.subscribe())
    }
}

impl Default for LocalChanges {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for LocalChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalChanges")
            .field("feeds", &self.0.receiver_count())
            .finish()
    }
}

impl Invalidate for LocalChanges {
    fn invalidate(&self, change: &Change) {
        self.publish(change.clone());
    }
}

/// The feed of [`LocalChanges`]. One that lags by more than 1,024 changes tells of everything instead.
pub struct LocalChangeFeed(broadcast::Receiver<Change>);

impl fmt::Debug for LocalChangeFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalChangeFeed")
            .field("waiting", &self.0.len())
            .finish()
    }
}

impl ChangeFeed for LocalChangeFeed {
    type Error = Infallible;

    async fn next(&mut self) -> Result<Option<Change>, Infallible> {
        match self.0.recv().await {
            Ok(change) => Ok(Some(change)),
            Err(RecvError::Lagged(_)) => Ok(Some(Change::Everything)),
            Err(RecvError::Closed) => Ok(None),
        }
    }
}
