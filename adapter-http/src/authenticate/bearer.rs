//! Bearer tokens of the `Authorization` field: the verifier as the authenticator of requests.

use std::sync::Arc;

use http::HeaderName;
use http::header::AUTHORIZATION;
use http::request::Parts;
use tenancy_core::{BearerCredential, Claims, FieldName, bearer_credential};
use tenancy_jwt::{KeysUnavailable, TokenError, TokenVerifier};

use crate::{Authentication, Authenticator, HeaderFields};

static AUTHORIZATION_NAME: [HeaderName; 1] = [AUTHORIZATION];

/// Reads the bearer token of the `Authorization` field. Why a token is refused is logged at the level debug; the client
/// sees `invalid_token` only.
impl Authenticator for TokenVerifier {
    type Error = KeysUnavailable;

    async fn authenticate(&self, parts: &Parts) -> Result<Authentication, KeysUnavailable> {
        let fields = HeaderFields::new(&parts.headers).with_names(&AUTHORIZATION_NAME);
        let token = match read(bearer_credential(&fields)) {
            Ok(token) => token,
            Err(authentication) => return Ok(authentication),
        };
        judge(self.verify_refreshing(token).await)
    }

    /// A token of a known key is judged at once, and so is one of an unknown key if no fetch may bring it.
    fn authenticate_now(&self, parts: &Parts) -> Option<Authentication> {
        let fields = HeaderFields::new(&parts.headers).with_names(&AUTHORIZATION_NAME);
        let token = match read(bearer_credential(&fields)) {
            Ok(token) => token,
            Err(authentication) => return Some(authentication),
        };
        judge(self.verify_now(token)?).ok()
    }

    fn each_field(&self, visit: &mut dyn FnMut(&FieldName)) {
        visit(&FieldName::authorization());
    }
}

/// The token, or what follows if there is none to verify.
const fn read(credential: BearerCredential<'_>) -> Result<&[u8], Authentication> {
    match credential {
        BearerCredential::Absent => Err(Authentication::Absent),
        BearerCredential::Malformed => Err(Authentication::Malformed),
        BearerCredential::Invalid => Err(Authentication::Invalid),
        BearerCredential::Token(token) => Ok(token),
    }
}

fn judge(verified: Result<Arc<Claims>, TokenError>) -> Result<Authentication, KeysUnavailable> {
    match verified {
        Ok(claims) => Ok(Authentication::Verified(claims)),
        Err(TokenError::KeysUnavailable) => Err(KeysUnavailable),
        Err(error) => {
            tracing::debug!("refused a token: {error}");
            Ok(Authentication::Invalid)
        }
    }
}
