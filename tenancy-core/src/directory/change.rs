//! What changed in a directory, and who must know.

use core::fmt;
use core::future::Future;
use core::str::FromStr;
use std::boxed::Box;
use std::sync::Arc;
use std::vec::Vec;

use crate::{Subject, TenantId};

/// A change that makes kept answers old.
///
/// Tell of it after the change is committed: an answer that is read between the two would be kept as new.
///
/// Its text travels between processes; it is read again with [`str::parse`].
///
/// ```
/// use tenancy_core::Change;
///
/// let change = Change::Member { tenant: "acme".parse()?, subject: "alice".parse()? };
/// assert_eq!(change.to_string(), "member acme alice");
/// assert_eq!("member acme alice".parse(), Ok(change));
/// # Ok::<(), tenancy_core::ParseNameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
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

/// A text that tells of no change that is known here. It may be of a newer version: whoever receives it
/// must take it for [`Change::Everything`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseChangeError(());

impl fmt::Display for ParseChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text tells of no known change")
    }
}

impl core::error::Error for ParseChangeError {}

/// What must know of changes: a cache, which forgets, or a publisher, which tells others.
pub trait Invalidate: Send + Sync {
    /// Takes notice of a change.
    ///
    /// When a cache returns from it, no answer that the change made old is kept, nor will be: one that is
    /// being read at that time is not stored after it. A change that a cache does not know empties it.
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

/// Changes as they come, such as from a database that tells of them.
///
/// A feed tells all changes from the time that it was made; what is read before that may be old.
///
/// # Security
///
/// A lost change is a revoked membership that still opens a door. A feed that may have lost some tells
/// [`Change::Everything`], and it does so *after* it receives changes again: what is read while it is deaf
/// may be old as well.
pub trait ChangeFeed: Send {
    /// Why the next change cannot be told.
    type Error: core::error::Error + Send + Sync + 'static;

    /// The next change; `None` where no more will come. A call that is dropped loses no change.
    ///
    /// # Errors
    ///
    /// Where the feed is deaf for now. The next call tries again, at once: whoever calls waits a while.
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
    fn texts_that_tell_of_nothing_known() {
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
