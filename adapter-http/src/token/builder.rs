use std::time::Duration;

use tenancy_core::{ClaimPath, KeyForm, ParseNameError};
use thiserror::Error;

use super::issuer::Issuer;
use super::key_set::KeySet;
use super::{TokenVerifier, VerificationKey};

const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
pub(super) const MAX_LEEWAY: Duration = Duration::from_secs(60);
const DEFAULT_TENANT_CLAIM: &str = "tenant_id";

/// What a [`TokenVerifier`] is told before it verifies. Keys, issuer and audience are required.
#[derive(Debug)]
pub struct TokenVerifierBuilder {
    keys: Vec<VerificationKey>,
    issuers: Vec<(String, Option<Vec<String>>)>,
    any_issuer: bool,
    audiences: Vec<String>,
    any_audience: bool,
    leeway: Duration,
    typ: Option<String>,
    tenant_claim: Option<ClaimPath>,
    form: KeyForm,
    tenants_claim: Option<ClaimPath>,
}

impl Default for TokenVerifierBuilder {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            issuers: Vec::new(),
            any_issuer: false,
            audiences: Vec::new(),
            any_audience: false,
            leeway: DEFAULT_LEEWAY,
            typ: None,
            tenant_claim: None,
            form: KeyForm::Id,
            tenants_claim: None,
        }
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
    /// then tell every key its issuer. Default: none; required.
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuers.push((issuer.into(), None));
        self
    }

    /// As [`with_issuer`](Self::with_issuer), for an issuer that may speak for these tenants only.
    /// They are spelled as in the tenant claim.
    ///
    /// A token of its that names another tenant is refused, and its subjects are strangers to every
    /// other tenant, whoever decides on membership.
    #[must_use]
    pub fn with_issuer_of<T: Into<String>>(
        mut self,
        issuer: impl Into<String>,
        tenants: impl IntoIterator<Item = T>,
    ) -> Self {
        let tenants = tenants.into_iter().map(Into::into).collect();
        self.issuers.push((issuer.into(), Some(tenants)));
        self
    }

    /// Accepts tokens without looking at `iss`.
    ///
    /// # Security
    ///
    /// Whoever has a key's token for another purpose can use it here.
    #[must_use]
    pub fn dangerously_accept_any_issuer(mut self) -> Self {
        self.any_issuer = true;
        self
    }

    /// Accepts tokens whose `aud` is this or has this. Call it again for another audience. Default:
    /// none; required.
    #[must_use]
    pub fn with_audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Accepts tokens without looking at `aud`.
    ///
    /// # Security
    ///
    /// A token that was issued for another service of the same issuer is accepted here.
    #[must_use]
    pub fn dangerously_accept_any_audience(mut self) -> Self {
        self.any_audience = true;
        self
    }

    /// How far the issuer's clock may be off. Default: 30 seconds. At most 60.
    #[must_use]
    pub const fn with_leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Requires this `typ`, such as `at+jwt` (RFC 9068 §4), in any case, with or without
    /// `application/`. Default: `typ` is not looked at.
    #[must_use]
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

    /// Checks what it was told, and builds the verifier.
    ///
    /// # Errors
    ///
    /// Whatever is missing, contradictory or unsafe.
    pub fn build(self) -> Result<TokenVerifier, BuildVerifierError> {
        check_choice(
            self.issuers.is_empty(),
            self.any_issuer,
            BuildVerifierError::NoIssuer,
            BuildVerifierError::AnyIssuer,
        )?;
        check_choice(
            self.audiences.is_empty(),
            self.any_audience,
            BuildVerifierError::NoAudience,
            BuildVerifierError::AnyAudience,
        )?;
        if self.leeway > MAX_LEEWAY {
            return Err(BuildVerifierError::Leeway);
        }
        let names = self.issuers.iter().map(|(name, _)| name);
        if names.chain(&self.audiences).chain(&self.typ).any(String::is_empty) {
            return Err(BuildVerifierError::EmptyName);
        }
        let keys = KeySet::new(self.keys)?;
        check_owners(&keys, &self.issuers)?;
        let form = self.form;
        warn_of_dangers(self.any_issuer, self.any_audience);
        Ok(TokenVerifier {
            keys,
            issuers: self
                .issuers
                .into_iter()
                .map(|(name, tenants)| bind(name, tenants, form))
                .collect::<Result<_, _>>()?,
            audiences: self.audiences,
            leeway: self.leeway.as_secs_f64(),
            typ: self.typ,
            tenant_claim: match self.tenant_claim {
                Some(claim) => claim,
                None => ClaimPath::literal(DEFAULT_TENANT_CLAIM).map_err(|_| BuildVerifierError::EmptyName)?,
            },
            tenants_claim: self.tenants_claim,
            form,
        })
    }
}

