use std::future::Future;

use tenancy_core::directory::{Authorizer, Decision};
use tenancy_core::enforce::Authorize;

/// Lets staff of the platform into every tenant, and queries another authorizer about everyone else.
///
/// A caller is staff if the verified credential says so
/// ([`VerifiedClaims::is_platform_staff`](tenancy_core::request::VerifiedClaims::is_platform_staff)): for tokens a claim that
/// must be configured, and must be `true`. Without that claim, or without this authorizer, there is no
/// bypass.
///
/// Handlers can tell: [`Admitted::standing`](tenancy_core::enforce::Admitted::standing) is `PlatformStaff`, and
/// there are no roles.
///
/// # Security
///
/// Anyone who can get such a token reads and writes every tenant's data. Issue it to people for a short
/// time, from an issuer that does nothing else; an issuer that is bound to tenants stays bound to them.
/// Each entry is logged at the level warn, with the target `tenancy::audit`, the tenant, the subject and
/// its issuer. Retain that log.
#[derive(Clone, Copy, Debug)]
pub struct PlatformStaff<A>(A);

impl<A: Authorizer> PlatformStaff<A> {
    /// Queries `others` about everyone who is not staff.
    pub const fn or_else(others: A) -> Self {
        Self(others)
    }
}

impl<A: Authorizer> Authorizer for PlatformStaff<A> {
    type Error = A::Error;

    fn authorize(&self, asked: &Authorize<'_>) -> impl Future<Output = Result<Decision, Self::Error>> + Send {
        let staff = enters_as_staff(asked);
        async move {
            match staff {
                Some(decision) => Ok(decision),
                None => self.0.authorize(asked).await,
            }
        }
    }

    fn authorize_now(&self, asked: &Authorize<'_>) -> Option<Decision> {
        enters_as_staff(asked).or_else(|| self.0.authorize_now(asked))
    }
}

/// Logs each member of staff who enters, before anything is done in the tenant.
fn enters_as_staff(asked: &Authorize<'_>) -> Option<Decision> {
    let claims = asked.claims();
    if !claims.is_platform_staff() {
        return None;
    }
    tracing::warn!(
        target: "tenancy::audit",
        tenant = asked.tenant().id.as_str(),
        subject = claims.subject().as_str(),
        issuer = claims.issuer(),
        "staff of the platform enters a tenant"
    );
    Some(Decision::AllowStaff)
}
