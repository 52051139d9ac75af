use std::any::Any;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tenancy_core::names::KeyForm;
use tenancy_core::request::ClaimPath;

use crate::cache::token_cache::TokenCache;
use crate::issuer::trust::{Trust, Trusted};
use crate::limits::MAX_LEEWAY;
use crate::verify::tenant_name::TenantName;
use crate::verify::typed_payload::{ParsePayload, parse_payload};
use crate::{BuildVerifierError, TenantsShape, TokenCacheLimits, TokenVerifier, TrustedIssuer, VerificationKey};

const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
const DEFAULT_TENANT_CLAIM: &str = "tenant_id";

/// Configures a [`TokenVerifier`]. Keys, issuer and audience are required, for all
/// together or for each [`TrustedIssuer`].
#[derive(Debug)]
pub struct TokenVerifierBuilder {
    keys: Vec<VerificationKey>,
    shared: Trusted,
    trusted: Vec<TrustedIssuer>,
    leeway: Duration,
    typ: Option<String>,
    tenant_claim: Option<ClaimPath>,
    form: KeyForm,
    tenants_claim: Option<ClaimPath>,
    tenants_shape: TenantsShape,
    tenant_name: TenantName,
    roles_claim: Option<ClaimPath>,
    staff_claim: Option<ClaimPath>,
    actors_write: bool,
    typed_payload: Option<ParsePayload>,
    token_cache: Option<TokenCacheLimits>,
}

impl Default for TokenVerifierBuilder {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            shared: Trusted::default(),
            trusted: Vec::new(),
            leeway: DEFAULT_LEEWAY,
            typ: None,
            tenant_claim: None,
            form: KeyForm::Id,
            tenants_claim: None,
            tenants_shape: TenantsShape::Array,
            tenant_name: TenantName::Text,
            roles_claim: None,
            staff_claim: None,
            actors_write: false,
            typed_payload: None,
            token_cache: Some(TokenCacheLimits::new()),
        }
    }
}

impl TokenVerifier {
    /// Configures a verifier: its keys, issuer and audience are required.
    #[must_use]
    pub fn builder() -> TokenVerifierBuilder {
        TokenVerifierBuilder::default()
    }
}

impl TokenVerifierBuilder {
    /// Adds a key. Several keys must each have a `kid` of their own, and be all secrets or all
    /// public keys. Default: none; at least one is required.
    #[must_use]
    pub fn with_key(mut self, key: VerificationKey) -> Self {
        self.keys.push(key);
        self
    }

