//! On what ground a caller acts.

/// On what ground a caller acts in a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// A member of the tenant.
    Member,
    /// No member: staff of the platform, let in by a bypass that is off by default.
    #[doc(alias = "impersonation")]
    PlatformStaff,
}
