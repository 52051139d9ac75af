//! The state of one request that the filters and the service share.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use bytes::Bytes;
use http::request::Parts;
use http::{Extensions, HeaderValue, Method, Response};
use tenancy_core::context::TenantScope;
use tenancy_core::enforce::{Cause, Rejection};
use tenancy_http::{Admission, RefusalForm, RequestGuard, SavedBinding, TenancyLayer, rejection_response};
use warp::Filter;

use crate::body::Scoped;

/// One request on its way through the filters. The service puts it into the request's extensions.
#[derive(Clone)]
pub(crate) struct Handle(Arc<Mutex<Slot>>);

struct Slot {
    method: Method,
    /// The request's own parts, as the access policies see them. `None` while a decision is awaited.
    parts: Option<Parts>,
    /// The access policies around the filter that runs, from the outermost in.
    policies: Vec<EnteredPolicy>,
    /// The scope of the filter that runs. `None` stands for the scope around the service, if there is one.
    scope: Option<TenantScope>,
    /// What goes with the request as that scope has it.
    guard: RequestGuard,
    /// A refusal is final: no filter runs after it, and the service answers with it.
    refusal: Option<Rejection>,
    vary: Vec<HeaderValue>,
    switched: bool,
}

struct EnteredPolicy {
    layer: TenancyLayer,
    /// The state before this policy was decided on; `None` until then.
    before: Option<(SavedBinding, Option<TenantScope>, RequestGuard)>,
}

/// What comes after the filters have been polled.
pub(crate) enum Turn {
    /// They wait, or have answered.
    Over,
    /// They wait only to be polled in another scope.
    Switched(Option<TenantScope>, RequestGuard),
    /// They do not run again, and this is the answer.
    Refused(Response<Bytes>),
}

/// The request's handle; `None` if the routes are not served by this crate's service.
pub(crate) fn handle() -> impl Filter<Extract = (Option<Handle>,), Error = Infallible> + Copy {
    warp::ext::optional()
}

impl Handle {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(Mutex::new(Slot {
            method: parts.method.clone(),
            scope: None,
            guard: RequestGuard::none(),
            parts: Some(parts),
            policies: Vec::new(),
            refusal: None,
            vary: Vec::new(),
            switched: false,
        })))
    }

    /// Enters an access policy. Nothing is decided yet.
    pub(crate) fn enter(&self, layer: TenancyLayer) {
        self.slot().policies.push(EnteredPolicy { layer, before: None });
    }

    /// Leaves the innermost access policy with its tenant and its scope. `None` if it was not decided on.
    pub(crate) async fn leave(&self) -> Option<Scoped> {
        let left = self.slot().leave();
        if left.is_some() {
            self.switch().await;
        }
        left
    }

    /// Leaves the innermost access policy, of which a route has answered.
    pub(crate) async fn leave_answered(&self) -> Scoped {
        let layer = self.slot().policies.last().map(|policy| policy.layer.clone());
        match self.leave().await {
            Some(scoped) => scoped,
            None => {
                let vary = layer.and_then(|layer| layer.vary().cloned());
                self.slot().vary.extend(vary);
                self.refuse(Rejection::new(Cause::NotEnforced)).await
            }
        }
    }

    /// Decides on each access policy that is not decided on yet, from the outermost in, and extracts what the request is
    /// bound to.
    ///
    /// If the request is refused, it never completes.
    pub(crate) async fn enforce<T>(&self, extract: impl FnOnce(&Extensions) -> Result<T, Rejection>) -> T {
        loop {
            let next = self.slot().next_undecided();
            let Some((layer, parts)) = next else { break };
            let (parts, admission) = layer.admit(parts).await;
            let decided = self.slot().decided(parts, admission);
            match decided {
                Ok(()) => self.switch().await,
                Err(rejection) => self.refuse(rejection).await,
            }
        }
        let extracted = self.slot().extract(extract);
        match extracted {
            Ok(extracted) => extracted,
            Err(rejection) => self.refuse(rejection).await,
        }
    }

    /// What comes after the filters have been polled.
    pub(crate) fn turn(&self) -> Turn {
        let mut slot = self.slot();
        if let Some(rejection) = &slot.refusal {
            let form = match &slot.parts {
                Some(parts) => RefusalForm::of(&parts.method, &parts.headers),
                None => RefusalForm::from(&slot.method),
            };
            return Turn::Refused(rejection_response(rejection, form));
        }
        if mem::take(&mut slot.switched) {
            return Turn::Switched(slot.scope.clone(), slot.guard.clone());
        }
        Turn::Over
    }

    /// Gives the turn back to the service, which answers with the refusal. A warp rejection could be taken for that of a
    /// route that does not match: a sibling would run, or a `recover` would answer.
    async fn refuse<T>(&self, rejection: Rejection) -> T {
        self.slot().refusal = Some(rejection);
        pending().await
    }

    pub(crate) fn scope(&self) -> (Option<TenantScope>, RequestGuard) {
        let slot = self.slot();
        (slot.scope.clone(), slot.guard.clone())
    }

    pub(crate) fn take_vary(&self) -> Vec<HeaderValue> {
        mem::take(&mut self.slot().vary)
    }

    /// Continues in the scope that now applies: gives the turn back to the service, which polls again.
    async fn switch(&self) {
        let mut given_back = false;
        poll_fn(|_| {
            if given_back {
                return Poll::Ready(());
            }
            given_back = true;
            self.slot().switched = true;
            Poll::Pending
        })
        .await;
    }

    /// The lock is never held while other code runs, so a poisoned one cannot guard a value that is half written.
    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// The outermost access policy that is not decided on, and the request's parts.
    fn next_undecided(&mut self) -> Option<(TenancyLayer, Parts)> {
        let policy = self.policies.iter_mut().find(|policy| policy.before.is_none())?;
        let parts = self.parts.take()?;
        let binding = SavedBinding::save(&parts.extensions);
        policy.before = Some((binding, self.scope.clone(), self.guard.clone()));
        Some((policy.layer.clone(), parts))
    }

    fn decided(&mut self, parts: Parts, admission: Admission) -> Result<(), Rejection> {
        self.parts = Some(parts);
        self.vary.extend(admission.vary);
        self.scope = Some(admission.scope?);
        let outer = mem::replace(&mut self.guard, RequestGuard::none());
        self.guard = admission.guard.within(outer);
        Ok(())
    }

    fn extract<T>(&self, extract: impl FnOnce(&Extensions) -> Result<T, Rejection>) -> Result<T, Rejection> {
        match &self.parts {
            Some(parts) => extract(&parts.extensions),
            None => Err(Rejection::new(Cause::NotFollowed)),
        }
    }

    /// Leaves the innermost access policy, and returns the scope that it had if it was decided on.
    fn leave(&mut self) -> Option<Scoped> {
        let (binding, scope, guard) = self.policies.pop()?.before?;
        if let Some(parts) = &mut self.parts {
            binding.restore(&mut parts.extensions);
        }
        let guard = mem::replace(&mut self.guard, guard);
        mem::replace(&mut self.scope, scope).map(|scope| Scoped { scope, guard })
    }
}
