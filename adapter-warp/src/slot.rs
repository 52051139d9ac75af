//! What the filters and the service tell each other about one request.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use bytes::Bytes;
use http::request::Parts;
use http::{Extensions, HeaderValue, Method, Response};
use tenancy_core::context::Bound;
use tenancy_core::{Cause, Rejection};
use tenancy_http::{Admission, OuterMark, TenancyLayer, rejection_response};
use warp::Filter;

use crate::body::Scoped;

/// One request on its way through the filters. The service puts it into the request's extensions.
#[derive(Clone)]
pub(crate) struct Handle(Arc<Mutex<Slot>>);

struct Slot {
    method: Method,
    /// The request's own, as the marks see them. Away while a decision is awaited.
    parts: Option<Parts>,
    /// The marks that the filter under way stands under, from the outermost in.
    marks: Vec<Mark>,
    /// What the filter under way runs in the scope of. `None`: the scope around the service, if any.
    bound: Option<Bound>,
    /// Final: nothing of the filters runs after it, and the service answers with it.
    refusal: Option<Rejection>,
    vary: Vec<HeaderValue>,
    switched: bool,
}

struct Mark {
    layer: TenancyLayer,
    /// What was there before the mark decided; `None` until then.
    before: Option<(OuterMark, Option<Bound>)>,
}

/// What comes after the filters have been polled.
pub(crate) enum Turn {
    /// They wait, or have answered.
    Over,
    /// They wait for nothing but to be polled in another scope.
    Switched(Option<Bound>),
    /// They are done with, and this is the answer.
    Refused(Response<Bytes>),
}

/// The request's handle; `None` where another service than this crate's serves.
pub(crate) fn handle() -> impl Filter<Extract = (Option<Handle>,), Error = Infallible> + Copy {
    warp::ext::optional()
}

impl Handle {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(Mutex::new(Slot {
            method: parts.method.clone(),
            bound: None,
            parts: Some(parts),
            marks: Vec::new(),
            refusal: None,
            vary: Vec::new(),
            switched: false,
        })))
    }

    /// Comes under a mark.
    pub(crate) fn enter(&self, layer: TenancyLayer) {
        self.slot().marks.push(Mark { layer, before: None });
    }

    /// Leaves the innermost mark, its tenant and its scope. `None` where it has not decided.
    pub(crate) async fn leave(&self) -> Option<Scoped> {
        let left = self.slot().leave();
        if left.is_some() {
            self.switch().await;
        }
        left
    }

    /// Leaves the innermost mark, whose route has answered.
    pub(crate) async fn leave_answered(&self) -> Scoped {
        let layer = self.slot().marks.last().map(|mark| mark.layer.clone());
        match self.leave().await {
            Some(scoped) => scoped,
            None => {
                let vary = layer.and_then(|layer| layer.vary().cloned());
                self.slot().vary.extend(vary);
                self.refuse(Rejection::new(Cause::NotEnforced)).await
            }
        }
    }

    /// Lets each mark decide that has not, from the outermost in, and asks for what they have bound.
    ///
    /// Where the request is refused, it never ends.
    pub(crate) async fn enforce<T>(&self, extract: impl FnOnce(&Extensions) -> Result<T, Rejection>) -> T {
        loop {
            let next = self.slot().next_undecided();
            let Some((layer, parts)) = next else { break };
            let admission = layer.admit(parts).await;
            let decided = self.slot().decided(admission);
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
            return Turn::Refused(rejection_response(rejection, &slot.method));
        }
        if std::mem::take(&mut slot.switched) {
            return Turn::Switched(slot.bound.clone());
        }
        Turn::Over
    }

    /// Gives the turn back to the service for good, which answers. A rejection could be taken for one of
    /// a route that does not match: a sibling would run, or a `recover` answer.
    async fn refuse<T>(&self, rejection: Rejection) -> T {
        self.slot().refusal = Some(rejection);
        pending().await
    }

    pub(crate) fn bound(&self) -> Option<Bound> {
        self.slot().bound.clone()
    }

    pub(crate) fn take_vary(&self) -> Vec<HeaderValue> {
        std::mem::take(&mut self.slot().vary)
    }

    /// Goes on in the scope that now holds: gives the turn back to the service, which polls again.
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

    /// Never held while anything else runs, so a poisoned lock cannot have been left half written.
    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// The outermost mark that has not decided, and the request's parts for it to decide on.
    fn next_undecided(&mut self) -> Option<(TenancyLayer, Parts)> {
        let mark = self.marks.iter_mut().find(|mark| mark.before.is_none())?;
        let parts = self.parts.take()?;
        mark.before = Some((OuterMark::of(&parts.extensions), self.bound.clone()));
        Some((mark.layer.clone(), parts))
    }

    fn decided(&mut self, admission: Admission) -> Result<(), Rejection> {
        self.parts = Some(admission.parts);
        self.vary.extend(admission.vary);
        self.bound = Some(admission.bound?);
        Ok(())
    }

    fn extract<T>(&self, extract: impl FnOnce(&Extensions) -> Result<T, Rejection>) -> Result<T, Rejection> {
        match &self.parts {
            Some(parts) => extract(&parts.extensions),
            None => Err(Rejection::new(Cause::NotFollowed)),
        }
    }

    /// Leaves the innermost mark, and tells the scope that it had, where it has decided.
    fn leave(&mut self) -> Option<Scoped> {
        let (outer, bound) = self.marks.pop()?.before?;
        if let Some(parts) = &mut self.parts {
            outer.put_back(&mut parts.extensions);
        }
        std::mem::replace(&mut self.bound, bound).map(Scoped)
    }
}
