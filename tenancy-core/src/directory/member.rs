//! Who belongs to a tenant, as directories keep it.

use std::sync::Arc;

use crate::directory::Roles;
use crate::enforce::Caller;
use crate::names::{ParseError, Subject};
use crate::request::VerifiedClaims;

/// A member of a tenant: a subject, the issuer whose subject it is, and the member's roles.
///
/// # Security
///
/// A subject is unique with its issuer only. Name the issuer wherever callers of more than one issuer
/// come in; a member without one is the subject of that name by any of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    subject: Subject,
    issuer: Option<Arc<str>>,
    roles: Roles,
}

impl Member {
    /// A member in no roles, by whichever issuer.
    #[must_use]
    pub const fn new(subject: Subject) -> Self {
        Self {
            subject,
            issuer: None,
            roles: Roles::none(),
        }
    }

    /// The caller as a member in no roles, such as one who signs up or accepts an invitation: their subject with its issuer.
    #[must_use]
    pub fn of_caller(caller: &Caller) -> Self {
        let member = Self::new(caller.subject().clone());
        match caller.issuer() {
            Some(issuer) => member.with_issuer(issuer.as_str()),
            None => member,
        }
    }

    /// Sets whose subject it is: the `iss` of the member's tokens. The empty text is nobody's.
    #[must_use]
    pub fn with_issuer(self, issuer: impl Into<Arc<str>>) -> Self {
        Self {
            issuer: Some(issuer.into()),
            ..self
        }
    }

    /// Sets the member's roles.
    #[must_use]
    pub fn with_roles(self, roles: Roles) -> Self {
        Self { roles, ..self }
    }

    /// Who it is.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Whose subject it is; `None` for any issuer's.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The member's roles.
    #[must_use]
    pub const fn roles(&self) -> &Roles {
        &self.roles
    }

    /// Whether the holder of a credential is this member.
    #[must_use]
    pub fn is(&self, claims: &dyn VerifiedClaims) -> bool {
        self.subject == *claims.subject() && (self.issuer.is_none() || self.issuer.as_deref() == claims.issuer())
    }
}

/// A member by the name of its subject.
impl core::str::FromStr for Member {
    type Err = ParseError;

    fn from_str(subject: &str) -> Result<Self, ParseError> {
        subject.parse().map(Self::new)
    }
}

impl From<Subject> for Member {
    fn from(subject: Subject) -> Self {
        Self::new(subject)
    }
}
