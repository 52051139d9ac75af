//! The way of a request through a layer. It reads from top to bottom in `EngineParts`: `pass` finds out where the layer
//! stands and binds the request in the end, and `decide` authenticates, views, begins and drives in between.
//!
//! The way is written once, and compiled twice. Without waiting it runs on the caller's stack; where an answer is not
//! available, it stays pending and is dropped. With waiting it runs from the beginning in a future on the heap, and
//! awaits what it needs.

use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use http::HeaderValue;
use http::request::Parts;
use tenancy_core::context::TenantScope;
use tenancy_core::directory::{Authorizer, Directory};
use tenancy_core::enforce::{
    Access, Cause, Enforcer, Explanation, Outcome, Rejection, Trace, drive_now_observed, drive_observed, explain,
};
use tenancy_core::request::{Credentials, SharedPayload, VerifiedClaims};

use super::again::Again;
use super::binding::{Binding, BoundPayload};
use super::guard::RequestGuard;
use super::log::{audit, is_explained, log_explanation, log_refusal, report, report_authenticator};
use super::observation::Observation;
use super::parts::{BoxFuture, EngineParts, Vary};
use crate::view::{HeaderFields, OriginalUri, request_view};
use crate::{Authenticator, SharedClaims};

/// The outcome of a layer for one request.
#[derive(Debug)]
#[non_exhaustive]
pub struct Admission {
    /// What the request is bound to, or why it is refused.
    pub scope: Result<TenantScope, Rejection>,
    /// What the response's `Vary` must name, whatever the response is; see [`add_vary`](crate::add_vary).
    pub vary: Option<HeaderValue>,
    /// What goes with the request until its response's body has ended.
    pub guard: RequestGuard,
}

/// What a layer knows before any request: how open its routes are, and where the framework keeps the URI that the client
/// sent.
#[derive(Clone, Copy)]
pub(crate) struct RoutePolicy {
    pub(crate) access: Access,
    pub(crate) original_uri: OriginalUri,
}

/// What a [`Tenancy`](crate::Tenancy) does, with the types of authenticator, directory and authorizer erased.
pub(crate) trait Engine: Again + Send + Sync {
    fn enforcer(&self) -> &Enforcer;

    /// The `Vary` of responses under an access policy.
    fn vary(&self, access: Access) -> Option<&HeaderValue>;

    /// Decides on a request, and binds it. Returns `None` if an answer is not available without waiting. Credentials
    /// that have been read by then are left in `credentials`, for [`admit`](Self::admit).
    fn admit_now(
        &self,
        policy: RoutePolicy,
        parts: &mut Parts,
        credentials: &mut Option<Credentials<SharedClaims>>,
    ) -> Option<Admission>;

    /// Decides on a request as [`admit`](Self::admit) does, and says why. The request is not bound.
    fn explain<'e>(
        &'e self,
        policy: RoutePolicy,
        parts: &'e Parts,
    ) -> Pin<Box<dyn Future<Output = Result<Explanation, Rejection>> + Send + 'e>>;

    /// Decides on a request, and binds it. Awaits the answers that are not available.
    fn admit(
        self: Arc<Self>,
        policy: RoutePolicy,
        parts: Parts,
        credentials: Option<Credentials<SharedClaims>>,
    ) -> BoxFuture<(Parts, Admission)>;
}

impl<N, D, A> Engine for EngineParts<N, D, A>
where
    N: Authenticator + 'static,
    D: Directory + 'static,
    A: Authorizer + 'static,
{
    fn enforcer(&self) -> &Enforcer {
        &self.enforcer
    }

    fn vary(&self, access: Access) -> Option<&HeaderValue> {
        let Vary {
            tenant,
            credentials,
            both,
        } = &self.vary;
        match (self.enforcer.resolves(access), self.enforcer.reads_credentials(access)) {
            (true, true) => both,
            (true, false) => tenant,
            (false, true) => credentials,
            (false, false) => &None,
        }
        .as_ref()
    }

    fn admit_now(
        &self,
        policy: RoutePolicy,
        parts: &mut Parts,
        credentials: &mut Option<Credentials<SharedClaims>>,
    ) -> Option<Admission> {
        let passing = pin!(self.pass::<false>(policy, parts, credentials));
        match passing.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(admission) => Some(admission),
            Poll::Pending => None,
        }
    }

    fn explain<'e>(
        &'e self,
        policy: RoutePolicy,
        parts: &'e Parts,
    ) -> Pin<Box<dyn Future<Output = Result<Explanation, Rejection>> + Send + 'e>> {
        Box::pin(async move {
            let mut read = None;
            let (credentials, _) = self.credentials::<true>(policy, parts, &mut read).await?;
            let fields = HeaderFields::new(&parts.headers).with_names(&self.names);
            let uri = (policy.original_uri)(&parts.extensions).unwrap_or(&parts.uri);
            let request = request_view(parts, uri, &fields, credentials);
            Ok(explain(
                &self.enforcer,
                &request,
                policy.access,
                &self.directory,
                &self.authorizer,
            )
            .await)
        })
    }

    fn admit(
        self: Arc<Self>,
        policy: RoutePolicy,
        mut parts: Parts,
        mut credentials: Option<Credentials<SharedClaims>>,
    ) -> BoxFuture<(Parts, Admission)> {
        Box::pin(async move {
            let admission = self.pass::<true>(policy, &mut parts, &mut credentials).await;
            (parts, admission)
        })
    }
}

