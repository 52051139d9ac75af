//! What a layer comes to about one request, and the mark that it leaves on it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::request::Parts;
use http::{Extensions, HeaderValue};
use tenancy_core::context::Bound;
use tenancy_core::{Access, Rejection};

use crate::Tenancy;
use crate::engine::{BoxFuture, Decision};

/// What a layer has come to about one request.
#[derive(Debug)]
#[non_exhaustive]
pub struct Admission {
    /// The request's own parts, with the layer's mark on them where it was admitted.
    pub parts: Parts,
    /// What the request is bound to, or why it is refused.
    pub bound: Result<Bound, Rejection>,
    /// What the response's `Vary` must name, whatever the response is; see [`add_vary`](crate::add_vary).
    pub vary: Option<HeaderValue>,
}

impl Admission {
    /// An outer layer has decided, and sees to `Vary`.
    pub(crate) const fn confirmed(parts: Parts, bound: Bound) -> Self {
        Self {
            parts,
            bound: Ok(bound),
            vary: None,
        }
    }
}

/// The mark that a layer leaves on a request. Private, so that nobody else can leave it.
#[derive(Clone)]
pub(crate) struct Layered {
    tenancy: Tenancy,
    access: Access,
    bound: Bound,
}

impl Layered {
    pub(crate) const fn bound(&self) -> &Bound {
        &self.bound
    }

    /// Whether the same set-up has decided already, and no less strictly.
    pub(crate) fn confirms(&self, tenancy: &Tenancy, access: Access) -> bool {
        self.tenancy.is_same(tenancy) && self.access >= access
    }
}

/// What a layer has bound a request to; `None` under no layer.
///
/// Handlers ask [`tenant`](crate::tenant), their framework's extractor, or the
/// [`context`](tenancy_core::context).
#[must_use]
pub fn bound(extensions: &Extensions) -> Option<&Bound> {
    extensions.get::<Layered>().map(Layered::bound)
}

/// A layer in its place: the access that holds there, and what an outer layer has bound the request to.
pub(crate) struct Placed {
    tenancy: Tenancy,
    access: Access,
    outer: Option<Bound>,
}

impl Placed {
    pub(crate) fn outermost(tenancy: &Tenancy, access: Access) -> Self {
        Self {
            tenancy: tenancy.clone(),
            access,
            outer: None,
        }
    }

    pub(crate) fn inside(outer: &Layered, tenancy: &Tenancy, access: Access) -> Self {
        Self {
            tenancy: tenancy.clone(),
            access: access.within(outer.access),
            outer: Some(outer.bound.clone()),
        }
    }

    pub(crate) const fn access(&self) -> Access {
        self.access
    }

    /// Binds the request to what was decided.
    pub(crate) fn bind(self, mut parts: Parts, decision: Decision) -> Admission {
        let Self { tenancy, access, outer } = self;
        let vary = tenancy.0.vary(access).cloned();
        let outcome = match (decision, outer) {
            (Ok(outcome), Some(outer)) => outcome.within(outer.outcome()),
            (decision, _) => decision,
        };
        let bound = outcome.map(Bound::from);
        if let Ok(bound) = &bound {
            let bound = bound.clone();
            parts.extensions.insert(Layered { tenancy, access, bound });
        }
        Admission { parts, bound, vary }
    }
}

/// An admission under way.
#[expect(
    clippy::large_enum_variant,
    reason = "it lives for a moment, and a box would be the only allocation of a warm admission"
)]
pub(crate) enum Begun {
    Decided(Admission),
    Deciding(Deciding),
}

/// A decision that needs an answer from elsewhere.
pub(crate) struct Deciding {
    deciding: BoxFuture<(Parts, Decision)>,
    placed: Option<Placed>,
}

impl Deciding {
    pub(crate) const fn new(deciding: BoxFuture<(Parts, Decision)>, placed: Placed) -> Self {
        Self {
            deciding,
            placed: Some(placed),
        }
    }
}

impl Future for Deciding {
    type Output = Admission;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Admission> {
        let (parts, decision) = ready!(self.deciding.as_mut().poll(cx));
        match self.placed.take() {
            Some(placed) => Poll::Ready(placed.bind(parts, decision)),
            None => Poll::Pending,
        }
    }
}
