use tenancy_core::names::KeyForm;

use crate::issuer::trust::{Trust, Trusted};
use crate::{BuildVerifierError, KeySource};

/// An issuer with keys of its own. They verify its tokens and nobody else's, whatever `kid` they have.
///
/// It needs an audience, and may be bound to the tenants that it may speak for.
///
/// ```
/// use tenancy_jwt::{KeyAlgorithm, TokenVerifier, TrustedIssuer, VerificationKey};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (ours, theirs) = (vec![7; 32].into(), vec![8; 32].into());
/// let ours = VerificationKey::hmac(Some("1"), KeyAlgorithm::Hs256, &ours)?;
/// let theirs = VerificationKey::hmac(Some("1"), KeyAlgorithm::Hs256, &theirs)?;
/// let verifier = TokenVerifier::builder()
///     .with_trusted_issuer(TrustedIssuer::new("https://login.example", [ours]).with_audience("notes"))
///     .with_trusted_issuer(
///         TrustedIssuer::new("https://login.acme.example", [theirs])
///             .with_audience("notes-for-acme")
///             .with_tenants(["acme"]),
///     )
///     .build()?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[doc(alias = "multiple issuers")]
pub struct TrustedIssuer {
    keys: KeySource,
    trusted: Trusted,
}

impl TrustedIssuer {
    /// The issuer whose tokens have this `iss`, byte for byte, and where its keys come from.
    #[must_use]
    pub fn new(issuer: impl Into<String>, keys: impl Into<KeySource>) -> Self {
        Self {
            keys: keys.into(),
            trusted: Trusted {
                issuers: vec![(issuer.into(), None)],
                ..Trusted::default()
            },
        }
    }

    /// The issuer that has a name for each tenant: `template`, with the token's tenant in the place of
    /// `{tenant}`, such as `https://login.example/{tenant}/v2.0`. One set of keys is for all of them.
    ///
    /// A token must have the tenant claim, its `iss` must be the template's for that very tenant, byte for
    /// byte, and it holds in that tenant only, whichever authorizer decides on membership. The template's address is
    /// never asked for anything.
    #[must_use]
    #[doc(alias = "realm")]
    pub fn per_tenant(template: impl Into<String>, keys: impl Into<KeySource>) -> Self {
        let mut issuer = Self::new(template, keys);
        issuer.trusted.per_tenant = true;
        issuer
    }

    /// Accepts its tokens whose `aud` is this or has this. Call it again for another audience. Default:
    /// none; required.
    #[must_use]
    pub fn with_audience(mut self, audience: impl Into<String>) -> Self {
        self.trusted.audiences.push(audience.into());
        self
    }

    /// Accepts its tokens without looking at `aud`.
    ///
    /// # Security
    ///
    /// A token that it issued for another service is accepted here.
    #[must_use]
    pub const fn dangerously_accept_any_audience(mut self) -> Self {
        self.trusted.any_audience = true;
        self
    }

    /// The tenants that it may speak for, spelled as in the tenant claim. Default: all.
    ///
    /// A token of its that names another tenant is refused, and its subjects are strangers to every
    /// other tenant, whichever authorizer decides on membership.
    #[must_use]
    pub fn with_tenants<T: Into<String>>(mut self, tenants: impl IntoIterator<Item = T>) -> Self {
        let tenants: Vec<String> = tenants.into_iter().map(Into::into).collect();
        for (_, bound) in &mut self.trusted.issuers {
            bound.get_or_insert_default().extend(tenants.iter().cloned());
        }
        self
    }

    pub(crate) fn build(self, form: KeyForm) -> Result<Trust, BuildVerifierError> {
        self.trusted.build(self.keys, form)
    }
}