/// Exactly one of a list of names and the wish to have none.
fn check_choice(
    is_empty: bool,
    any: bool,
    missing: BuildVerifierError,
    contradiction: BuildVerifierError,
) -> Result<(), BuildVerifierError> {
    match (is_empty, any) {
        (true, false) => Err(missing),
        (false, true) => Err(contradiction),
        _ => Ok(()),
    }
}

/// Every key is some configured issuer's, and says whose where that is not plain.
fn check_owners(keys: &KeySet, issuers: &[(String, Option<Vec<String>>)]) -> Result<(), BuildVerifierError> {
    let kid = |key: &VerificationKey| key.kid().unwrap_or_default().to_owned();
    for key in keys.iter() {
        if key.issuers().is_empty() && issuers.len() > 1 {
            return Err(BuildVerifierError::KeyWithoutIssuer { kid: kid(key) });
        }
        let is_known = |owner: &String| issuers.iter().any(|(issuer, _)| issuer == owner);
        if !key.issuers().iter().all(is_known) {
            return Err(BuildVerifierError::KeyOfUnknownIssuer { kid: kid(key) });
        }
    }
    Ok(())
}

fn bind(name: String, tenants: Option<Vec<String>>, form: KeyForm) -> Result<Issuer, BuildVerifierError> {
    let parse = |tenant: String| {
        form.parse(tenant.as_bytes())
            .map_err(|problem| BuildVerifierError::IssuersTenant { tenant, problem })
    };
    let tenants = tenants
        .map(|tenants| tenants.into_iter().map(parse).collect::<Result<_, _>>())
        .transpose()?;
    Ok(Issuer { name, tenants })
}

fn warn_of_dangers(any_issuer: bool, any_audience: bool) {
    if any_issuer {
        tracing::warn!("tokens of any issuer are accepted, if a key verifies them");
    }
    if any_audience {
        tracing::warn!("tokens for any audience are accepted, if a key verifies them");
    }
}

/// Why a verifier cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BuildVerifierError {
    /// No key.
    #[error("at least one key is required")]
    NoKey,
    /// Two keys of one `kid`.
    #[error("two keys have the `kid` `{kid}`")]
    RepeatedKid {
        /// The name that they share.
        kid: String,
    },
    /// Several keys, one of them without a `kid`.
    #[error("there are several keys, and one has no `kid`")]
    KeyWithoutKid,
    /// Secrets and public keys in one set: a public key could be taken for a secret.
    #[error("secrets and public keys cannot be used together")]
    MixedKeys,
    /// Several issuers, and a key that does not say whose it is.
    #[error("there are several issuers, and the key `{kid}` does not say whose it is")]
    KeyWithoutIssuer {
        /// The key's name.
        kid: String,
    },
    /// A key of an issuer that is not configured.
    #[error("the key `{kid}` is of an issuer that is not configured")]
    KeyOfUnknownIssuer {
        /// The key's name.
        kid: String,
    },
    /// No issuer, and not said that any will do.
    #[error("an issuer is required, or `dangerously_accept_any_issuer`")]
    NoIssuer,
    /// An issuer, and said that any will do.
    #[error("an issuer and `dangerously_accept_any_issuer` contradict each other")]
    AnyIssuer,
    /// No audience, and not said that any will do.
    #[error("an audience is required, or `dangerously_accept_any_audience`")]
    NoAudience,
    /// An audience, and said that any will do.
    #[error("an audience and `dangerously_accept_any_audience` contradict each other")]
    AnyAudience,
    /// An issuer, audience or `typ` without a letter.
    #[error("an issuer, an audience or a `typ` is empty")]
    EmptyName,
    /// A leeway over 60 seconds.
    #[error("a leeway is at most {} seconds", MAX_LEEWAY.as_secs())]
    Leeway,
    /// A tenant that an issuer is bound to is none in the form of the tenant claim.
    #[error("an issuer is bound to the tenant `{tenant}`: {problem}")]
    IssuersTenant {
        /// The tenant as it was given.
        tenant: String,
        /// What is wrong with it.
        problem: ParseNameError,
    },
}
