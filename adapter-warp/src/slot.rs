//! The state of one request that the filters and the service share.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use bytes::Bytes;
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, Request, Response};
use smallvec::SmallVec;
use tenancy_core::context::{self, TenantScope};
use tenancy_core::enforce::{Cause, Rejection};
use tenancy_http::{Admission, RefusalForm, RequestGuard, SavedBinding, TenancyLayer, rejection_response};
use warp::Filter;

use crate::body::Scoped;

/// One request on its way through the filters. The service puts it into the request's extensions.
#[derive(Clone)]
pub(crate) struct Handle(Arc<Mutex<Slot>>);

struct Slot {
    /// The form of a refusal where the request's header fields are not in `parts`.
    form: RefusalForm,
    /// The request's own parts, as the access policies see them. `None` while a decision is awaited.
    parts: Option<Parts>,
    /// Whether the header fields are not in `parts`, and are copied once a policy reads them.
    lacks_headers: bool,
    /// The access policies around the filter that runs, from the outermost in.
    policies: SmallVec<[EnteredPolicy; 1]>,
    /// The scope of the filter that runs. `None` stands for the scope around the service, if there is one.
    scope: Option<TenantScope>,
    /// The scope around the service, if there is one.
    around: Option<TenantScope>,
    /// What goes with the request as that scope has it.
    guard: RequestGuard,
    /// A refusal is final: no filter runs after it, and the service answers with it.
    refusal: Option<Rejection>,
    vary: SmallVec<[HeaderValue; 1]>,
    /// Whether the filters wait only to be polled in another span.
    is_given_back: bool,
}

enum EnteredPolicy {
    /// Nothing has been decided.
    Fresh(TenancyLayer),
    /// It is being decided on, or has been. The state before is restored when it is left.
    Decided {
        binding: SavedBinding,
        scope: Option<TenantScope>,
        guard: RequestGuard,
    },
}

/// What an access policy that is left comes to.
enum Left {
    /// The scope that it had.
    Decided(Scoped),
    /// No filter has asked for the tenant.
    Fresh(Option<TenancyLayer>),
}

/// What comes after the filters have been polled.
pub(crate) enum Turn {
    /// They wait, or have answered.
    Over,
    /// They wait only to be polled in another span.
    GivenBack,
    /// They do not run again, and this is the answer.
    Refused(Response<Bytes>),
}

/// The request's handle; `None` if the routes are not served by this crate's service.
pub(crate) fn handle() -> impl Filter<Extract = (Option<Handle>,), Error = Infallible> + Copy {
    warp::ext::optional()
}

impl Handle {
    /// Copies what the access policies read of a request. Where a layer around the service has bound it, most often there is no
    /// policy inside, so its header fields are not copied yet; see [`give_headers`](Self::give_headers).
    pub(crate) fn new(request: &Parts) -> Self {
        let lacks_headers = tenancy_http::bound(&request.extensions).is_some();
        let (parts, form) = if lacks_headers {
            let form = RefusalForm::of(&request.method, &request.headers);
            (without_headers(request), form)
        } else {
            (request.clone(), RefusalForm::from(&request.method))
        };
        Self(Arc::new(Mutex::new(Slot {
            form,
            lacks_headers,
            scope: None,
            around: None,
            guard: RequestGuard::none(),
            parts: Some(parts),
            policies: SmallVec::new(),
            refusal: None,
            vary: SmallVec::new(),
            is_given_back: false,
        })))
    }

    /// Whether a policy that is not decided on yet would not find the request's header fields.
    pub(crate) fn wants_headers(&self) -> bool {
        let slot = self.slot();
        let is_undecided = |policy: &EnteredPolicy| matches!(policy, EnteredPolicy::Fresh(_));
        slot.lacks_headers && slot.policies.iter().any(is_undecided)
    }

    /// Adds the request's header fields, where they were not copied.
    pub(crate) fn give_headers(&self, headers: HeaderMap) {
        let mut slot = self.slot();
        if slot.lacks_headers
            && let Some(parts) = &mut slot.parts
        {
            parts.headers = headers;
            slot.lacks_headers = false;
        }
    }

    /// Enters an access policy. Nothing is decided yet.
    pub(crate) fn enter(&self, layer: TenancyLayer) {
        self.slot().policies.push(EnteredPolicy::Fresh(layer));
    }

    /// Leaves the innermost access policy, of which no route has answered.
    pub(crate) async fn leave_rejected(&self) {
        let left = self.slot().leave();
        if let Left::Decided(left) = left {
            self.switch(left.guard.has_span()).await;
        }
    }

