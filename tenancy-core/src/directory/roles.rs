//! What a member may do, as far as names can say it.

use core::fmt;

use crate::names::Role;

/// The roles of a member in one tenant. Their meaning is the application's: tenancy carries them.
///
/// They come from what established the membership: the token that names this very tenant, the
/// directory, your own authorizer. Cheap to clone. Without the feature `std` there is nowhere to keep
/// them, and they are always empty.
///
/// ```
/// # #[cfg(feature = "std")] {
/// use tenancy_core::directory::Roles;
///
/// let roles: Roles = ["editor", "billing"].map(|role| role.parse().unwrap()).into_iter().collect();
/// assert!(roles.has("editor"));
/// assert!(!roles.has("Editor"));
/// # }
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[doc(alias = "RBAC")]
#[doc(alias = "permissions")]
pub struct Roles {
    #[cfg(feature = "std")]
    names: Option<std::sync::Arc<[Role]>>,
}

impl Roles {
    /// No roles: a member, and nothing more is known.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            #[cfg(feature = "std")]
            names: None,
        }
    }

    /// Whether the member has a role. Names are compared byte by byte.
    #[must_use]
    pub fn has(&self, role: &str) -> bool {
        self.iter().any(|other| other.as_str() == role)
    }

    /// Each role, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &Role> {
        self.as_slice().iter()
    }

    fn as_slice(&self) -> &[Role] {
        #[cfg(feature = "std")]
        return self.names.as_deref().unwrap_or_default();
        #[cfg(not(feature = "std"))]
        return &[];
    }

    /// The roles of both, each once.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        match (self.as_slice(), other.as_slice()) {
            (_, []) => self,
            ([], _) => other,
            #[cfg(feature = "std")]
            (ours, theirs) => {
                let new = theirs.iter().filter(|role| !ours.contains(role));
                ours.iter().chain(new).cloned().collect()
            }
            #[cfg(not(feature = "std"))]
            _ => self,
        }
    }
}

#[cfg(feature = "std")]
impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        let names: std::sync::Arc<[Role]> = roles.into_iter().collect();
        Self {
            names: Some(names).filter(|names| !names.is_empty()),
        }
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    #[test]
    fn unions() {
        let roles = |names: &[&str]| -> Roles { names.iter().map(|name| name.parse().unwrap()).collect() };
        for (ours, theirs, both) in [
            (&[][..], &[][..], &[][..]),
            (&["a"], &[], &["a"]),
            (&[], &["a"], &["a"]),
            (&["a", "b"], &["b", "c"], &["a", "b", "c"]),
        ] {
            assert_eq!(roles(ours).union(roles(theirs)), roles(both));
        }
        assert_eq!(roles(&[]), Roles::none());
    }
}
