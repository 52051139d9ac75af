//! A tenancy of made-up tenants.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::sync::Arc;

use http::request::Parts;
use tenancy_core::names::{FieldName, Subject};
use tenancy_core::request::{Claims, Credentials};
use tenancy_core::testing::{TestTenant, TestTenants};

use crate::{Authenticator, SharedClaims, Tenancy};

/// A tenancy that knows these tenants, and takes every request for one of that tenant's member: of the tenant that the
/// header `x-tenant-id` names by its id, or of the first one if there is no such header.
///
/// `T` is the `Tenancy` of whichever adapter. Enforcement is the real one: a tenant that is not active is refused, and a
/// header that names another tenant, or two, is.
///
/// # Security
///
/// It is for tests alone: no credential is looked at. It logs a warning when it is built.
#[must_use]
pub fn tenancy_of<T: From<Tenancy>>(tenants: impl IntoIterator<Item = TestTenant>) -> T {
    tracing::warn!("a tenancy of made-up tenants is in use: every caller is admitted to them");
    let tenants = TestTenants::new(tenants);
    let callers = TestCallers {
        field: FieldName::from_static(TestTenants::HEADER),
        tenants: tenants.clone(),
    };
    let tenancy: Tenancy = Tenancy::builder(tenants.enforcer(), callers, tenants.clone())
        .with_authorizer(tenants)
        .build();
    tenancy.into()
}

/// Takes each request for one of the named tenant's member. A stranger, where no such tenant is known.
struct TestCallers {
    field: FieldName,
    tenants: TestTenants,
}

impl TestCallers {
    fn credentials(&self, parts: &Parts) -> Credentials<SharedClaims> {
        let header = parts.headers.get(self.field.as_str());
        let tenant = self.tenants.named(header.map(http::HeaderValue::as_bytes));
        let claims = match tenant {
            Some(tenant) => tenant.claims(),
            None => Claims::new(Subject::from_static("test-stranger")),
        };
        Credentials::Verified(Arc::new(claims))
    }
}

impl Authenticator for TestCallers {
    type Error = Infallible;

    fn authenticate(
        &self,
        parts: &Parts,
    ) -> impl Future<Output = Result<Credentials<SharedClaims>, Infallible>> + Send {
        ready(Ok(self.credentials(parts)))
    }

    fn authenticate_now(&self, parts: &Parts) -> Option<Credentials<SharedClaims>> {
        Some(self.credentials(parts))
    }

    fn each_field(&self, visit: &mut dyn FnMut(&FieldName)) {
        visit(&self.field);
    }
}