    /// Leaves the innermost access policy, of which a route has answered.
    pub(crate) async fn leave_answered(&self) -> Scoped {
        let left = self.slot().leave();
        match left {
            Left::Decided(left) => {
                self.switch(left.guard.has_span()).await;
                left
            }
            Left::Fresh(layer) => {
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
                Ok(was_in_span) => self.switch(was_in_span).await,
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
                Some(parts) if !slot.lacks_headers => RefusalForm::of(&parts.method, &parts.headers),
                _ => slot.form,
            };
            return Turn::Refused(rejection_response(rejection, form));
        }
        if mem::take(&mut slot.is_given_back) {
            return Turn::GivenBack;
        }
        Turn::Over
    }

    /// Gives the turn back to the service, which answers with the refusal. A warp rejection could be taken for that of a
    /// route that does not match: a sibling would run, or a `recover` would answer.
    async fn refuse<T>(&self, rejection: Rejection) -> T {
        self.slot().refusal = Some(rejection);
        pending().await
    }

    /// The scope and the guard that the filters are polled in next.
    pub(crate) fn begin_turn(&self) -> (Option<TenantScope>, RequestGuard) {
        let around = context::bound();
        let mut slot = self.slot();
        slot.around = around;
        (slot.current(), slot.guard.clone())
    }

    pub(crate) fn take_vary(&self) -> SmallVec<[HeaderValue; 1]> {
        mem::take(&mut self.slot().vary)
    }

    /// Continues in the scope that now applies, and in its span.
    async fn switch(&self, is_in_span: bool) {
        let (scope, is_in_span) = {
            let slot = self.slot();
            (slot.current(), is_in_span || slot.guard.has_span())
        };
        if !is_in_span && context::replace(scope).is_ok() {
            return;
        }
        let mut given_back = false;
        poll_fn(|_| {
            if given_back {
                return Poll::Ready(());
            }
            given_back = true;
            self.slot().is_given_back = true;
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
    /// The scope that the filters run in now.
    fn current(&self) -> Option<TenantScope> {
        self.scope.clone().or_else(|| self.around.clone())
    }

    /// The outermost access policy that is not decided on, and the request's parts.
    fn next_undecided(&mut self) -> Option<(TenancyLayer, Parts)> {
        let is_undecided = |policy: &&mut EnteredPolicy| matches!(policy, EnteredPolicy::Fresh(_));
        let policy = self.policies.iter_mut().find(is_undecided)?;
        let parts = self.parts.take()?;
        let before = EnteredPolicy::Decided {
            binding: SavedBinding::save(&parts.extensions),
            scope: self.scope.clone(),
            guard: self.guard.clone(),
        };
        match mem::replace(policy, before) {
            EnteredPolicy::Fresh(layer) => Some((layer, parts)),
            EnteredPolicy::Decided { .. } => None,
        }
    }

    /// Binds the request. Returns whether the filters have been polled in a span.
    fn decided(&mut self, parts: Parts, admission: Admission) -> Result<bool, Rejection> {
        self.parts = Some(parts);
        self.vary.extend(admission.vary);
        self.scope = Some(admission.scope?);
        let outer = mem::replace(&mut self.guard, RequestGuard::none());
        let was_in_span = outer.has_span();
        self.guard = admission.guard.within(outer);
        Ok(was_in_span)
    }

    fn extract<T>(&self, extract: impl FnOnce(&Extensions) -> Result<T, Rejection>) -> Result<T, Rejection> {
        match &self.parts {
            Some(parts) => extract(&parts.extensions),
            None => Err(Rejection::new(Cause::NotFollowed)),
        }
    }

    /// Leaves the innermost access policy. What was before it was decided on holds again.
    fn leave(&mut self) -> Left {
        let (binding, scope, guard) = match self.policies.pop() {
            Some(EnteredPolicy::Decided { binding, scope, guard }) => (binding, scope, guard),
            Some(EnteredPolicy::Fresh(layer)) => return Left::Fresh(Some(layer)),
            None => return Left::Fresh(None),
        };
        if let Some(parts) = &mut self.parts {
            binding.restore(&mut parts.extensions);
        }
        let guard = mem::replace(&mut self.guard, guard);
        match mem::replace(&mut self.scope, scope) {
            Some(scope) => Left::Decided(Scoped { scope, guard }),
            None => Left::Fresh(None),
        }
    }
}

/// A copy of a request's parts, but for its header fields.
fn without_headers(request: &Parts) -> Parts {
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = request.method.clone();
    parts.uri = request.uri.clone();
    parts.version = request.version;
    parts.extensions = request.extensions.clone();
    parts
}
