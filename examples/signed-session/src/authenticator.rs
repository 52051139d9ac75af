//! The authenticator: the caller whom a session's cookie names.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::sync::Arc;
use std::time::SystemTime;

use axum::http::header::COOKIE;
use axum::http::request::Parts;
use tenancy_core::names::{FieldName, TenantKey};
use tenancy_core::request::{Claims, Credentials};
use tenancy_http::{Authenticator, SharedClaims};

use crate::session::{Sessions, find};

/// Takes the caller from the session's cookie. The session makes them a member of its tenant.
pub struct SessionAuthenticator {
    sessions: Sessions,
    field: FieldName,
}

impl SessionAuthenticator {
    /// The authenticator.
    #[must_use]
    pub fn new(sessions: Sessions) -> Self {
        Self {
            sessions,
            field: FieldName::from_static("cookie"),
        }
    }

    fn read(&self, parts: &Parts) -> Credentials<SharedClaims> {
        let fields = parts.headers.get_all(COOKIE).into_iter().map(|value| value.as_bytes());
        let value = match find(fields) {
            Ok(None) => return Credentials::Absent,
            Ok(Some(value)) => value,
            Err(_) => return Credentials::Malformed,
        };
        match self.sessions.verify(value, SystemTime::now()) {
            Ok(session) => {
                let claims = Claims::new(session.subject)
                    .with_tenant(TenantKey::Id(session.tenant))
                    .with_expiry(session.expires);
                Credentials::Verified(Arc::new(claims))
            }
            Err(_) => Credentials::Invalid,
        }
    }
}

impl Authenticator for SessionAuthenticator {
    type Error = Infallible;

    fn authenticate(
        &self,
        parts: &Parts,
    ) -> impl Future<Output = Result<Credentials<SharedClaims>, Infallible>> + Send {
        ready(Ok(self.read(parts)))
    }

    /// Nothing is waited for, so that a request is not put on the heap.
    fn authenticate_now(&self, parts: &Parts) -> Option<Credentials<SharedClaims>> {
        Some(self.read(parts))
    }

    fn each_field(&self, visit: &mut dyn FnMut(&FieldName)) {
        visit(&self.field);
    }
}
