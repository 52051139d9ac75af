use std::convert::Infallible;
use std::fmt;

use tenancy_core::directory::{Change, ChangeFeed, Invalidate};
use tokio::sync::broadcast::{self, error::RecvError};

/// How many changes are queued for a slow feed.
const CAPACITY: usize = 1024;

/// Changes that this process makes itself, delivered to all that subscribe here. It is cheap to clone; clones deliver to
/// the same feeds.
///
/// It reaches no other process. If there are several, publish changes by what they share, such as the database.
///
/// ```
/// use tenancy_core::directory::{Change, MemoryDirectory};
/// use tenancy_core::names::TenantId;
/// use tenancy_cache::{CachedDirectory, LocalChanges, follow};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = MemoryDirectory::default();
/// let changes = LocalChanges::new();
/// let cached = CachedDirectory::new(directory);
/// tokio::spawn(follow(changes.subscribe(), cached.clone()));
/// // After a change of the tenant is committed:
/// changes.publish(Change::tenant("acme".parse::<TenantId>()?));
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[doc(alias = "pub/sub")]
pub struct LocalChanges(broadcast::Sender<Change>);

impl LocalChanges {
    /// A publisher without subscribers.
    #[must_use]
    pub fn new() -> Self {
        Self(broadcast::Sender::new(CAPACITY))
    }

    /// Delivers a change to all feeds. Call it after the change is committed, or may have been.
    pub fn publish(&self, change: Change) {
        // It is no error if nobody has subscribed.
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

/// The feed of [`LocalChanges`]. If it lags by more than 1,024 changes, it delivers [`Change::Everything`] in their place.
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
