//! What changed in a directory, and who must be notified.

use core::fmt;
use core::future::Future;
use core::str::FromStr;
use std::boxed::Box;
use std::sync::Arc;
use std::vec::Vec;

use crate::names::{ParseError, ParseProblem, Subject, TenantId, TenantKey};

/// A change that invalidates cached answers.
///
/// Publish it after the change is committed: an answer that is read between the two would be cached as a new one.
///
/// Its text travels between processes; it is read again with [`str::parse`].
///
/// ```
/// use tenancy_core::directory::Change;
///
/// let change = Change::Member { tenant: "acme".parse()?, subject: "alice".parse()? };
/// assert_eq!(change.to_string(), "member acme alice");
/// assert_eq!("member acme alice".parse(), Ok(change));
/// # Ok::<(), tenancy_core::names::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "invalidation")]
pub enum Change {
    /// A tenant: its names, its status, its members. `tenant acme`, and each name on a line of its own: `slug rocket`.
    Tenant {
        /// The tenant.
        id: TenantId,
        /// All names that the tenant had before the change or has after it, beside its id. Empty if they are not all known: any
        /// name may be the tenant's then.
        names: Vec<TenantKey>,
    },
    /// A subject's membership in one tenant, or the roles there, by whichever issuer. `member acme alice`.
    #[doc(alias = "revocation")]
    Member {
        /// The tenant.
        tenant: TenantId,
        /// The member that was or is.
        subject: Subject,
    },
    /// A subject in all tenants, such as one whose sessions are ended. `subject alice`, and the issuer on a
    /// second line.
    Subject {
        /// Whose subject it is; `None` for any issuer's.
        issuer: Option<Arc<str>>,
        /// Who it is.
        subject: Subject,
    },
    /// A tenant's settings, and nothing else of it. `settings acme`.
    Settings {
        /// The tenant.
        tenant: TenantId,
    },
    /// Anything: changes may have been lost. `everything`.
    Everything,
}

impl Change {
    /// A change of a tenant whose names are not all known.
    #[must_use]
    pub const fn tenant(id: TenantId) -> Self {
        Self::Tenant { id, names: Vec::new() }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant { id, names } => {
                write!(f, "tenant {id}")?;
                names
                    .iter()
                    .try_for_each(|name| write!(f, "\n{} {}", form(name), name.as_str()))
            }
            Self::Member { tenant, subject } => write!(f, "member {tenant} {subject}"),
            Self::Subject { issuer: None, subject } => write!(f, "subject {subject}"),
            // A subject has no line end.
            Self::Subject {
                issuer: Some(issuer),
                subject,
            } => write!(f, "subject {subject}\n{issuer}"),
            Self::Settings { tenant } => write!(f, "settings {tenant}"),
            Self::Everything => f.write_str("everything"),
        }
    }
}

/// A text that is not a known change may come from a newer version: the receiver must treat the error as
/// [`Change::Everything`].
impl FromStr for Change {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        let change = match kind {
            "tenant" => read_tenant(rest),
            "member" => rest.split_once(' ').and_then(|(tenant, subject)| {
                Some(Self::Member {
                    tenant: tenant.parse().ok()?,
                    subject: subject.parse().ok()?,
                })
            }),
            "subject" => {
                let (subject, issuer) = match rest.split_once('\n') {
                    Some((subject, issuer)) => (subject, Some(issuer.into())),
                    None => (rest, None),
                };
                subject.parse().ok().map(|subject| Self::Subject { issuer, subject })
            }
            "settings" => rest.parse().ok().map(|tenant| Self::Settings { tenant }),
            _ => (text == "everything").then_some(Self::Everything),
        };
        change.ok_or(ParseError::new(
            "a change",
            "a tenant's, a member's, a subject's, of settings, or `everything`",
            ParseProblem::Form,
        ))
    }
}

/// How a change's text calls the form of a name.
const fn form(name: &TenantKey) -> &'static str {
    match name {
        TenantKey::Id(_) => "id",
        TenantKey::Slug(_) => "slug",
        TenantKey::External(_) => "external",
        TenantKey::Domain(_) => "domain",
    }
}

fn read_tenant(text: &str) -> Option<Change> {
    let mut lines = text.split('\n');
    let id = lines.next()?.parse().ok()?;
    let names = lines.map(|line| {
        let (form, name) = line.split_once(' ')?;
        match form {
            "id" => name.parse().ok().map(TenantKey::Id),
            "slug" => name.parse().ok().map(TenantKey::Slug),
            "external" => name.parse().ok().map(TenantKey::External),
            "domain" => name.parse().ok().map(TenantKey::Domain),
            _ => None,
        }
    });
    let names = names.collect::<Option<_>>()?;
    Some(Change::Tenant { id, names })
}

/// What must be notified of changes: a cache, which forgets, or a publisher, which notifies others.
#[doc(alias = "cache invalidation")]
pub trait Invalidate: Send + Sync {
    /// Notifies it of a change.
    ///
    /// When this returns, a cache holds no answer that the change has made stale, and stores none later: the answer of a
    /// query that is under way at that time is not stored when it arrives. A change that a cache does not know empties it.
    fn invalidate(&self, change: &Change);
}

