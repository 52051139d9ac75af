//! What is decided of a job when its turn has come.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tenancy_core::directory::{Directory, TenantStatus};
use tenancy_core::enforce::{Admitted, JobRefused, admit_job};
use tenancy_core::names::{Subject, TenantId};

use crate::sealed::Body;
use crate::{AdmittedJob, JobKeys, SealedJob};

/// The gate between a queue and a tenant: it knows the application's jobs by their code, and queries the directory whether
/// the tenant is active now.
///
/// ```
/// use tenancy_core::directory::{MemoryDirectory, MemoryEntry, TenantRecord, TenantStatus};
/// use tenancy_core::enforce::admit_job;
/// use tenancy_core::names::Subject;
/// use tenancy_jobs::{Gate, GateDecision, JobKeys, Later, TenantJob};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let keys = JobKeys::new("2026-11", b"32 random bytes of the service's")?;
/// let acme = TenantRecord::new("acme".parse()?, "row".parse()?);
/// let directory = MemoryDirectory::new([MemoryEntry::new(acme.clone())])?;
/// # let admitted = admit_job(&directory, &acme.id, Subject::from_static("example")).await?;
/// // In a request, with its `Admitted`:
/// let sealed = TenantJob::new(&admitted, Subject::from_static("welcome"), "hello").seal(&keys)?;
///
/// // In a worker, later:
/// let gate = Gate::new(directory, keys.clone());
/// let GateDecision::Run(job) = gate.admit(&sealed).await else { return Err("not run".into()) };
/// job.run(|tenant, job: tenancy_jobs::ReceivedJob<String>| async move {
///     assert_eq!(tenant.id().as_str(), "acme");
///     assert_eq!(job.payload, "hello");
///     Ok::<_, std::convert::Infallible>(())
/// })
/// .await?;
///
/// // The tenant was suspended meanwhile:
/// let suspended = acme.with_status(TenantStatus::Suspended);
/// let gate = Gate::new(MemoryDirectory::new([MemoryEntry::new(suspended)])?, keys);
/// assert!(matches!(
///     gate.admit(&sealed).await,
///     GateDecision::Later(Later::NotActive { status: TenantStatus::Suspended, .. })
/// ));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Gate<D> {
    directory: D,
    keys: JobKeys,
    data: Option<Arc<dyn LooksAtData>>,
}

/// Whether a tenant's data can be worked on now.
pub(crate) trait LooksAtData: Send + Sync {
    fn look<'l>(&'l self, admitted: &'l Admitted) -> BoxFuture<'l, Result<(), NotReady>>;
}

/// Why a tenant's data cannot be worked on now.
#[cfg_attr(
    not(feature = "postgres"),
    expect(dead_code, reason = "nothing of this crate looks at data then")
)]
pub(crate) enum NotReady {
    /// Migrations have not run on it.
    Behind,
    /// No transaction begins, for this reason.
    NoTransaction(String),
}

impl<D: Directory> Gate<D> {
    /// A gate that queries this directory and knows jobs by these keys.
    ///
    /// # Security
    ///
    /// A directory that caches lets a job of a tenant that was suspended run until its answer is out of date, and one that
    /// reads a replica may not know a new tenant and have its jobs dropped. A worker is in no hurry: pass it the
    /// directory itself.
    pub const fn new(directory: D, keys: JobKeys) -> Self {
        Self {
            directory,
            keys,
            data: None,
        }
    }

    /// Also has jobs wait whose tenant's data cannot be worked on, as `data` finds.
    #[cfg(feature = "postgres")]
    pub(crate) fn with_look(mut self, data: impl LooksAtData + 'static) -> Self {
        self.data = Some(Arc::new(data));
        self
    }

    /// Decides what becomes of a job. Call it when the work is about to begin.
    pub async fn admit(&self, sealed: &SealedJob) -> GateDecision<D::Error> {
        match self.open(sealed) {
            Some(body) => self.admit_opened(body).await,
            None => GateDecision::Drop(Dropped::Forged),
        }
    }

    /// What a job says, if a key of the application has sealed it.
    pub(crate) fn open(&self, sealed: &SealedJob) -> Option<Body> {
        sealed.open(&self.keys)
    }

