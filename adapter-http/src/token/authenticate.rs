//! The verifier as the authenticator of requests.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::sync::Arc;

use http::request::Parts;
use tenancy_core::{BearerCredential, FieldName, bearer_credential};

use super::TokenVerifier;
use crate::{Authentication, Authenticator, HeaderFields};

/// Reads the bearer token of the `Authorization` field. What was wrong with a refused one goes to
/// the log at the level debug; the client learns `invalid_token` only.
impl Authenticator for TokenVerifier {
    type Error = Infallible;

    fn authenticate(&self, parts: &Parts) -> impl Future<Output = Result<Authentication, Infallible>> + Send {
        ready(Ok(self.read(parts)))
    }

    fn authenticate_now(&self, parts: &Parts) -> Option<Authentication> {
        Some(self.read(parts))
    }

    fn each_field(&self, visit: &mut dyn FnMut(&FieldName)) {
        visit(&FieldName::authorization());
    }
}

impl TokenVerifier {
    fn read(&self, parts: &Parts) -> Authentication {
        let fields = HeaderFields::new(&parts.headers);
        match bearer_credential(&fields) {
            BearerCredential::Absent => Authentication::Absent,
            BearerCredential::Malformed => Authentication::Malformed,
            BearerCredential::Invalid => Authentication::Invalid,
            BearerCredential::Token(token) => match self.verify(token) {
                Ok(claims) => Authentication::Verified(Arc::new(claims)),
                Err(error) => {
                    tracing::debug!("refused a token: {error}");
                    Authentication::Invalid
                }
            },
        }
    }
}
