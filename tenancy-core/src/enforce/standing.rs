//! On what ground a caller acts.

/// On what ground a caller acts in a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// A member of the tenant.
    Member,
    /// No member: staff of the platform, let in by a bypass that is off by default.
    PlatformStaff,
    /// Somebody who acts in the caller's place, and is named by [`Caller::actor`](crate::enforce::Caller::actor).
    #[doc(alias = "act")]
    Impersonation,
    /// No caller at all: a job that serves no request, such as a queue's worker. See
    /// [`admit_job`](crate::enforce::admit_job).
    Job,
}
