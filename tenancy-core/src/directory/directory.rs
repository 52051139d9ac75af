//! Where tenants are looked up.

use core::future::Future;

use crate::{Domain, Lookup, Step, TenantHandle, TenantKey, TenantRecord};

/// What a directory answers with: a tenant's record, and which domains are the tenant's.
pub trait TenantEntry {
    /// The tenant's record.
    fn record(&self) -> &TenantRecord;

    /// The tenant's record, to be handed on. An entry that is kept and looked up often keeps the handle, too: the
    /// default copies the record.
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

/// A store of tenants.
///
/// Three answers are told apart: this tenant, no such tenant, and "I cannot tell", the error. An
/// error refuses the request with 503; it never counts as "no such tenant".
pub trait Directory: Send + Sync {
    /// What a look-up finds.
    type Entry: TenantEntry + Send;
    /// Why a look-up fails.
    type Error: core::error::Error + Send + Sync + 'static;

    /// Looks a tenant up by the key that a request names.
    ///
    /// # Errors
    ///
    /// Where the directory cannot tell.
    fn find(&self, key: &TenantKey) -> impl Future<Output = Result<Option<Self::Entry>, Self::Error>> + Send;

    /// The answer, where it is at hand without waiting; `None` where [`find`](Self::find) must be
    /// asked. It keeps a warm request from being put on the heap.
    fn find_now(&self, key: &TenantKey) -> Option<Option<Self::Entry>> {
        let _ = key;
        None
    }

    /// Answers a look-up where the answer is at hand without waiting; else hands it back. A directory that keeps its
    /// entries answers with them where they are, and hands none out. Default: by [`find_now`](Self::find_now).
    ///
    /// # Errors
    ///
    /// The look-up, for which [`find`](Self::find) must be asked.
    #[cfg_attr(
        not(feature = "std"),
        expect(clippy::result_large_err, reason = "there is no allocator to box with")
    )]
    fn answer_now<'r>(&self, lookup: Lookup<'r>) -> Result<Step<'r>, Lookup<'r>> {
        match self.find_now(lookup.key()) {
            Some(answer) => Ok(lookup.answered(answer.as_ref())),
            None => Err(lookup),
        }
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

            fn find_now(&self, key: &TenantKey) -> Option<Option<Self::Entry>> {
                (**self).find_now(key)
            }

            fn answer_now<'r>(&self, lookup: Lookup<'r>) -> Result<Step<'r>, Lookup<'r>> {
                (**self).answer_now(lookup)
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
