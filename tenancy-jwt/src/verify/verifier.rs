use std::time::{SystemTime, UNIX_EPOCH};

use tenancy_core::directory::Roles;
use tenancy_core::names::{KeyForm, Role, TenantKey};
use tenancy_core::request::{ClaimPath, Claims};

use crate::cache::token_cache::{TokenCache, Verified};
use crate::issuer::issuer::{Issuer, check_audience, issuer_name};
use crate::issuer::trust::Trust;
use crate::verify::compact::{Compact, decode};
use crate::verify::header::Header;
use crate::verify::json::{Json, Object, parse_object};
use crate::verify::payload;
use crate::verify::tenant_name::TenantName;
use crate::verify::typed_payload::ParsePayload;
use crate::verify::validity::Times;
use crate::{TenantsShape, TokenError};

/// Turns a bearer token into [`Claims`], or says why not.
///
/// A token is a signed JWT in its compact form. Its key is chosen by `kid`, and has one algorithm, which
/// must be the token's `alg`; where a key set has several keys of one `kid`, it is `alg` that chooses
/// among them. `exp`, `sub`, `iss` and `aud` are required; the signature is checked before the payload is
/// read, but for the `iss` that chooses between issuers with keys of their own.
///
/// # The cache of verified tokens
///
/// By [`verify_cached`](Self::verify_cached) and [`verify_refreshing`](Self::verify_refreshing) a verifier
/// verifies a token once and caches its claims, for 60 s unless set otherwise by
/// [`with_token_cache`](crate::TokenVerifierBuilder::with_token_cache). They are found by a digest of the whole token under a
/// secret that only this verifier has; the token itself is not stored. They are served while the token's times are valid
/// by the system's clock, and while the keys of its issuer are the very set that verified it: a key set that was read or
/// fetched anew verifies each token anew. Refused tokens are not cached, since anybody can make them without end.
///
/// [`without_token_cache`](crate::TokenVerifierBuilder::without_token_cache) switches it off.
///
/// # What a token costs
///
/// Medians of one run of `cargo xtask bench --report tokens` on two shared cores; the row of HS256
/// was measured twice and differed by 0.5 %. Ratios hold better than times.
///
/// | algorithm | verified |
/// |---|---|
/// | HS256 | 3.2 µs |
/// | HS384, HS512 | 4.4 µs |
/// | RS256, RS384, RS512 (2048 bits) | 25 to 26 µs |
/// | PS256, PS384, PS512 (2048 bits) | 26 to 28 µs |
/// | EdDSA (Ed25519) | 43 µs |
/// | ES256 | 69 µs |
/// | ES384 | 230 µs |
///
/// A hit depends on the token's length alone, since the whole of it is digested: 0.20 µs for 293 bytes (HS256),
/// 0.22 µs for 592 bytes (RS256). That is a sixteenth of the cheapest verification.
///
/// ```
/// use tenancy_core::names::Subject;
/// use tenancy_core::request::{ClaimPath, VerifiedClaims};
/// use tenancy_jwt::{KeyAlgorithm, TokenSigner, TokenVerifier, VerificationKey};
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
    pub(crate) trusts: Vec<Trust>,
    pub(crate) leeway: f64,
    pub(crate) typ: Option<String>,
    pub(crate) tenant_claim: ClaimPath,
    pub(crate) tenants_claim: Option<ClaimPath>,
    pub(crate) tenants_shape: TenantsShape,
    pub(crate) tenant_name: TenantName,
    pub(crate) roles_claim: Option<ClaimPath>,
    pub(crate) staff_claim: Option<ClaimPath>,
    pub(crate) actors_write: bool,
    pub(crate) form: KeyForm,
    pub(crate) typed_payload: Option<ParsePayload>,
    pub(crate) cache: Option<TokenCache>,
}

impl TokenVerifier {
    /// Verifies a token by the system's clock.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the token first.
    pub fn verify(&self, token: &[u8]) -> Result<Claims, TokenError> {
        self.verify_at(token, unix_seconds()?)
    }

    /// Verifies a token as of a time in seconds since 1970, for tests.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the token first.
    pub fn verify_at(&self, token: &[u8], unix_seconds: u64) -> Result<Claims, TokenError> {
        self.verify_in_full(token, unix_seconds).map(|verified| verified.claims)
    }

