//! The way of a request that was admitted a while ago, and is decided on again.

use std::error::Error;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use http::{Extensions, Request};
use tenancy_core::context::TenantScope;
use tenancy_core::directory::{Authorizer, Directory};
use tenancy_core::enforce::{Cause, Refused, Rejection, drive, drive_now};
use tenancy_core::request::{Claims, Credentials, VerifiedClaims};

use super::binding::EngineId;
use super::parts::{BoxFuture, EngineParts};
use super::roll::Roll;
use crate::{Authenticator, SharedClaims};

/// What an engine does for connections that outlast their admission.
pub(crate) trait Again {
    fn id(&self) -> EngineId;

    fn roll(&self) -> &Arc<Roll>;

    /// The claims that a request holds in its extensions, to outlive it.
    fn claims_of(&self, extensions: &Extensions, scope: &TenantScope) -> Option<SharedClaims>;

    /// Decides again on what is bound to `scope`. Returns `None` if an answer is not available without waiting.
    fn recheck_now(&self, scope: &TenantScope, claims: Option<&SharedClaims>) -> Option<Result<(), Rejection>>;

    /// As [`recheck_now`](Self::recheck_now). Awaits the answers that are not available.
    fn recheck(self: Arc<Self>, scope: TenantScope, claims: Option<SharedClaims>) -> BoxFuture<Result<(), Rejection>>;
}

impl<N, D, A> Again for EngineParts<N, D, A>
where
    N: Authenticator + 'static,
    D: Directory + 'static,
    A: Authorizer + 'static,
{
    fn id(&self) -> EngineId {
        self.id
    }

    fn roll(&self) -> &Arc<Roll> {
        &self.roll
    }

    fn claims_of(&self, extensions: &Extensions, scope: &TenantScope) -> Option<SharedClaims> {
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.extensions = extensions.clone();
        let lent = self.authenticator.claims_in(&parts)?;
        // The authenticator knows best how its claims are copied.
        match self.authenticator.authenticate_now(&parts) {
            Some(Credentials::Verified(claims))
                if claims.subject() == lent.subject() && claims.issuer() == lent.issuer() =>
            {
                Some(claims)
            }
            _ => Some(Arc::new(Claims::copied_for(scope.admitted()?.tenant(), lent))),
        }
    }

    fn recheck_now(&self, scope: &TenantScope, claims: Option<&SharedClaims>) -> Option<Result<(), Rejection>> {
        if self.is_behind.is_some() {
            // What the data says is not available at once.
            return None;
        }
        let passing = pin!(self.decide_again::<false>(scope, claims));
        match passing.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(decided) => Some(decided),
            Poll::Pending => None,
        }
    }

    fn recheck(self: Arc<Self>, scope: TenantScope, claims: Option<SharedClaims>) -> BoxFuture<Result<(), Rejection>> {
        Box::pin(async move {
            let deciding = self.decide_again::<true>(&scope, claims.as_ref());
            let decided = tokio::time::timeout(self.timeout, deciding).await;
            decided.unwrap_or(Err(Rejection::new(Cause::TimedOut)))?;
            self.look_at_data(&scope).await
        })
    }
}

impl<N, D, A> EngineParts<N, D, A>
where
    N: Authenticator + 'static,
    D: Directory + 'static,
    A: Authorizer + 'static,
{
    /// Refuses what no transaction begins for any more. Where that cannot be found out the connection goes on: what it does next
    /// meets the fault itself.
    async fn look_at_data(&self, scope: &TenantScope) -> Result<(), Rejection> {
        let (Some(is_behind), Some(visit)) = (&self.is_behind, scope.visit()) else {
            return Ok(());
        };
        match tokio::time::timeout(self.timeout, is_behind(visit)).await {
            Ok(true) => Err(Rejection::new(Cause::TenantBehind)),
            Ok(false) | Err(_) => Ok(()),
        }
    }

    /// Unless it may `WAIT`, it stays pending where an answer is not available.
    async fn decide_again<const WAIT: bool>(
        &self,
        scope: &TenantScope,
        claims: Option<&SharedClaims>,
    ) -> Result<(), Rejection> {
        let mut key = None;
        let claims = claims.map(|claims| &**claims as &dyn VerifiedClaims);
        let step = self.enforcer.begin_again(scope.outcome(), claims, &mut key);
        let decided = if WAIT {
            drive(step, &self.directory, &self.authorizer).await.map_err(report)
        } else {
            match drive_now(step, &self.directory, &self.authorizer) {
                Ok(decided) => decided,
                Err(_) => pending().await,
            }
        };
        decided?.confirms(scope.outcome())
    }
}

/// Logs the fault behind a refusal, at the level debug: many connections meet it at once, and go on for now.
fn report<E: Error + 'static, F: Error + 'static>(refused: Refused<E, F>) -> Rejection {
    if let Some(fault) = &refused.fault {
        tracing::debug!(error = fault as &dyn Error, "failed to check a connection");
    }
    refused.rejection
}
