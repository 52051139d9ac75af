//! Bearer tokens of the `Authorization` field: the verifier as the authenticator of requests.

use std::sync::Arc;

use http::HeaderName;
use http::header::AUTHORIZATION;
use http::request::Parts;
use tenancy_core::names::FieldName;
use tenancy_core::request::{Claims, Credentials, bearer_token};
use tenancy_jwt::{KeysUnavailable, TokenError, TokenVerifier};

use crate::{Authenticator, HeaderFields, SharedClaims};

static AUTHORIZATION_NAME: [HeaderName; 1] = [AUTHORIZATION];

/// Reads the bearer token of the `Authorization` field. Why a token is refused is logged at the level debug; the client
/// sees `invalid_token` only.
impl Authenticator for TokenVerifier {
    type Error = KeysUnavailable;

    async fn authenticate(&self, parts: &Parts) -> Result<Credentials<SharedClaims>, KeysUnavailable> {
        let fields = HeaderFields::new(&parts.headers).with_names(&AUTHORIZATION_NAME);
        let token = match bearer_token(&fields) {
            Ok(token) => token,
            Err(credentials) => return Ok(credentials),
        };
        judge(self.verify_refreshing(token).await)
    }

    /// A token of a known key is judged at once, and so is one of an unknown key if no fetch may bring it.
    fn authenticate_now(&self, parts: &Parts) -> Option<Credentials<SharedClaims>> {
        let fields = HeaderFields::new(&parts.headers).with_names(&AUTHORIZATION_NAME);
        let token = match bearer_token(&fields) {
            Ok(token) => token,
            Err(credentials) => return Some(credentials),
        };
        judge(self.verify_now(token)?).ok()
    }

    fn each_field(&self, visit: &mut dyn FnMut(&FieldName)) {
        visit(&FieldName::authorization());
    }
}

fn judge(verified: Result<Arc<Claims>, TokenError>) -> Result<Credentials<SharedClaims>, KeysUnavailable> {
    match verified {
        Ok(claims) => Ok(Credentials::Verified(claims)),
        Err(TokenError::KeysUnavailable) => Err(KeysUnavailable),
        Err(error) => {
            tracing::debug!("refused a token: {error}");
            Ok(Credentials::Invalid)
        }
    }
}