    pub(crate) fn verify_in_full(&self, token: &[u8], unix_seconds: u64) -> Result<Verified, TokenError> {
        let token = Compact::parse(token)?;
        let header = Header::parse(token.header)?;
        let (index, trust) = self.trust(&token)?;
        let keys = trust.keys.current(&header)?;
        let key = keys.select(&header)?;
        if self.typ.as_ref().is_some_and(|typ| !header.is_of_type(typ)) {
            return Err(TokenError::WrongType);
        }
        key.verify(token.signed, &decode(token.signature)?)?;

        let bytes = decode(token.payload)?;
        let payload = parse_object(&bytes).map_err(TokenError::MalformedPayload)?;
        let times = Times::read(&payload)?;
        times.check(unix_seconds as f64, self.leeway)?;
        let issuer = trust.issuer(&payload, key)?;
        if !trust.audiences.is_empty() {
            check_audience(&payload, &trust.audiences)?;
        }
        let (claims, size) = self.claims(&payload, issuer)?;
        let claims = claims.with_expiry(times.expires_at(self.leeway));
        // Last, so that the application's type sees the payload of a token that is valid.
        let (claims, size) = match self.typed_payload {
            Some(parse) => (claims.with_payload(parse(&bytes)?), size + bytes.len()),
            None => (claims, size),
        };
        Ok(Verified {
            claims,
            size,
            times,
            trust: index,
            key_set: keys.number(),
        })
    }

    /// Whose keys a token asks for.
    ///
    /// Where several sets of keys are trusted, it is the payload's `iss` that chooses one, before the
    /// signature is checked, and nothing else of the payload is looked at then. Choosing by `kid` in all
    /// sets would let one issuer publish a key of another's `kid`, and decide by that which key the other's
    /// tokens are verified with. An attacker who lies in `iss` chooses the keys of the issuer that they name, which
    /// have not signed their token. Once the signature is verified, `iss` is read again from the signed payload.
    pub(crate) fn trust(&self, token: &Compact<'_>) -> Result<(usize, &Trust), TokenError> {
        if let [only] = self.trusts.as_slice() {
            return Ok((0, only));
        }
        let unverified = parse_object(&decode(token.payload)?).map_err(TokenError::MalformedPayload)?;
        let iss = issuer_name(&unverified)?;
        let speaks_for = |(_, trust): &(usize, &Trust)| trust.issuer_names().any(|name| name.is(iss));
        self.trusts
            .iter()
            .enumerate()
            .find(speaks_for)
            .ok_or(TokenError::UnknownIssuer)
    }

    fn claims(&self, payload: &Object, issuer: Option<&Issuer>) -> Result<(Claims, usize), TokenError> {
        let subject = payload::subject(payload)?;
        let tenant = payload::tenant(payload, &self.tenant_claim, self.tenant_name, self.form)?;
        let tenants = match &self.tenants_claim {
            Some(path) => payload::tenants(payload, path, self.tenants_shape, self.tenant_name, self.form)?,
            None => Vec::new(),
        };
        if let Some(issuer) = issuer {
            issuer.check_tenants(payload, tenant.as_ref(), &tenants)?;
        }
        let roles = match &self.roles_claim {
            Some(path) => payload::roles(payload, path)?,
            None => Roles::none(),
        };
        let is_staff = match &self.staff_claim {
            Some(path) => payload::is_platform_staff(payload, path)?,
            None => false,
        };
        let actor = payload::actor(payload)?.map(|actor| match self.actors_write {
            true => actor.dangerously_let_write(),
            false => actor,
        });
        let size = tenants.len() * size_of::<TenantKey>() + roles.iter().count() * size_of::<Role>();
        let size = size + actor.as_ref().map_or(0, |actor| size_of_val(actor.subject()));
        let claims = Claims::new(subject)
            .with_tenants(tenants)
            .with_roles(roles)
            .with_platform_staff(is_staff);
        // Where any issuer is accepted, the name is still what tells two subjects apart.
        let claims = match payload.get("iss").and_then(Json::as_text) {
            Some(iss) => claims.with_issuer(iss),
            None => claims,
        };
        let claims = match issuer.and_then(|issuer| issuer.binds_to(tenant.as_ref())) {
            Some(bound) => claims.with_issuer_tenants(bound),
            None => claims,
        };
        let claims = match tenant {
            Some(tenant) => claims.with_tenant(tenant),
            None => claims,
        };
        let claims = match actor {
            Some(actor) => claims.with_actor(actor),
            None => claims,
        };
        Ok((claims, size))
    }
}

/// The time by the system's clock, which may go back.
pub(crate) fn unix_seconds() -> Result<u64, TokenError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map(|now| now.as_secs()).map_err(|_| TokenError::Clock)
}
