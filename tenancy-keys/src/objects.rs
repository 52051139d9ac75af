//! The objects of one tenant in a store that all tenants share.

use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{Error, ObjectStore, ObjectStoreExt as _, Result};
use tenancy_core::enforce::Visit;
use tenancy_core::names::TenantId;

use crate::Namespace;

/// A store of objects that all tenants share, such as a bucket, in which each has a folder of its own: `uploads/acme/…`.
///
/// ```
/// use std::sync::Arc;
///
/// use object_store::path::Path;
/// use object_store::{ObjectStore, ObjectStoreExt};
/// use tenancy_core::enforce::Admitted;
/// use tenancy_keys::TenantObjects;
///
/// # async fn upload(tenant: &Admitted) -> Result<(), Box<dyn std::error::Error>> {
/// let bucket: Arc<dyn ObjectStore> = Arc::new(object_store::memory::InMemory::new());
/// let uploads = TenantObjects::new(bucket, "uploads".parse()?);
/// // In a handler:
/// uploads.of(tenant).put(&Path::parse("2024/report.pdf")?, "…".into()).await?;
/// # Ok(()) }
/// ```
///
/// # Security
///
/// A signed URL and credentials that are given away reach what they were made for: make them for the tenant's own path.
#[derive(Clone, Debug)]
#[doc(alias = "S3")]
#[doc(alias = "bucket")]
pub struct TenantObjects<S> {
    store: S,
    namespace: Namespace,
}

/// How often the objects of a tenant are listed at most until none is found.
const ROUNDS: usize = 10;

impl<S: ObjectStore + Clone> TenantObjects<S> {
    /// The objects in the folder of that name. For a deeper folder put a [`PrefixStore`] around the store first.
    #[must_use]
    pub const fn new(store: S, namespace: Namespace) -> Self {
        Self { store, namespace }
    }

    /// The objects of one tenant: a store of its own, whose paths begin in the tenant's folder. What it lists is of that tenant
    /// alone, and it copies and renames within the folder.
    #[must_use]
    pub fn of(&self, tenant: &Visit) -> PrefixStore<S> {
        PrefixStore::new(self.store.clone(), self.folder_of(tenant.id()))
    }

    /// Deletes all objects of a tenant, as where the tenant is erased. Returns how many there were.
    ///
    /// An object that is written meanwhile may stay: archive the tenant first. What a list does not show is not deleted: earlier
    /// versions where the bucket keeps them, and uploads that were not completed.
    ///
    /// # Security
    ///
    /// No enforcement has named this tenant: never call it with an id that a request names.
    ///
    /// # Errors
    ///
    /// If the store cannot be listed, or does not delete. Some of them may be deleted then; call it again.
    pub async fn dangerously_delete_tenant(&self, tenant: &TenantId) -> Result<u64> {
        let folder = self.folder_of(tenant);
        let mut deleted = self.delete_named(&folder).await?;
        // What was written while the list was read is found by the next one.
        for _ in 0..ROUNDS {
            let found = self.delete_listed(&folder).await?;
            if found == 0 {
                break;
            }
            deleted += found;
        }
        Ok(deleted)
    }

    /// Deletes the object that has the folder's own name, which no list of the folder shows: what was written at an empty path.
    async fn delete_named(&self, folder: &Path) -> Result<u64> {
        match self.store.head(folder).await {
            Ok(_) => {}
            Err(Error::NotFound { .. }) => return Ok(0),
            Err(error) => return Err(error),
        }
        self.store.delete(folder).await?;
        Ok(1)
    }

    async fn delete_listed(&self, folder: &Path) -> Result<u64> {
        let listed = self.store.list(Some(folder)).map_ok(|object| object.location);
        let mut deleting = self.store.delete_stream(listed.boxed());
        let mut deleted = 0;
        while let Some(done) = deleting.next().await {
            match done {
                Ok(_) => deleted += 1,
                // Somebody else has deleted it.
                Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(deleted)
    }

    fn folder_of(&self, tenant: &TenantId) -> Path {
        Path::from_iter([self.namespace.as_str(), tenant.as_str()])
    }
}