    /// Decides of a job that is known to be the application's.
    pub(crate) async fn admit_opened(&self, body: Body) -> GateDecision<D::Error> {
        let (Ok(tenant), Ok(name)) = (body.tenant.parse::<TenantId>(), body.name.parse::<Subject>()) else {
            return GateDecision::Drop(Dropped::Forged);
        };
        match admit_job(&self.directory, &tenant, name).await {
            Ok(admitted) if admitted.tenant().revision < body.revision => {
                GateDecision::Later(Later::DirectoryBehind { tenant })
            }
            Ok(admitted) => match self.look(&admitted).await {
                Ok(()) => GateDecision::Run(Box::new(AdmittedJob::new(admitted, body))),
                Err(NotReady::Behind) => GateDecision::Later(Later::Behind { tenant }),
                Err(NotReady::NoTransaction(reason)) => GateDecision::Later(Later::NoTransaction { tenant, reason }),
            },
            Err(JobRefused::Unknown { tenant }) => GateDecision::Drop(Dropped::Unknown { tenant }),
            Err(JobRefused::NotActive {
                tenant,
                status: TenantStatus::Archived,
            }) => GateDecision::Drop(Dropped::Archived { tenant }),
            Err(JobRefused::NotActive { tenant, status }) => GateDecision::Later(Later::NotActive { tenant, status }),
            Err(JobRefused::Directory(error)) => GateDecision::Later(Later::Directory { tenant, error }),
            // `AnotherTenant`, and what may be added: nothing runs, and nothing is lost.
            Err(_) => GateDecision::Later(Later::NotToldApart { tenant }),
        }
    }
}

impl<D> Gate<D> {
    async fn look(&self, admitted: &Admitted) -> Result<(), NotReady> {
        match &self.data {
            Some(data) => data.look(admitted).await,
            None => Ok(()),
        }
    }
}

impl<D: fmt::Debug> fmt::Debug for Gate<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("directory", &self.directory)
            .field("keys", &self.keys)
            .field("looks_at_data", &self.data.is_some())
            .finish()
    }
}

/// What becomes of a job.
#[derive(Debug)]
#[non_exhaustive]
pub enum GateDecision<E> {
    /// It runs now.
    Run(Box<AdmittedJob>),
    /// It goes back to the queue. That was no attempt, since the work has not begun.
    Later(Later<E>),
    /// It never runs. The caller removes the job, and reports it: the worker of this crate notifies its
    /// observer and logs a warning.
    Drop(Dropped),
}

/// Why a job runs later.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Later<E> {
    /// The tenant is suspended, or not provisioned yet.
    NotActive {
        /// The tenant.
        tenant: TenantId,
        /// What it is instead of active.
        status: TenantStatus,
    },
    /// The directory's record is older than the one that the job was enqueued under.
    DirectoryBehind {
        /// The tenant.
        tenant: TenantId,
    },
    /// The tenant's data is behind the version that the worker needs: migrations have not run on it.
    Behind {
        /// The tenant.
        tenant: TenantId,
    },
    /// No transaction of the tenant begins, since its database cannot be reached, or its data is being moved.
    NoTransaction {
        /// The tenant.
        tenant: TenantId,
        /// Why not.
        reason: String,
    },
    /// The directory has answered with another tenant.
    NotToldApart {
        /// The tenant.
        tenant: TenantId,
    },
    /// The directory cannot tell.
    Directory {
        /// The tenant.
        tenant: TenantId,
        /// Why not.
        error: E,
    },
}

impl<E: fmt::Display> fmt::Display for Later<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotActive { tenant, status } => write!(f, "the tenant `{tenant}` is {}", status.as_str()),
            Self::DirectoryBehind { tenant } => {
                write!(f, "the directory is behind the job's record of the tenant `{tenant}`")
            }
            Self::Behind { tenant } => {
                write!(
                    f,
                    "the data of the tenant `{tenant}` is behind the version that the worker needs"
                )
            }
            Self::NoTransaction { tenant, reason } => {
                write!(f, "no transaction of the tenant `{tenant}` begins: {reason}")
            }
            Self::NotToldApart { tenant } => {
                write!(f, "the directory has answered with another tenant than `{tenant}`")
            }
            Self::Directory { error, .. } => write!(f, "failed to query the directory: {error}"),
        }
    }
}

/// Why a job never runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dropped {
    /// No key of the application has sealed it, or not what stands beside it in the queue. Nothing that it says is believed.
    Forged,
    /// The tenant is archived.
    Archived {
        /// The tenant.
        tenant: TenantId,
    },
    /// The directory knows no such tenant, or not any more.
    Unknown {
        /// The tenant.
        tenant: TenantId,
    },
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forged => f.write_str("the job was not sealed by a key of the application"),
            Self::Archived { tenant } => write!(f, "the tenant `{tenant}` is archived"),
            Self::Unknown { tenant } => write!(f, "no tenant `{tenant}` is in the directory"),
        }
    }
}
