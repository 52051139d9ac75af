//! What changed in a directory, and who must be notified.

use core::fmt;
use core::future::Future;
use core::str::FromStr;
use std::boxed::Box;
use std::sync::Arc;
use std::vec::Vec;

use crate::names::{Subject, TenantId};

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
/// # Ok::<(), tenancy_core::names::ParseNameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "invalidation")]
pub enum Change {
    /// A tenant: its names, its status, its members. `tenant acme`.
    Tenant(TenantId),
    /// A subject's membership in one tenant, or the roles there, by whichever issuer. `member acme alice`.
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
    /// Anything: changes may have been lost. `everything`.
    Everything,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant(tenant) => write!(f, "tenant {tenant}"),
            Self::Member { tenant, subject } => write!(f, "member {tenant} {subject}"),
            Self::Subject { issuer: None, subject } => write!(f, "subject {subject}"),
            // A subject has no line end.
            Self::Subject {
                issuer: Some(issuer),
                subject,
            } => write!(f, "subject {subject}\n{issuer}"),
            Self::Everything => f.write_str("everything"),
        }
    }
}

impl FromStr for Change {
    type Err = ParseChangeError;

    fn from_str(text: &str) -> Result<Self, ParseChangeError> {
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        let change = match kind {
            "tenant" => rest.parse().ok().map(Self::Tenant),
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
            _ => (text == "everything").then_some(Self::Everything),
        };
        change.ok_or(ParseChangeError(()))
    }
}

/// A text that is not a known change. It may come from a newer version, so the receiver must treat it as
/// [`Change::Everything`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseChangeError(());

impl fmt::Display for ParseChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text is not a known change")
    }
}

impl core::error::Error for ParseChangeError {}

/// What must be notified of changes: a cache, which forgets, or a publisher, which notifies others.
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
        let subject = || "[^\\pC]{1,20}".prop_map(|subject| subject.parse::<Subject>().unwrap());
        // An issuer is whatever a token says: line ends and spaces, too.
        let issuer = proptest::option::of("(?s).{0,20}".prop_map(|issuer| Arc::from(&*issuer)));
        prop_oneof![
            tenant().prop_map(Change::Tenant),
            (tenant(), subject()).prop_map(|(tenant, subject)| Change::Member { tenant, subject }),
            (issuer, subject()).prop_map(|(issuer, subject)| Change::Subject { issuer, subject }),
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
            "tenants acme",
            "member acme",
            "member acme ",
            "member Acme alice",
            "member  alice",
            "subject",
            "subject ",
            "subject \nissuer",
            "everything else",
            "Everything",
        ] {
            assert_eq!(text.parse::<Change>(), Err(ParseChangeError(())), "{text:?}");
        }
    }
}
