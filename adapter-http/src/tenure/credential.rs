//! The credential that a connection was admitted by.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Extensions;
use tokio::time::Instant;

use crate::SharedClaims;
use crate::layer::{Binding, BoundPayload, Engine};

/// The claims by which the tenant was decided on, and when the credential expires.
pub(super) struct Credential {
    pub(super) claims: Option<SharedClaims>,
    /// In seconds since 1970, by the system's clock.
    expires_at: Option<u64>,
    /// The same by the clock of the process, which nobody sets back.
    deadline: Option<Instant>,
}

impl Credential {
    /// That of a request. Where two layers have verified two credentials of the caller, the one that expires first counts.
    pub(super) fn of(binding: &Binding, extensions: &Extensions, engine: &dyn Engine) -> Self {
        let claims = match binding.tenant_credential() {
            BoundPayload::Claims(claims) => Some(claims.clone()),
            // A visitor is nobody in particular, whatever claims the request holds.
            _ if binding.scope.admitted().is_none() => None,
            BoundPayload::None | BoundPayload::Shared(_) => engine.claims_of(extensions, &binding.scope),
        };
        let others = binding.payload.claims();
        let expiries = claims.iter().chain(others).filter_map(|claims| claims.expires_at());
        let expires_at = expiries.min();
        Self {
            claims,
            expires_at,
            deadline: expires_at.and_then(|at| Instant::now().checked_add(remaining(at))),
        }
    }

    /// Whether it has expired, by either clock.
    pub(super) fn has_expired(&self) -> bool {
        self.expires_at.is_some_and(|at| remaining(at).is_zero())
            || self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    /// When it expires, unless that is too far off for a clock.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

/// How long it is until a time in seconds since 1970. By a clock from before 1970 nothing is left.
fn remaining(at: u64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(Duration::ZERO, |now| Duration::from_secs(at).saturating_sub(now))
}