macro_rules! forward_invalidate {
    ($($Pointer:ty),*) => {$(
        impl<I: Invalidate + ?Sized> Invalidate for $Pointer {
            fn invalidate(&self, change: &Change) {
                (**self).invalidate(change);
            }
        }
    )*};
}

forward_invalidate!(&I, Box<I>, Arc<I>);

/// Each, one after the other.
impl<I: Invalidate> Invalidate for Vec<I> {
    fn invalidate(&self, change: &Change) {
        self.iter().for_each(|each| each.invalidate(change));
    }
}

macro_rules! invalidate_each {
    ($($One:ident $one:ident),*) => {
        /// Each, one after the other.
        impl<$($One: Invalidate),*> Invalidate for ($($One,)*) {
            fn invalidate(&self, change: &Change) {
                let ($($one,)*) = self;
                $($one.invalidate(change);)*
            }
        }
    };
}

invalidate_each!(A a, B b);
invalidate_each!(A a, B b, C c);

/// A stream of changes, such as the notifications of a database.
///
/// A feed delivers all changes from the time that it was made; what is read before that may be stale.
///
/// # Security
///
/// If a change is lost, a revoked membership still admits. A feed that may have lost changes delivers
/// [`Change::Everything`], and does so *after* it receives changes again: what is read while it is disconnected may be
/// stale as well.
#[doc(alias = "LISTEN")]
#[doc(alias = "pub/sub")]
pub trait ChangeFeed: Send {
    /// Why the next change could not be received.
    type Error: core::error::Error + Send + Sync + 'static;

    /// The next change; `None` if no more will come. A call that is dropped loses no change (it is cancel safe).
    ///
    /// # Errors
    ///
    /// Fails if the feed is disconnected for now. The next call tries again at once, so the caller should pause before it.
    fn next(&mut self) -> impl Future<Output = Result<Option<Change>, Self::Error>> + Send;
}

macro_rules! forward_feed {
    ($($Pointer:ty),*) => {$(
        impl<F: ChangeFeed + ?Sized> ChangeFeed for $Pointer {
            type Error = F::Error;

            fn next(&mut self) -> impl Future<Output = Result<Option<Change>, Self::Error>> + Send {
                (**self).next()
            }
        }
    )*};
}

forward_feed!(&mut F, Box<F>);

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use proptest::prelude::*;

    use super::*;

    fn change() -> impl Strategy<Value = Change> {
        let tenant = || "[a-z0-9][a-z0-9_-]{0,62}".prop_map(|id| id.parse::<TenantId>().unwrap());
        let names = || {
            let name = prop_oneof![
                tenant().prop_map(TenantKey::Id),
                "[a-z0-9]{1,63}".prop_map(|slug| TenantKey::Slug(slug.parse().unwrap())),
                "[A-Za-z0-9_.:|-]{1,128}".prop_map(|external| TenantKey::External(external.parse().unwrap())),
                "[a-z]{1,63}\\.[a-z]{2,63}".prop_map(|domain| TenantKey::Domain(domain.parse().unwrap())),
            ];
            proptest::collection::vec(name, 0..4)
        };
        let subject = || "[^\\pC]{1,20}".prop_map(|subject| subject.parse::<Subject>().unwrap());
        // An issuer is whatever a token says: line ends and spaces, too.
        let issuer = proptest::option::of("(?s).{0,20}".prop_map(|issuer| Arc::from(&*issuer)));
        prop_oneof![
            (tenant(), names()).prop_map(|(id, names)| Change::Tenant { id, names }),
            (tenant(), subject()).prop_map(|(tenant, subject)| Change::Member { tenant, subject }),
            (issuer, subject()).prop_map(|(issuer, subject)| Change::Subject { issuer, subject }),
            tenant().prop_map(|tenant| Change::Settings { tenant }),
            Just(Change::Everything),
        ]
    }

    proptest! {
        #[test]
        fn a_change_survives_its_text(change in change()) {
            prop_assert_eq!(change.to_string().parse(), Ok(change));
        }
    }

    #[test]
    fn texts_that_are_no_known_change() {
        for text in [
            "",
            "tenant",
            "tenant ",
            "tenant Acme",
            "tenant acme alice",
            "tenant acme\n",
            "tenant acme\nslug",
            "tenant acme\nslug ",
            "tenant acme\nslug Rocket",
            "tenant acme\nname rocket",
            "tenant acme\nslug rocket\n",
            "tenants acme",
            "member acme",
            "member acme ",
            "member Acme alice",
            "member  alice",
            "subject",
            "subject ",
            "subject \nissuer",
            "settings",
            "settings ",
            "settings Acme",
            "settings acme ",
            "settings acme\nslug rocket",
            "everything else",
            "Everything",
        ] {
            assert_eq!(
                text.parse::<Change>().map_err(|error| error.problem()),
                Err(ParseProblem::Form),
                "{text:?}"
            );
        }
    }
}
