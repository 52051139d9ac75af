//! The resolver: the tenant that a session's cookie names.

use std::time::SystemTime;

use tenancy_core::names::{FieldName, ResolverName, TenantKey};
use tenancy_core::request::RequestView;
use tenancy_core::resolve::{Malformed, Resolver};

use crate::session::{Sessions, find};

/// Takes the tenant from the session's cookie.
///
/// A request without the cookie names no tenant, and the next resolver is tried. A cookie that was changed, has expired
/// or is there twice is an error: a request never falls through to another source.
pub struct SessionResolver {
    sessions: Sessions,
    field: FieldName,
}

impl SessionResolver {
    /// The resolver, which is named `session`.
    #[must_use]
    pub fn new(sessions: Sessions) -> Self {
        Self {
            sessions,
            field: FieldName::from_static("cookie"),
        }
    }
}

impl Resolver for SessionResolver {
    fn name(&self) -> ResolverName {
        ResolverName::from_static("session")
    }

    fn resolve(&self, request: &RequestView<'_>) -> Result<Option<TenantKey>, Malformed> {
        let mut fields = Vec::new();
        request
            .headers
            .each(&self.field, &mut |value| fields.push(value.to_vec()));
        let Some(value) = find(fields.iter().map(Vec::as_slice)).map_err(|_| Malformed::Tenant)? else {
            return Ok(None);
        };
        let session = self
            .sessions
            .verify(value, SystemTime::now())
            .map_err(|_| Malformed::Tenant)?;
        Ok(Some(TenantKey::Id(session.tenant)))
    }

    /// Responses differ by this field, and say so in `Vary`.
    fn each_field(&self, visit: &mut dyn FnMut(&FieldName)) {
        visit(&self.field);
    }
}
