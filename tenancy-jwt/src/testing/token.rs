//! A token that a test signs.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::issuer::TestIssuer;
use crate::verify::compact::encode;

/// How long a token is valid, and how far the wrong ones are out of their time: beyond every leeway.
const LIFETIME: u64 = 300;

/// A token of a [`TestIssuer`]. It is in order until it is made wrong, and signed as it is then.
#[derive(Clone, Debug)]
#[must_use = "a token has no text until it is signed"]
pub struct TestToken {
    signer: TestIssuer,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    is_signed: bool,
}

impl TestIssuer {
    /// A token of this subject, which is valid for five minutes, and which can be made wrong.
    pub fn token(&self, subject: &str) -> TestToken {
        TestToken::new(self, subject)
    }
}

impl TestToken {
    fn new(issuer: &TestIssuer, subject: &str) -> Self {
        let token = Self {
            signer: issuer.clone(),
            header: Map::new(),
            claims: Map::new(),
            is_signed: true,
        };
        token
            .with_header("alg", "ES256")
            .with_header("typ", "JWT")
            .with_kid(TestIssuer::KID)
            .with_claim("sub", subject)
            .with_claim("iss", issuer.name())
            .with_claim("aud", issuer.audience())
            .valid_from(now())
    }

    /// Names the tenant, in the claim `tenant_id`.
    pub fn with_tenant(self, tenant: &str) -> Self {
        self.with_claim("tenant_id", tenant)
    }

    /// Sets a claim.
    pub fn with_claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a claim out.
    pub fn without_claim(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Sets a member of the header.
    pub fn with_header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Names another key than the issuer's.
    pub fn with_kid(self, kid: &str) -> Self {
        self.with_header("kid", kid)
    }

    /// Wrong: it has expired.
    pub fn expired(self) -> Self {
        self.valid_from(now().saturating_sub(2 * LIFETIME))
    }

    /// Wrong: it is not valid yet.
    pub fn not_yet_valid(self) -> Self {
        self.valid_from(now() + LIFETIME)
    }

    /// Wrong: it is meant for another audience.
    pub fn for_audience(self, audience: &str) -> Self {
        self.with_claim("aud", audience)
    }

    /// Wrong: it says that another issuer has issued it, and is signed by this one.
    pub fn by_issuer(self, issuer: &str) -> Self {
        self.with_claim("iss", issuer)
    }

    /// Wrong: the key of another issuer has signed it.
    pub fn signed_by(self, other: &TestIssuer) -> Self {
        Self {
            signer: other.clone(),
            ..self
        }
    }

    /// Wrong: it has no signature, and says so (`alg` is `none`, RFC 8725 §2.1).
    pub fn unsigned(self) -> Self {
        let token = self.with_header("alg", "none");
        Self {
            is_signed: false,
            ..token
        }
    }

    /// The token as it is sent, behind `Bearer `.
    #[must_use]
    pub fn sign(self) -> String {
        let header = encode(Value::Object(self.header).to_string());
        let claims = encode(Value::Object(self.claims).to_string());
        let message = format!("{header}.{claims}");
        let signature = if self.is_signed {
            self.signer.sign(message.as_bytes())
        } else {
            String::new()
        };
        format!("{message}.{signature}")
    }

    fn valid_from(self, time: u64) -> Self {
        self.with_claim("iat", json!(time))
            .with_claim("nbf", json!(time))
            .with_claim("exp", json!(time + LIFETIME))
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
