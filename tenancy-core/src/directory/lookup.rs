//! Where tenants are looked up.

use core::future::Future;

use crate::directory::{TenantHandle, TenantRecord};
use crate::names::{Domain, TenantKey};

/// What a directory answers with: a tenant's record, and which domains are the tenant's.
pub trait TenantEntry {
    /// The tenant's record.
    fn record(&self) -> &TenantRecord;

    /// The tenant's record, to be handed on. The default copies the record; an entry that is cached and looked up often
    /// should hold the handle, too.
    fn handle(&self) -> TenantHandle {
        self.record().clone().into()
    }

    /// Whether `domain` is one of the tenant's own.
    fn has_domain(&self, domain: &Domain) -> bool;
}

impl TenantEntry for TenantHandle {
    fn record(&self) -> &TenantRecord {
        self
    }

    fn handle(&self) -> TenantHandle {
        self.clone()
    }

    fn has_domain(&self, _: &Domain) -> bool {
        false
    }
}

impl TenantEntry for TenantRecord {
    fn record(&self) -> &TenantRecord {
        self
    }

    fn has_domain(&self, _: &Domain) -> bool {
        false
    }
}

/// Whether an entry is the one that was looked up.
///
/// This is a function, not a method that an entry could override: the entry may be the wrong one.
#[must_use]
pub fn answers_to(entry: &(impl TenantEntry + ?Sized), key: &TenantKey) -> bool {
    match key {
        TenantKey::Domain(domain) => entry.has_domain(domain),
        TenantKey::Id(_) | TenantKey::Slug(_) | TenantKey::External(_) => entry.record().answers_to(key),
    }
}

/// A store of tenants.
///
/// It has three different answers: this tenant, no such tenant, and the error, "I cannot tell". An
/// error refuses the request with 503; it never counts as "no such tenant".
#[doc(alias = "tenant store")]
pub trait Directory: Send + Sync {
    /// What a look-up finds.
    type Entry: TenantEntry + Send;
    /// Why a look-up fails.
    type Error: core::error::Error + Send + Sync + 'static;

    /// Looks a tenant up by the key that a request names.
    ///
    /// # Errors
    ///
    /// Fails if the directory cannot tell.
    fn find(&self, key: &TenantKey) -> impl Future<Output = Result<Option<Self::Entry>, Self::Error>> + Send;

    /// Calls `read` with the answer, if it is available without waiting; returns `None` if [`find`](Self::find) must be
    /// called. Default: `None`.
    ///
    /// A directory that holds its entries in memory lends them from there: nothing is copied, and a warm request needs no
    /// allocation on the heap.
    #[doc(alias = "cached")]
    fn peek<T>(&self, key: &TenantKey, read: impl FnOnce(Option<&Self::Entry>) -> T) -> Option<T> {
        let _ = (key, read);
        None
    }
}

macro_rules! forward_directory {
    ($($Pointer:ty),*) => {$(
        impl<D: Directory + ?Sized> Directory for $Pointer {
            type Entry = D::Entry;
            type Error = D::Error;

            fn find(&self, key: &TenantKey) -> impl Future<Output = Result<Option<Self::Entry>, Self::Error>> + Send {
                (**self).find(key)
            }

            fn peek<T>(&self, key: &TenantKey, read: impl FnOnce(Option<&Self::Entry>) -> T) -> Option<T> {
                (**self).peek(key, read)
            }
        }
    )*};
}

forward_directory!(&D);
#[cfg(feature = "std")]
forward_directory!(std::boxed::Box<D>, std::sync::Arc<D>);

#[cfg(feature = "std")]
impl<E: TenantEntry + ?Sized> TenantEntry for std::sync::Arc<E> {
    fn record(&self) -> &TenantRecord {
        (**self).record()
    }

    fn handle(&self) -> TenantHandle {
        (**self).handle()
    }

    fn has_domain(&self, domain: &Domain) -> bool {
        (**self).has_domain(domain)
    }
}
