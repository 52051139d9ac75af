//! What an authorizer says.

use crate::directory::Roles;

/// An authorizer's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The caller is a member of the tenant, in these roles.
    Allow(Roles),
    /// The caller is no member, and let in as staff of the platform.
    #[doc(alias = "impersonation")]
    AllowStaff,
    /// The caller is a stranger there.
    Deny,
}

impl Decision {
    /// Allows what is true, in no roles.
    #[must_use]
    pub const fn allow_if(condition: bool) -> Self {
        if condition {
            Self::Allow(Roles::none())
        } else {
            Self::Deny
        }
    }

    /// Both must allow. Roles add up; who is let in as staff by one is staff.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Deny, _) | (_, Self::Deny) => Self::Deny,
            (Self::Allow(roles), Self::Allow(others)) => Self::Allow(roles.union(others)),
            (Self::AllowStaff, _) | (_, Self::AllowStaff) => Self::AllowStaff,
        }
    }
}
