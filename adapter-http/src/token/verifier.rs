use std::time::{SystemTime, UNIX_EPOCH};

use tenancy_core::{ClaimPath, Claims, KeyForm};

use super::compact::{Compact, decode};
use super::header::Header;
use super::issuer::{Issuer, check_audience, find_issuer};
use super::json::{Object, parse_object};
use super::key_set::KeySet;
use super::numeric_date::check_times;
use super::{TokenError, TokenVerifierBuilder, VerificationKey, payload};

/// Turns a bearer token into [`Claims`], or says why not.
///
/// A token is a signed JWT in its compact form. Its key is chosen by `kid`, its algorithm by the
/// key; `exp`, `sub`, `iss` and `aud` are required; the signature is checked before the payload is
/// read.
///
/// ```
/// use tenancy_core::{ClaimPath, Subject, VerifiedClaims};
/// use tenancy_http::{KeyAlgorithm, TokenSigner, TokenVerifier, VerificationKey};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let secret = b"a secret of thirty-two bytes, ok".to_vec().into();
/// let verifier = TokenVerifier::builder()
///     .with_key(VerificationKey::hmac(None, KeyAlgorithm::Hs256, &secret)?)
///     .with_issuer("https://issuer.example")
///     .with_audience("notes")
///     .build()?;
///
/// let signer = TokenSigner::hs256(None, &secret)?
///     .with_issuer("https://issuer.example")
///     .with_audience("notes");
/// let claim = ClaimPath::literal("tenant_id")?;
/// let token = signer.sign(&"alice".parse::<Subject>()?, Some("acme"), &claim, 60)?;
///
/// let claims = verifier.verify(token.as_bytes())?;
/// assert_eq!(claims.tenant().map(|tenant| tenant.as_str()), Some("acme"));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct TokenVerifier {
    pub(super) keys: KeySet,
    /// Empty where any issuer is accepted.
    pub(super) issuers: Vec<Issuer>,
    /// Empty where any audience is accepted.
    pub(super) audiences: Vec<String>,
    pub(super) leeway: f64,
    pub(super) typ: Option<String>,
    pub(super) tenant_claim: ClaimPath,
    pub(super) tenants_claim: Option<ClaimPath>,
    pub(super) form: KeyForm,
}

impl TokenVerifier {
    /// A verifier that has yet to be told its keys, issuer and audience.
    #[must_use]
    pub fn builder() -> TokenVerifierBuilder {
        TokenVerifierBuilder::default()
    }

    /// Verifies a token by the system's clock.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the token first.
    pub fn verify(&self, token: &[u8]) -> Result<Claims, TokenError> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_err(|_| TokenError::Clock)?;
        self.verify_at(token, now.as_secs())
    }

    /// Verifies a token as of a time in seconds since 1970, for tests.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the token first.
    pub fn verify_at(&self, token: &[u8], unix_seconds: u64) -> Result<Claims, TokenError> {
        let token = Compact::parse(token)?;
        let header = Header::parse(token.header)?;
        let key = self.keys.select(&header)?;
        if self.typ.as_ref().is_some_and(|typ| !header.is_of_type(typ)) {
            return Err(TokenError::WrongType);
        }
        key.verify(token.signed, &decode(token.signature)?)?;

        let payload = parse_object(&decode(token.payload)?).map_err(TokenError::MalformedPayload)?;
        check_times(&payload, unix_seconds as f64, self.leeway)?;
        let issuer = self.issuer(&payload, key)?;
        if !self.audiences.is_empty() {
            check_audience(&payload, &self.audiences)?;
        }
        self.claims(&payload, issuer)
    }

    fn issuer(&self, payload: &Object, key: &VerificationKey) -> Result<Option<&Issuer>, TokenError> {
        if self.issuers.is_empty() {
            return Ok(None);
        }
        let issuer = find_issuer(payload, &self.issuers)?;
        if !key.issuers().is_empty() && !key.issuers().contains(&issuer.name) {
            return Err(TokenError::KeyOfAnotherIssuer);
        }
        Ok(Some(issuer))
    }

    fn claims(&self, payload: &Object, issuer: Option<&Issuer>) -> Result<Claims, TokenError> {
        let subject = payload::subject(payload)?;
        let tenant = payload::tenant(payload, &self.tenant_claim, self.form)?;
        let tenants = match &self.tenants_claim {
            Some(path) => payload::tenants(payload, path, self.form)?,
            None => Vec::new(),
        };
        if let Some(issuer) = issuer
            && !tenant.iter().chain(&tenants).all(|key| issuer.may_name(key))
        {
            return Err(TokenError::TenantOfAnotherIssuer);
        }
        let claims = Claims::new(subject).with_tenants(tenants);
        let claims = match issuer.and_then(|issuer| issuer.tenants.clone()) {
            Some(bound) => claims.with_issuer_tenants(bound),
            None => claims,
        };
        Ok(match tenant {
            Some(tenant) => claims.with_tenant(tenant),
            None => claims,
        })
    }
}