    /// Accepts tokens whose `iss` is this, byte for byte. Call it again for another issuer, and
    /// then set the issuer of every key. Default: none; required.
    #[must_use]
    #[doc(alias = "iss")]
    pub fn with_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.shared.issuers.push((issuer.into(), None));
        self
    }

    /// As [`with_issuer`](Self::with_issuer), for an issuer that may speak for these tenants only.
    /// They are spelled as in the tenant claim.
    ///
    /// A token of its that names another tenant is refused, and its subjects are strangers to every
    /// other tenant, whichever authorizer decides on membership.
    #[must_use]
    pub fn with_issuer_of<T: Into<String>>(
        mut self,
        issuer: impl Into<String>,
        tenants: impl IntoIterator<Item = T>,
    ) -> Self {
        let tenants = tenants.into_iter().map(Into::into).collect();
        self.shared.issuers.push((issuer.into(), Some(tenants)));
        self
    }

    /// Accepts the tokens of an issuer that has keys, audiences and tenants of its own. Call it again for
    /// another issuer.
    ///
    /// What is set on the builder by [`with_key`](Self::with_key), [`with_issuer`](Self::with_issuer),
    /// [`with_audience`](Self::with_audience) and the like is not for this issuer, and may be left out.
    #[must_use]
    pub fn with_trusted_issuer(mut self, issuer: TrustedIssuer) -> Self {
        self.trusted.push(issuer);
        self
    }

    /// Accepts tokens without looking at `iss`.
    ///
    /// # Security
    ///
    /// Anybody who has a token that a key signed for another purpose can use it here.
    #[must_use]
    pub fn dangerously_accept_any_issuer(mut self) -> Self {
        self.shared.any_issuer = true;
        self
    }

    /// Accepts tokens whose `aud` is this or has this. Call it again for another audience. Default:
    /// none; required.
    #[must_use]
    #[doc(alias = "aud")]
    pub fn with_audience(mut self, audience: impl Into<String>) -> Self {
        self.shared.audiences.push(audience.into());
        self
    }

    /// Accepts tokens without looking at `aud`.
    ///
    /// # Security
    ///
    /// A token that was issued for another service of the same issuer is accepted here.
    #[must_use]
    pub fn dangerously_accept_any_audience(mut self) -> Self {
        self.shared.any_audience = true;
        self
    }

    /// Sets the clock skew that is tolerated: how far the issuer's clock may be off. Default: 30 seconds. At most 60.
    #[must_use]
    #[doc(alias = "clock skew")]
    pub const fn with_leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Requires this `typ`, such as `at+jwt` (RFC 9068 §4), in any case, with or without
    /// `application/`. Default: `typ` is not looked at.
    #[must_use]
    #[doc(alias = "typ")]
    #[doc(alias = "at+jwt")]
    pub fn with_type(mut self, typ: impl Into<String>) -> Self {
        self.typ = Some(typ.into());
        self
    }

    /// The claim that names the token's tenant, and the form of its value. Default: `tenant_id`, an
    /// id.
    #[must_use]
    pub fn with_tenant_claim(mut self, claim: ClaimPath, form: KeyForm) -> Self {
        self.tenant_claim = Some(claim);
        self.form = form;
        self
    }

    /// The claim that lists the subject's tenants, in the form of the tenant claim. Default: none.
    #[must_use]
    pub fn with_tenants_claim(mut self, claim: ClaimPath) -> Self {
        self.tenants_claim = Some(claim);
        self
    }

    /// How the claim of [`with_tenants_claim`](Self::with_tenants_claim) lists them. Default: an array.
    #[must_use]
    pub const fn with_tenants_shape(mut self, shape: TenantsShape) -> Self {
        self.tenants_shape = shape;
        self
    }

    /// Accepts a tenant that is named by a whole number, such as `"tenant_id": 7`, as if its digits were a string. Default:
    /// only strings are names.
    ///
    /// For issuers whose tenants have integer keys. A number has one spelling: a sign, a fraction (`7.0`) and an exponent
    /// are refused, and so is a number over 2^53 - 1, which readers of JSON round (RFC 8259 §6): two tenants could be one.
    #[must_use]
    pub const fn with_integer_tenants(mut self, is_accepted: bool) -> Self {
        self.tenant_name = if is_accepted {
            TenantName::TextOrInteger
        } else {
            TenantName::Text
        };
        self
    }

    /// The claim that has the subject's roles in the tenant of the tenant claim: an array of strings, or
    /// one string. Default: none.
    #[must_use]
    #[doc(alias = "RBAC")]
    pub fn with_roles_claim(mut self, claim: ClaimPath) -> Self {
        self.roles_claim = Some(claim);
        self
    }

    /// The claim that names staff of the platform, by `true`. Default: none.
    ///
    /// # Security
    ///
    /// It opens every tenant to the holder, if `PlatformStaff` of `tenancy-http` authorizes.
    #[must_use]
    #[doc(alias = "impersonation")]
    pub fn with_staff_claim(mut self, claim: ClaimPath) -> Self {
        self.staff_claim = Some(claim);
        self
    }

    /// Lets those write who act in the subject's place, whom a token names in the claim `act` (RFC 8693 §4.1): services that call
    /// this one for a user. Default: they read, and every transaction of theirs is read-only.
    ///
    /// # Security
    ///
    /// An issuer may use `act` for its own staff, who look at what a user sees. With this they change it in the user's name.
    #[must_use]
    #[doc(alias = "act")]
    #[doc(alias = "delegation")]
    pub const fn dangerously_let_actors_write(mut self) -> Self {
        self.actors_write = true;
        self
    }

    /// Parses the payload of each valid token as a `T`, too, for handlers that extract it (`Payload<T>` of the adapters):
    /// an e-mail address, a plan, what an application keeps in its tokens. Default: nothing is parsed.
    ///
    /// It is parsed when the token is verified, and cached with it. A payload that does not fit is an invalid token; the
    /// log names the field at the level debug, and never its value.
    ///
    /// ```
    /// #[derive(serde::Deserialize)]
    /// struct User {
    ///     email: String,
    ///     #[serde(default)]
    ///     plan: Option<String>,
    /// }
    ///
    /// let builder = tenancy_jwt::TokenVerifier::builder().with_payload::<User>();
    /// # let _ = builder;
    /// ```
    ///
    /// # Security
    ///
    /// The payload has no part in what is decided: membership comes of the configured claims alone.
    #[must_use]
    #[doc(alias = "custom claims")]
    pub fn with_payload<T: DeserializeOwned + Any + Send + Sync>(mut self) -> Self {
        self.typed_payload = Some(parse_payload::<T>);
        self
    }

    /// Sets how many verified tokens are cached, and for how long. Default: [`TokenCacheLimits::new`].
    #[must_use]
    pub fn with_token_cache(mut self, limits: TokenCacheLimits) -> Self {
        self.token_cache = Some(limits);
        self
    }

    /// Verifies each token each time.
    #[must_use]
    pub fn without_token_cache(mut self) -> Self {
        self.token_cache = None;
        self
    }

    /// Checks the configuration, and builds the verifier.
    ///
    /// # Errors
    ///
    /// Whatever is missing, contradictory or unsafe.
    pub fn build(self) -> Result<TokenVerifier, BuildVerifierError> {
        if self.leeway > MAX_LEEWAY {
            return Err(BuildVerifierError::Leeway);
        }
        if self.typ.as_ref().is_some_and(String::is_empty) {
            return Err(BuildVerifierError::EmptyName);
        }
        let shared = (self.keys, self.shared);
        Ok(TokenVerifier {
            trusts: trusts(shared, self.trusted, self.form)?,
            leeway: self.leeway.as_secs_f64(),
            typ: self.typ,
            tenant_claim: match self.tenant_claim {
                Some(claim) => claim,
                None => ClaimPath::literal(DEFAULT_TENANT_CLAIM).map_err(|_| BuildVerifierError::EmptyName)?,
            },
            tenants_claim: self.tenants_claim,
            tenants_shape: self.tenants_shape,
            tenant_name: self.tenant_name,
            roles_claim: self.roles_claim,
            staff_claim: self.staff_claim,
            actors_write: self.actors_write,
            typed_payload: self.typed_payload,
            form: self.form,
            cache: self
                .token_cache
                .map(|limits| limits.check().and_then(TokenCache::new))
                .transpose()?,
        })
    }
}

/// The shared keys and their issuers, where there are any, and each issuer that has its own. No issuer
/// is of two.
fn trusts(
    (keys, shared): (Vec<VerificationKey>, Trusted),
    trusted: Vec<TrustedIssuer>,
    form: KeyForm,
) -> Result<Vec<Trust>, BuildVerifierError> {
    if !trusted.is_empty() && shared.any_issuer {
        return Err(BuildVerifierError::AnyIssuer);
    }
    let mut trusts = Vec::new();
    if trusted.is_empty() || !keys.is_empty() || !shared.is_empty() {
        trusts.push(shared.build(keys.into(), form)?);
    }
    for issuer in trusted {
        trusts.push(issuer.build(form)?);
    }
    let names: Vec<_> = trusts.iter().flat_map(Trust::issuer_names).collect();
    for (index, name) in names.iter().enumerate() {
        if names.iter().skip(index + 1).any(|other| name.overlaps(other)) {
            let issuer = name.as_str().to_owned();
            return Err(BuildVerifierError::RepeatedIssuer { issuer });
        }
    }
    Ok(trusts)
}
