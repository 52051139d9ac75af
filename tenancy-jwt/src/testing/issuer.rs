//! An issuer that a test makes up.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use crate::verify::compact::encode;
use crate::{KeyAlgorithm, TokenVerifier, TokenVerifierBuilder, TrustedIssuer, VerificationKey};

/// An issuer that a test makes up: a name, an audience, and a fresh key for `ES256`.
///
/// Two of the same name are two issuers, neither of which can sign for the other.
#[derive(Clone)]
pub struct TestIssuer {
    name: String,
    audience: String,
    key: Arc<EcdsaKeyPair>,
}

impl TestIssuer {
    /// The `kid` of its key.
    pub const KID: &'static str = "test-key";

    /// An issuer by the `iss` and the `aud` of its tokens.
    ///
    /// # Panics
    ///
    /// If the machine has no randomness for a key.
    #[must_use]
    pub fn new(name: impl Into<String>, audience: impl Into<String>) -> Self {
        #[expect(clippy::expect_used, reason = "a test that has no key fails here")]
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a fresh key");
        Self {
            name: name.into(),
            audience: audience.into(),
            key: Arc::new(key),
        }
    }

    /// The `iss` of its tokens.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The `aud` of its tokens.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// Its key set (RFC 7517 §5), as it would publish it: write it to a file, or serve it.
    #[must_use]
    pub fn jwks(&self) -> String {
        json!({ "keys": [self.jwk()] }).to_string()
    }

    /// A verifier that accepts its tokens and no others.
    #[must_use]
    pub fn verifier(&self) -> TokenVerifierBuilder {
        TokenVerifier::builder()
            .with_key(self.verification_key())
            .with_issuer(self.name.clone())
            .with_audience(self.audience.clone())
    }

    /// It, as one issuer of several: for
    /// [`with_trusted_issuer`](TokenVerifierBuilder::with_trusted_issuer).
    #[must_use]
    pub fn trusted(&self) -> TrustedIssuer {
        TrustedIssuer::new(self.name.clone(), [self.verification_key()]).with_audience(self.audience.clone())
    }

    fn jwk(&self) -> Value {
        // 4, then both coordinates (SEC 1 §2.3.3).
        let point = self.key.public_key().as_ref();
        let coordinate = |range| encode(point.get(range).unwrap_or_default());
        json!({
            "kty": "EC",
            "crv": "P-256",
            "alg": "ES256",
            "use": "sig",
            "kid": Self::KID,
            "x": coordinate(1..33),
            "y": coordinate(33..65),
        })
    }

    fn verification_key(&self) -> VerificationKey {
        let jwk = self.jwk().to_string();
        #[expect(clippy::expect_used, reason = "the key was made above")]
        VerificationKey::from_jwk(jwk.as_bytes(), &[KeyAlgorithm::Es256]).expect("a key of P-256")
    }

    pub(super) fn sign(&self, message: &[u8]) -> String {
        #[expect(clippy::expect_used, reason = "a test that cannot sign fails here")]
        let signature = self.key.sign(&SystemRandom::new(), message).expect("a signature");
        encode(signature)
    }
}

/// Its key set, as if it were fetched: for [`RemoteJwks`](crate::RemoteJwks).
#[cfg(feature = "jwks")]
impl crate::JwksFetcher for TestIssuer {
    type Error = std::convert::Infallible;

    fn name(&self) -> &str {
        &self.name
    }

    fn fetch(&self) -> impl Future<Output = Result<crate::FetchedJwks, Self::Error>> + Send {
        std::future::ready(Ok(crate::FetchedJwks::new(self.jwks().into_bytes())))
    }
}

impl fmt::Debug for TestIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestIssuer")
            .field("name", &self.name)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}
