#[cfg(feature = "serde")]
use crate::config::{ConfigError, FromSettings, ResolutionConfig, Settings};
use crate::names::{ResolverName, TenantKey};
use crate::request::{Credentials, RequestView};
use crate::resolve::{Malformed, Resolver};

/// Reads the tenant that the verified credential was issued for.
///
/// The claim's place and form are the verifier's matter: it hands over claims already parsed. A claim
/// that is present and malformed has made the credential invalid.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClaimResolver;

impl ClaimResolver {
    /// The resolver's name, as configuration and provenance spell it.
    pub const NAME: &'static str = "jwt_claim";
}

impl Resolver for ClaimResolver {
    fn name(&self) -> ResolverName {
        ResolverName::from_static(Self::NAME)
    }

    fn resolve(&self, request: &RequestView<'_>) -> Result<Option<TenantKey>, Malformed> {
        let mut key = None;
        self.resolve_into(request, &mut key).map(|()| key)
    }

    fn resolve_into(&self, request: &RequestView<'_>, key: &mut Option<TenantKey>) -> Result<(), Malformed> {
        if let Credentials::Verified(claims) = request.credentials {
            if let Some(tenant) = claims.tenant() {
                tenant.clone_into(key);
            }
        }
        Ok(())
    }

    fn reads_claims(&self) -> bool {
        true
    }
}

#[cfg(feature = "serde")]
impl FromSettings for ClaimResolver {
    /// The claim's place and form are the verifier's settings; here the place is only checked.
    fn from_settings(config: &ResolutionConfig) -> Result<Settings<Self>, ConfigError> {
        config.claim()?;
        Ok(Settings::Complete(Self))
    }
}
