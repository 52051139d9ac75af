//! The outcome of a layer for one request, and the extension by which inner layers and handlers find it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::request::Parts;
use http::{Extensions, HeaderValue};
use tenancy_core::context::Bound;
use tenancy_core::{Access, Rejection};

use super::engine::{BoxFuture, Decision, EngineId};
use crate::{Authentication, Tenancy};

/// The outcome of a layer for one request.
#[derive(Debug)]
#[non_exhaustive]
pub struct Admission {
    /// The request's own parts. If it was admitted, their extensions say so.
    pub parts: Parts,
    /// What the request is bound to, or why it is refused.
    pub bound: Result<Bound, Rejection>,
    /// What the response's `Vary` must name, whatever the response is; see [`add_vary`](crate::add_vary).
    pub vary: Option<HeaderValue>,
}

impl Admission {
    pub(crate) fn new(parts: Parts, verdict: Verdict) -> Self {
        let Verdict { bound, vary } = verdict;
        Self { parts, bound, vary }
    }
}

/// An admission without the request's parts, which are large to move.
pub(crate) struct Verdict {
    pub(crate) bound: Result<Bound, Rejection>,
    pub(crate) vary: Option<HeaderValue>,
}

impl Verdict {
    /// An outer layer has decided, and sees to `Vary`.
    pub(crate) const fn confirmed(bound: Bound) -> Self {
        Self {
            bound: Ok(bound),
            vary: None,
        }
    }
}

/// The extension by which a layer says what it has decided. It is private, so that nobody else can insert it.
#[derive(Clone)]
pub(crate) struct Layered {
    /// Which engine has decided. It is a number, not a handle whose reference count all threads would contend for.
    engine_id: EngineId,
    access: Access,
    bound: Bound,
}

impl Layered {
    pub(crate) const fn bound(&self) -> &Bound {
        &self.bound
    }

    /// Whether the same engine has decided already, and no less strictly.
    pub(crate) fn confirms(&self, tenancy: &Tenancy, access: Access) -> bool {
        self.engine_id == tenancy.0.id() && self.access >= access
    }
}

/// What a layer has bound a request to; `None` if it stands under no layer.
///
/// Handlers use [`tenant`](crate::tenant), their framework's extractor, or the
/// [`context`](tenancy_core::context).
#[must_use]
pub fn bound(extensions: &Extensions) -> Option<&Bound> {
    extensions.get::<Layered>().map(Layered::bound)
}

/// What the layers so far have bound a request to, saved to be restored: for frameworks where a request that stands
/// under a layer may leave it again, and go on to another route.
#[derive(Clone)]
pub struct OuterMark(Option<Layered>);

impl OuterMark {
    /// Of a request's extensions, before a layer decides on it.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Self {
        Self(extensions.get().cloned())
    }

    /// Puts it back into the same request's extensions. What a layer has bound the request to since is gone.
    pub fn put_back(self, extensions: &mut Extensions) {
        match self.0 {
            Some(layered) => drop(extensions.insert(layered)),
            None => drop(extensions.remove::<Layered>()),
        }
    }
}

impl std::fmt::Debug for OuterMark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bound = self.0.as_ref().map(Layered::bound);
        f.debug_tuple("OuterMark").field(&bound).finish()
    }
}

/// A layer in its place: the access that holds there, and what an outer layer has bound the request to.
pub(crate) struct Placed {
    access: Access,
    outer: Option<Bound>,
}

impl Placed {
    pub(crate) const fn outermost(access: Access) -> Self {
        Self { access, outer: None }
    }

    pub(crate) fn inside(outer: &Layered, access: Access) -> Self {
        Self {
            access: access.within(outer.access),
            outer: Some(outer.bound.clone()),
        }
    }

    pub(crate) const fn access(&self) -> Access {
        self.access
    }

    /// Binds the request to what was decided.
    pub(crate) fn bind(self, tenancy: &Tenancy, parts: &mut Parts, decision: Decision) -> Verdict {
        let Self { access, outer } = self;
        let vary = tenancy.0.vary(access).cloned();
        let bound = match (decision, outer) {
            (Ok(bound), Some(outer)) => bound.outcome().clone().within(outer.outcome()).map(Bound::from),
            (decision, _) => decision,
        };
        if let Ok(bound) = &bound {
            parts.extensions.insert(Layered {
                engine_id: tenancy.0.id(),
                access,
                bound: bound.clone(),
            });
        }
        Verdict { bound, vary }
    }
}

/// How far a decision came without waiting.
pub(crate) enum Begun {
    Decided(Verdict),
    Undecided(Undecided),
}

/// What is known so far of a decision that needs an answer from elsewhere.
pub(crate) struct Undecided {
    pub(crate) placed: Placed,
    /// Who the caller is, if that was known without waiting.
    pub(crate) authentication: Option<Authentication>,
}

/// A decision that needs an answer from elsewhere.
pub(crate) struct Deciding {
    deciding: BoxFuture<(Parts, Decision)>,
    tenancy: Tenancy,
    placed: Option<Placed>,
}

impl Deciding {
    pub(crate) const fn new(deciding: BoxFuture<(Parts, Decision)>, tenancy: Tenancy, placed: Placed) -> Self {
        Self {
            deciding,
            tenancy,
            placed: Some(placed),
        }
    }
}

impl Future for Deciding {
    type Output = Admission;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Admission> {
        let (mut parts, decision) = ready!(self.deciding.as_mut().poll(cx));
        let Some(placed) = self.placed.take() else {
            return Poll::Pending;
        };
        let verdict = placed.bind(&self.tenancy, &mut parts, decision);
        Poll::Ready(Admission::new(parts, verdict))
    }
}
