use crate::names::{ResolverName, TenantKey};
use crate::request::{Credentials, RequestView};
use crate::resolve::{Malformed, Resolver};

/// Reads the tenant that the verified credential was issued for.
///
/// The claim's place and form are the verifier's matter: it hands over claims already parsed. A claim
/// that is present and malformed has made the credential invalid.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClaimResolver;

impl Resolver for ClaimResolver {
    fn name(&self) -> ResolverName {
        ResolverName::from_static("jwt_claim")
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
