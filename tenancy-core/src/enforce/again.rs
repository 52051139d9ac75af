//! A request that was bound a while ago, and is decided on again.

use crate::directory::TenantRecord;
use crate::enforce::outcome::is_same_member;
use crate::enforce::{Cause, Outcome, Rejection};

impl Outcome {
    /// Whether a request that was bound to `before` may go on, where deciding on it
    /// [again](crate::enforce::Enforcer::begin_again) has come to `self`.
    ///
    /// It may if the tenant, the caller and their standing are the same, if a member still has each role of then, and if the
    /// tenant's data is where it was. The code that serves the request holds the record and the roles of `before`. A new role,
    /// a new slug, and whatever else has changed, is found by the next request.
    ///
    /// # Errors
    ///
    /// If it may not go on.
    pub fn confirms(&self, before: &Self) -> Result<(), Rejection> {
        match (before, self) {
            (Self::Admitted(before), Self::Admitted(now)) if before.id() == now.id() && is_same_member(before, now) => {
                if before.roles().iter().any(|role| !now.roles().has(role.as_str())) {
                    return Err(Rejection::new(Cause::RolesNarrowed));
                }
                has_not_moved(before.tenant(), now.tenant())
            }
            (Self::Visit(before), Self::Visit(now)) if before.id() == now.id() => {
                has_not_moved(before.tenant(), now.tenant())
            }
            (Self::NoTenant, Self::NoTenant) => Ok(()),
            (Self::Authenticated(before), Self::Authenticated(now)) if before.is_same(now) => Ok(()),
            _ => Err(Rejection::new(Cause::TenantReplaced)),
        }
    }
}

fn has_not_moved(before: &TenantRecord, now: &TenantRecord) -> Result<(), Rejection> {
    if before.strategy == now.strategy && before.placement == now.placement && before.epoch == now.epoch {
        Ok(())
    } else {
        Err(Rejection::new(Cause::TenantMoved))
    }
}
