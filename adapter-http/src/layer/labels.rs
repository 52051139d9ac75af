//! How metrics and spans name what they tell apart.

use tenancy_core::context::TenantScope;
use tenancy_core::enforce::{Access, Outcome, Rejection};

/// How metrics and spans name an access policy.
pub(super) const fn access_label(access: Access) -> &'static str {
    match access {
        Access::Authenticated => "authenticated",
        Access::Public => "public",
        Access::Optional => "optional",
        Access::Scoped => "scoped",
        _ => "other",
    }
}

/// How metrics and spans name what a decision came to.
pub(super) fn outcome_label(scope: &Result<TenantScope, Rejection>) -> &'static str {
    match scope.as_ref().map(TenantScope::outcome) {
        Ok(Outcome::Admitted(_)) => "admitted",
        Ok(Outcome::Visit(_)) => "visit",
        Ok(Outcome::NoTenant) => "no_tenant",
        Ok(Outcome::Authenticated(_)) => "authenticated",
        Ok(_) => "other",
        Err(_) => "refused",
    }
}
