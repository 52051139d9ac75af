//! What the layer logs of decisions, for operators. The client learns nothing of it.

use std::error::Error;

use tenancy_core::context::TenantScope;
use tenancy_core::directory::TenantStatus;
use tenancy_core::enforce::{Access, Admitted, Cause, Enforcer, Fault, Outcome, Refused, Rejection, Standing, Trace};
use tenancy_core::request::RequestView;

/// Whether decisions are explained, by the level debug of the target `tenancy::explain`.
pub(super) fn is_explained() -> bool {
    tracing::enabled!(target: "tenancy::explain", tracing::Level::DEBUG)
}

/// Logs how a decision came about.
pub(super) fn log_explanation(
    trace: Trace,
    enforcer: &Enforcer,
    request: &RequestView<'_>,
    access: Access,
    decided: &Result<TenantScope, Rejection>,
) {
    let decided = decided
        .as_ref()
        .map(|scope| scope.outcome().clone())
        .map_err(|refused| *refused);
    let explanation = trace.explain(enforcer, request, access, decided);
    tracing::debug!(
        target: "tenancy::explain",
        tenant = explanation.tenant().map(|id| id.as_str()),
        subject = explanation.caller().map(|caller| caller.subject().as_str()),
        "{explanation}"
    );
}

/// Logs a refusal that no explanation tells of: there was no decision in time, or an outer layer contradicts the one that
/// there was.
pub(super) fn log_refusal(rejection: &Rejection) {
    tracing::debug!(
        target: "tenancy::explain",
        "refused with {} {}: {rejection}",
        rejection.status(),
        rejection.code()
    );
}

/// Logs each member of staff who enters a suspended tenant, whichever authorizer has let them in, and each who acts in somebody's place.
pub(super) fn audit(scope: &TenantScope) {
    let Outcome::Admitted(admitted) = scope.outcome() else {
        return;
    };
    match admitted.standing() {
        Standing::PlatformStaff if admitted.tenant().status == TenantStatus::Suspended => tracing::info!(
            target: "tenancy::audit",
            tenant = admitted.id().as_str(),
            actor = admitted.subject().as_str(),
            issuer = admitted.issuer().map(|issuer| issuer.as_str()),
            "staff of the platform enters a suspended tenant"
        ),
        Standing::Impersonation => log_actor(admitted),
        _ => {}
    }
}

fn log_actor(admitted: &Admitted) {
    let actor = admitted.actor();
    tracing::info!(
        target: "tenancy::audit",
        tenant = admitted.id().as_str(),
        actor = actor.map(|actor| actor.subject().as_str()),
        actor_issuer = actor.and_then(|actor| actor.issuer()).map(|issuer| issuer.as_str()),
        grant = actor.and_then(|actor| actor.grant()).map(|grant| grant.as_str()),
        subject = admitted.subject().as_str(),
        issuer = admitted.issuer().map(|issuer| issuer.as_str()),
        is_read_only = admitted.is_read_only(),
        "somebody acts in another's place"
    );
}

/// Logs why the credentials could not be verified; the client does not learn it.
pub(super) fn report_authenticator(error: impl Error + 'static) -> Rejection {
    tracing::error!(error = &error as &dyn Error, "failed to verify credentials");
    Rejection::new(Cause::AuthenticatorUnavailable)
}

/// Logs the fault behind a refusal; the client does not learn it.
pub(super) fn report<E: Error + 'static, F: Error + 'static>(refused: Refused<E, F>) -> Rejection {
    match &refused.fault {
        Some(Fault::Directory(error)) => {
            tracing::error!(error = error as &dyn Error, "failed to query the directory")
        }
        Some(Fault::Authorizer(error)) => {
            tracing::error!(error = error as &dyn Error, "failed to query the authorizer")
        }
        None => {}
    }
    refused.rejection
}
