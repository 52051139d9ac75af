//! Who acts in a caller's place.

use core::fmt;

use crate::names::{GrantId, Issuer, Subject};

#[cfg(feature = "std")]
type Held = std::sync::Arc<Parts>;
#[cfg(not(feature = "std"))]
type Held = &'static Parts;

/// Who acts, where that is not the subject of the credential: the actor of RFC 8693 §4.1 (`act`). Cheap to clone: it is shared.
///
/// It is there where support looks at a tenant through a grant of impersonation, which has a
/// [`grant`](Self::grant), and where a token has the claim `act`. The subject of the credential is who is acted for, and decides
/// what is allowed; the actor is who answers for it, in logs and events.
///
/// # Security
///
/// An actor reads and does not write, unless they are [let](Self::dangerously_let_write): transactions that begin for such a caller are
/// read-only, whichever the handler begins.
#[derive(Clone, PartialEq, Eq)]
#[doc(alias = "impersonation")]
#[doc(alias = "impersonator")]
#[doc(alias = "delegation")]
pub struct Actor(Held);

#[derive(Clone, PartialEq, Eq)]
struct Parts {
    subject: Subject,
    issuer: Option<Issuer>,
    grant: Option<GrantId>,
    may_write: bool,
}

#[cfg(feature = "std")]
impl Actor {
    /// An actor who reads.
    #[must_use]
    pub fn new(subject: Subject) -> Self {
        Self::of(Parts {
            subject,
            issuer: None,
            grant: None,
            may_write: false,
        })
    }

    /// Says whose subject the actor is: the `iss` in the claim `act`.
    #[must_use]
    pub fn with_issuer(self, issuer: Issuer) -> Self {
        Self::of(Parts {
            issuer: Some(issuer),
            ..self.parts().clone()
        })
    }

    /// Says by which grant they act.
    #[must_use]
    pub fn with_grant(self, grant: GrantId) -> Self {
        Self::of(Parts {
            grant: Some(grant),
            ..self.parts().clone()
        })
    }

    /// Lets the actor write, as a service does that acts for a user all day.
    ///
    /// # Security
    ///
    /// What the actor changes is changed in the name of the subject, and the tenant's data says nothing else.
    #[must_use]
    pub fn dangerously_let_write(self) -> Self {
        Self::of(Parts {
            may_write: true,
            ..self.parts().clone()
        })
    }

    fn of(parts: Parts) -> Self {
        Self(parts.into())
    }
}

impl Actor {
    /// Who acts.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.parts().subject
    }

    /// Whose subject the actor is, where that is known.
    #[must_use]
    pub fn issuer(&self) -> Option<&Issuer> {
        self.parts().issuer.as_ref()
    }

    /// The grant by which they act, if they do by one.
    #[must_use]
    pub fn grant(&self) -> Option<&GrantId> {
        self.parts().grant.as_ref()
    }

    /// Whether the actor writes.
    #[must_use]
    pub fn may_write(&self) -> bool {
        self.parts().may_write
    }

    fn parts(&self) -> &Parts {
        // `Held` is a pointer, whichever it is.
        let Self(held) = self;
        held
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Actor")
            .field("subject", self.subject())
            .field("issuer", &self.issuer())
            .field("grant", &self.grant())
            .field("may_write", &self.may_write())
            .finish()
    }
}
