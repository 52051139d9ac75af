use core::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::EncodingKey;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use secrecy::{ExposeSecret, SecretSlice};
use serde_json::{Map, Value, json};
use tenancy_core::names::Subject;
use tenancy_core::request::ClaimPath;
use thiserror::Error;

use crate::verify::compact::encode;
use crate::{KeyAlgorithm, KeyError, VerificationKey};

/// Signs tokens with a secret under `HS256`: for tests, demonstrations and tools.
///
/// In production an identity provider issues the tokens.
///
/// # Security
///
/// `Debug` does not show the secret; its bytes are zeroed on drop.
pub struct TokenSigner {
    kid: Option<String>,
    key: EncodingKey,
    issuer: Option<String>,
    audience: Option<String>,
    typ: String,
}

impl TokenSigner {
    /// A signer under the secret that [`VerificationKey::hmac`] verifies with.
    ///
    /// # Errors
    ///
    /// A secret under 32 bytes, a `kid` that is empty or over 128 bytes.
    pub fn hs256(kid: Option<&str>, secret: &SecretSlice<u8>) -> Result<Self, KeyError> {
        VerificationKey::hmac(kid, KeyAlgorithm::Hs256, secret)?;
        Ok(Self {
            kid: kid.map(str::to_owned),
            key: EncodingKey::from_secret(secret.expose_secret()),
            issuer: None,
            audience: None,
            typ: "JWT".to_owned(),
        })
    }

    /// The tokens' `iss`. Default: none.
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// The tokens' `aud`. Default: none.
    #[must_use]
    pub fn with_audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// The tokens' `typ`. Default: `JWT`.
    #[must_use]
    pub fn with_type(mut self, typ: impl Into<String>) -> Self {
        self.typ = typ.into();
        self
    }

    /// Signs a token that expires `expires_in` seconds from now; a negative number makes one that
    /// has expired. `tenant` stands at `tenant_claim`, as it is.
    ///
    /// # Errors
    ///
    /// A tenant claim that the token needs otherwise, or a clock outside of time.
    pub fn sign(
        &self,
        subject: &Subject,
        tenant: Option<&str>,
        tenant_claim: &ClaimPath,
        expires_in: i64,
    ) -> Result<String, SignTokenError> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_err(|_| SignTokenError::Clock)?;
        let exp = now
            .as_secs()
            .checked_add_signed(expires_in)
            .ok_or(SignTokenError::Clock)?;
        let mut payload = Map::new();
        payload.insert("sub".to_owned(), json!(subject.as_str()));
        payload.insert("iat".to_owned(), json!(now.as_secs()));
        payload.insert("exp".to_owned(), json!(exp));
        if let Some(issuer) = &self.issuer {
            payload.insert("iss".to_owned(), json!(issuer));
        }
        if let Some(audience) = &self.audience {
            payload.insert("aud".to_owned(), json!(audience));
        }
        if let Some(tenant) = tenant {
            let names: Vec<_> = tenant_claim.names().collect();
            let Some((outermost, inner)) = names.split_first() else {
                return Err(SignTokenError::TakenClaim);
            };
            let value = inner
                .iter()
                .rev()
                .fold(json!(tenant), |value, name| json!({ *name: value }));
            if payload.insert((*outermost).to_owned(), value).is_some() {
                return Err(SignTokenError::TakenClaim);
            }
        }
        self.sign_payload(&Value::Object(payload))
    }

    fn sign_payload(&self, payload: &Value) -> Result<String, SignTokenError> {
        let mut header = json!({ "alg": "HS256", "typ": self.typ });
        if let (Some(kid), Value::Object(members)) = (&self.kid, &mut header) {
            members.insert("kid".to_owned(), json!(kid));
        }
        let mut token = encode(header.to_string());
        token.push('.');
        token.push_str(&encode(payload.to_string()));
        let signature = (DEFAULT_PROVIDER.signer_factory)(&KeyAlgorithm::Hs256.to_library(), &self.key)
            .map_err(|_| SignTokenError::Signature)?
            .try_sign(token.as_bytes())
            .map_err(|_| SignTokenError::Signature)?;
        token.push('.');
        token.push_str(&encode(signature));
        Ok(token)
    }
}

impl fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSigner")
            .field("kid", &self.kid)
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

/// Why no token could be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignTokenError {
    /// The tenant claim is one of the token's own: `sub`, `iat`, `exp`, `iss`, `aud`.
    #[error("the tenant claim has the name of a claim that the token needs for itself")]
    TakenClaim,
    /// The clock stands before 1970, or the token would outlive time.
    #[error("failed to compute the token's times")]
    Clock,
    /// The cryptographic library failed.
    #[error("failed to sign the token")]
    Signature,
}
