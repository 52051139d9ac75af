//! Work without a request: a capability that the directory is asked for.

use core::fmt;

use crate::directory::{Directory, TenantEntry, TenantStatus, answers_to};
use crate::enforce::{Admitted, Standing};
use crate::names::{ResolverName, Subject, TenantId, TenantKey};

/// Admits a job to a tenant, if the directory knows the tenant and says that it is active.
///
/// A queue's worker, a scheduler or a command has no request and no caller, but it must not work for a tenant that was
/// suspended or archived since the job was enqueued. So call this when the job begins, and not when it is enqueued. The
/// capability acts as [`Standing::Job`], in no roles, and its subject is the job's own name.
///
/// ```
/// use tenancy_core::directory::MemoryDirectory;
/// use tenancy_core::enforce::{JobRefused, admit_job};
/// use tenancy_core::names::Subject;
/// # use tenancy_core::directory::{MemoryEntry, TenantRecord, TenantStatus};
/// # fn block_on<F: Future>(f: F) -> F::Output {
/// #     let mut f = std::pin::pin!(f);
/// #     let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
/// #     loop { if let std::task::Poll::Ready(out) = f.as_mut().poll(&mut cx) { return out } }
/// # }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { block_on(async {
/// # let record = |id: &str| TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap());
/// # let directory = MemoryDirectory::new(
/// #     [record("acme"), record("globex").with_status(TenantStatus::Suspended)].map(MemoryEntry::new))?;
/// let invoices = Subject::from_static("invoices");
/// let acme = admit_job(&directory, &"acme".parse()?, invoices.clone()).await?;
/// assert_eq!(acme.id().as_str(), "acme");
///
/// let refused = admit_job(&directory, &"globex".parse()?, invoices).await;
/// assert!(matches!(refused, Err(JobRefused::NotActive { .. })));
/// # Ok(()) }) }
/// ```
///
/// # Security
///
/// It decides on no membership, since there is no caller: never call it with a tenant that a request names. The id comes
/// from the job that was enqueued in the tenant's own transaction, or from the directory. A directory that caches answers
/// may be out of date by its time to live: pass it the directory itself where that matters.
///
/// # Errors
///
/// If the tenant is unknown or not active, or the directory cannot tell.
#[doc(alias = "background job")]
#[doc(alias = "worker")]
#[doc(alias = "queue")]
pub async fn admit_job<D: Directory>(
    directory: &D,
    tenant: &TenantId,
    job: Subject,
) -> Result<Admitted, JobRefused<D::Error>> {
    let key = TenantKey::Id(tenant.clone());
    let found = directory.find(&key).await.map_err(JobRefused::Directory)?;
    let entry = found.ok_or_else(|| JobRefused::Unknown { tenant: tenant.clone() })?;
    // What is handed on is what is judged, whatever else the entry says of itself.
    let handle = entry.handle();
    if !answers_to(&entry, &key) || handle.id != *tenant {
        return Err(JobRefused::AnotherTenant { tenant: tenant.clone() });
    }
    if handle.status != TenantStatus::Active {
        return Err(JobRefused::NotActive {
            tenant: tenant.clone(),
            status: handle.status,
        });
    }
    let resolver = ResolverName::from_static("job");
    Ok(Admitted::dangerously_assume(handle, resolver, job).with_standing(Standing::Job))
}

/// Why a job is not admitted to a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobRefused<E> {
    /// There is no such tenant, or not any more.
    Unknown {
        /// The tenant.
        tenant: TenantId,
    },
    /// The tenant is not active. A suspended one may be active again later.
    NotActive {
        /// The tenant.
        tenant: TenantId,
        /// What it is instead.
        status: TenantStatus,
    },
    /// The directory has answered with another tenant than the one that it was asked for.
    AnotherTenant {
        /// The tenant that it was asked for.
        tenant: TenantId,
    },
    /// The directory cannot tell.
    Directory(E),
}

impl<E> fmt::Display for JobRefused<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { tenant } => write!(f, "no tenant `{tenant}` is in the directory"),
            Self::NotActive { tenant, status } => {
                write!(f, "the tenant `{tenant}` is {}, and not active", status.as_str())
            }
            Self::AnotherTenant { tenant } => {
                write!(f, "the directory has answered with another tenant than `{tenant}`")
            }
            Self::Directory(_) => f.write_str("failed to query the directory"),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for JobRefused<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Directory(source) => Some(source),
            _ => None,
        }
    }
}