impl<N, D, A> EngineParts<N, D, A>
where
    N: Authenticator + 'static,
    D: Directory + 'static,
    A: Authorizer + 'static,
{
    /// The whole way of a request. Unless it may `WAIT`, it stays pending where an answer is not available.
    async fn pass<const WAIT: bool>(
        &self,
        policy: RoutePolicy,
        parts: &mut Parts,
        credentials: &mut Option<Credentials<SharedClaims>>,
    ) -> Admission {
        // An outer layer of the same engine has decided already, and no less strictly. It also sees to `Vary`.
        let outer = Binding::of(&parts.extensions);
        if let Some(outer) = outer.filter(|outer| outer.includes(self.id, policy.access)) {
            return Admission {
                scope: Ok(outer.scope.clone()),
                vary: None,
                guard: RequestGuard::none(),
            };
        }
        let outer = outer.cloned();
        let met = outer.as_ref().and_then(|outer| outer.tenant_by);
        let access = met.map_or(policy.access, |(_, met)| policy.access.within(met));
        let policy = RoutePolicy { access, ..policy };
        let observation = Observation::begin(access);
        let deciding = self.decide::<WAIT>(policy, parts, credentials);
        #[cfg(feature = "spans")]
        let deciding = observation.watch(deciding);
        let decided = if WAIT {
            let decided = tokio::time::timeout(self.timeout, deciding).await;
            decided.unwrap_or_else(|_| Err(Rejection::new(Cause::TimedOut)).inspect_err(log_refusal))
        } else {
            deciding.await
        };
        // Bind.
        let vary = self.vary(access).cloned();
        let mut guard = RequestGuard::none();
        let scope = decided.and_then(|(inner, lent)| {
            let has_caller = inner.caller().is_some();
            let payload = if has_caller {
                BoundPayload::of(lent, credentials.take())
            } else {
                BoundPayload::None
            };
            let mut binding = Binding {
                tenant_by: self.enforcer.resolves(access).then_some((self.id, access)),
                caller_by: has_caller.then_some(self.id),
                scope: inner,
                payload,
                outcome_by: self.enforcer.resolves(access).then_some(self.id),
                tenant_claims: None,
            };
            if let Some(outer) = outer {
                binding = binding.within(&outer).inspect_err(log_refusal)?;
            }
            // Count, now that the request is the tenant's.
            let counted = self.counting.count(&binding.scope, &mut parts.extensions, &mut guard);
            counted.inspect_err(log_refusal)?;
            let scope = binding.scope.clone();
            parts.extensions.insert(binding);
            Ok(scope)
        });
        observation.end(&scope, &mut guard);
        Admission { scope, vary, guard }
    }

    /// From the credentials to the outcome, and the payload of claims that the request itself holds. What is read of the
    /// credentials is left in `read`.
    async fn decide<const WAIT: bool>(
        &self,
        policy: RoutePolicy,
        parts: &Parts,
        read: &mut Option<Credentials<SharedClaims>>,
    ) -> Result<(TenantScope, Option<SharedPayload>), Rejection> {
        // Authenticate.
        let (credentials, lent) = self.credentials::<WAIT>(policy, parts, read).await?;
        // View.
        let fields = HeaderFields::new(&parts.headers).with_names(&self.names);
        let uri = (policy.original_uri)(&parts.extensions).unwrap_or(&parts.uri);
        let request = request_view(parts, uri, &fields, credentials);
        // Begin.
        let mut key = None;
        let step = self.enforcer.begin(&request, policy.access, &mut key);
        // Drive. The outcome is shared at once, since it is large to move. A request without a tenant has its caller beside it.
        let share = |outcome| {
            let caller = match outcome {
                Outcome::NoTenant => self.enforcer.caller(&request, policy.access),
                _ => None,
            };
            TenantScope::new(outcome, caller)
        };
        let mut trace = is_explained().then(Trace::new);
        let decided = if WAIT {
            let outcome = drive_observed(step, &self.directory, &self.authorizer, &mut trace).await;
            outcome.map(share).map_err(report)
        } else {
            match drive_now_observed(step, &self.directory, &self.authorizer, &mut trace) {
                Ok(outcome) => outcome.map(share),
                Err(_) => pending().await,
            }
        };
        if let Some(trace) = trace {
            log_explanation(trace, &self.enforcer, &request, policy.access, &decided);
        }
        let scope = decided?;
        audit(&scope);
        Ok((scope, lent))
    }

    /// What the credentials come to, where they are read at all, and the payload of claims that the request itself holds.
    async fn credentials<'p, const WAIT: bool>(
        &self,
        policy: RoutePolicy,
        parts: &'p Parts,
        read: &'p mut Option<Credentials<SharedClaims>>,
    ) -> Result<(Credentials<&'p dyn VerifiedClaims>, Option<SharedPayload>), Rejection> {
        if !self.enforcer.reads_credentials(policy.access) {
            return Ok((Credentials::Absent, None));
        }
        if let Some(claims) = self.authenticator.claims_in(parts) {
            return Ok((Credentials::Verified(claims), claims.payload().cloned()));
        }
        let read = match read {
            Some(read) => read,
            None => read.insert(self.authenticate::<WAIT>(parts).await?),
        };
        Ok((read.as_deref(), None))
    }

    async fn authenticate<const WAIT: bool>(&self, parts: &Parts) -> Result<Credentials<SharedClaims>, Rejection> {
        if WAIT {
            let authenticated = self.authenticator.authenticate(parts).await;
            authenticated.map_err(report_authenticator)
        } else {
            match self.authenticator.authenticate_now(parts) {
                Some(credentials) => Ok(credentials),
                None => pending().await,
            }
        }
    }
}
