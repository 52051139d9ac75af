//! What the filters and the service tell each other about one request.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use bytes::Bytes;
use http::request::Parts;
use http::{Extensions, HeaderValue, Method, Response};
use tenancy_core::context::Bound;
use tenancy_core::{Cause, Rejection};
use tenancy_http::{Admission, TenancyLayer, rejection_response};
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
    /// What the filter under way runs in the scope of.
    bound: Option<Bound>,
    refusal: Option<(Rejection, Response<Bytes>)>,
    vary: Vec<HeaderValue>,
    switched: bool,
}

struct Mark {
    layer: TenancyLayer,
    /// What was there before the mark decided; `None` until then.
    before: Option<(Extensions, Option<Bound>)>,
}

/// How a mark was left.
pub(crate) enum Left {
    Decided(Scoped),
    Refused(Response<Bytes>),
    Undecided,
}

/// The request's handle; `None` where another service than this crate's serves.
pub(crate) fn handle() -> impl Filter<Extract = (Option<Handle>,), Error = Infallible> + Copy {
    warp::ext::optional()
}

impl Handle {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(Mutex::new(Slot {
            method: parts.method.clone(),
            bound: tenancy_http::bound(&parts.extensions).cloned(),
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

    /// Leaves the innermost mark, its tenant and its scope.
    pub(crate) async fn leave(&self) -> Left {
        let (left, switched) = self.slot().leave();
        if switched {
            self.switch().await;
        }
        left
    }

    /// Lets each mark decide that has not, from the outermost in, and asks for what they have bound.
    ///
    /// # Errors
    ///
    /// The request is refused, now or before.
    pub(crate) async fn enforce<T>(
        &self,
        extract: impl FnOnce(&Extensions) -> Result<T, Rejection>,
    ) -> Result<T, Rejection> {
        loop {
            let next = self.slot().next_undecided()?;
            let Some((layer, parts)) = next else { break };
            let admission = layer.admit(parts).await;
            self.slot().decided(admission)?;
            self.switch().await;
        }
        self.slot().extract(extract)
    }

    /// A refusal that no mark has answered with: a tenant was asked for outside of all of them.
    pub(crate) fn take_refusal(&self) -> Option<Response<Bytes>> {
        self.slot().refusal.take().map(|(_, response)| response)
    }

    pub(crate) fn response_to(&self, rejection: &Rejection) -> Response<Bytes> {
        rejection_response(rejection, &self.slot().method)
    }

    pub(crate) fn bound(&self) -> Option<Bound> {
        self.slot().bound.clone()
    }

    pub(crate) fn take_vary(&self) -> Vec<HeaderValue> {
        std::mem::take(&mut self.slot().vary)
    }

    /// Whether the filter under way waits for nothing but the scope that now holds.
    pub(crate) fn take_switched(&self) -> bool {
        std::mem::take(&mut self.slot().switched)
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
    fn next_undecided(&mut self) -> Result<Option<(TenancyLayer, Parts)>, Rejection> {
        if let Some((rejection, _)) = &self.refusal {
            return Err(*rejection);
        }
        let Some(mark) = self.marks.iter_mut().find(|mark| mark.before.is_none()) else {
            return Ok(None);
        };
        let Some(parts) = self.parts.take() else {
            return Ok(None);
        };
        mark.before = Some((parts.extensions.clone(), self.bound.clone()));
        Ok(Some((mark.layer.clone(), parts)))
    }

    fn decided(&mut self, admission: Admission) -> Result<(), Rejection> {
        self.parts = Some(admission.parts);
        self.vary.extend(admission.vary);
        self.bound = Some(admission.bound.map_err(|rejection| self.refuse(rejection))?);
        Ok(())
    }

    fn extract<T>(&mut self, extract: impl FnOnce(&Extensions) -> Result<T, Rejection>) -> Result<T, Rejection> {
        let extracted = match &self.parts {
            Some(parts) => extract(&parts.extensions),
            None => Err(Rejection::new(Cause::NotFollowed)),
        };
        extracted.map_err(|rejection| self.refuse(rejection))
    }

    fn refuse(&mut self, rejection: Rejection) -> Rejection {
        self.refusal = Some((rejection, rejection_response(&rejection, &self.method)));
        rejection
    }

    /// How the innermost mark was left, and whether the scope is another one now.
    fn leave(&mut self) -> (Left, bool) {
        let inside = self.bound.clone();
        let decided = match self.marks.pop().and_then(|mark| mark.before) {
            Some((extensions, bound)) => {
                if let Some(parts) = &mut self.parts {
                    parts.extensions = extensions;
                }
                self.bound = bound;
                true
            }
            None => false,
        };
        // Outer marks have the same answer to give, whatever happens inside of them yet.
        let refusal = if self.marks.is_empty() {
            self.refusal.take()
        } else {
            self.refusal.clone()
        };
        let left = match (refusal, inside) {
            (Some((_, response)), _) => Left::Refused(response),
            (None, Some(bound)) if decided => Left::Decided(Scoped(bound)),
            (None, _) => Left::Undecided,
        };
        (left, decided)
    }
}
