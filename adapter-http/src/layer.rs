//! The tower layer: reads a request once, decides, and runs what is inside in the tenant's scope.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{Extensions, Request, Response};
use http_body::Body;
use tenancy_core::context::{self, Bound};
use tenancy_core::{Access, Outcome, Rejection};
use tower_layer::Layer;
use tower_service::Service;

use crate::engine::{Decision, client_uri};
use crate::future::{self, State, TenancyFuture};
use crate::view::{HeaderFields, OriginalUri, request_view};
use crate::{Tenancy, TenancyBody};

/// Marks what stands under it as scoped, optional or public.
///
/// Inside another tenancy layer it may confirm the tenant and narrow the access; it never replaces the
/// tenant.
#[derive(Clone)]
pub struct TenancyLayer {
    tenancy: Tenancy,
    access: Access,
    original_uri: OriginalUri,
}

impl TenancyLayer {
    pub(crate) fn new(tenancy: Tenancy, access: Access) -> Self {
        Self {
            tenancy,
            access,
            original_uri: |_| None,
        }
    }

    /// Sets where the framework keeps the URI that the client sent, if it rewrites the request's own.
    #[must_use]
    pub fn with_original_uri(self, original_uri: OriginalUri) -> Self {
        Self { original_uri, ..self }
    }

    /// What stands outside this layer, and what is to be done about it.
    pub(crate) fn plan(&self, extensions: &Extensions) -> Plan {
        match extensions.get::<Layered>() {
            None => Plan::Decide {
                access: self.access,
                outer: None,
            },
            Some(outer) if outer.tenancy.is_same(&self.tenancy) && outer.access >= self.access => {
                Plan::Confirm(outer.bound.clone())
            }
            Some(outer) => Plan::Decide {
                access: self.access.within(outer.access),
                outer: Some(outer.bound.clone()),
            },
        }
    }

    /// Decides at once, where that is possible.
    pub(crate) fn decide_now(
        &self,
        parts: &Parts,
        authentication: &crate::Authentication,
        access: Access,
    ) -> Option<Decision> {
        let fields = HeaderFields::new(&parts.headers);
        let uri = client_uri(parts, self.original_uri);
        let request = request_view(parts, uri, &fields, authentication.credentials());
        self.tenancy.0.decide_now(&request, access)
    }

    /// Binds the request to what was decided.
    pub(crate) fn bind(&self, parts: &mut Parts, placed: Placed, outcome: Outcome) -> Result<Bound, Rejection> {
        let Placed { access, outer } = placed;
        let outcome = match outer {
            Some(outer) => outcome.within(outer.outcome())?,
            None => outcome,
        };
        let bound = Bound::from(outcome);
        let layered = Layered {
            tenancy: self.tenancy.clone(),
            access,
            bound: bound.clone(),
        };
        parts.extensions.insert(layered);
        Ok(bound)
    }
}

impl fmt::Debug for TenancyLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenancyLayer")
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}

impl<S> Layer<S> for TenancyLayer {
    type Service = TenancyService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TenancyService {
            layer: self.clone(),
            inner,
        }
    }
}

/// What a layer has bound a request to; `None` under no layer.
///
/// Handlers ask their framework's extractor, or the [`context`].
#[must_use]
pub fn bound(extensions: &Extensions) -> Option<&Bound> {
    extensions.get::<Layered>().map(|layered| &layered.bound)
}

/// The mark that a layer leaves on a request. Private, so that nobody else can leave it.
#[derive(Clone)]
struct Layered {
    tenancy: Tenancy,
    access: Access,
    bound: Bound,
}

/// The mark that holds for a request, and what an outer layer has bound it to.
pub(crate) struct Placed {
    pub(crate) access: Access,
    pub(crate) outer: Option<Bound>,
}

pub(crate) enum Plan {
    /// A layer of the same set-up has decided already, and no less strictly.
    Confirm(Bound),
    /// Decide, and compare with what stands outside.
    Decide { access: Access, outer: Option<Bound> },
}

/// A service under a tenancy layer.
#[derive(Clone, Debug)]
pub struct TenancyService<S> {
    layer: TenancyLayer,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for TenancyService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: Body<Data = Bytes>,
{
    type Response = Response<TenancyBody<R>>;
    type Error = S::Error;
    type Future = TenancyFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let (access, outer) = match self.layer.plan(&parts.extensions) {
            Plan::Confirm(bound) => {
                let request = Request::from_parts(parts, body);
                let running = context::sync_scope(bound.clone(), || self.inner.call(request));
                return TenancyFuture::new(State::running(running, bound), None);
            }
            Plan::Decide { access, outer } => (access, outer),
        };
        let engine = &self.layer.tenancy.0;
        let vary = engine.vary(access).cloned();
        let authentication = engine.authenticate(&parts, access);
        let state = match self.layer.decide_now(&parts, &authentication, access) {
            Some(decision) => {
                let placed = Placed { access, outer };
                future::proceed(&self.layer, placed, &mut self.inner, parts, body, decision)
            }
            None => {
                let deciding = Arc::clone(engine).decide(parts, self.layer.original_uri, authentication, access);
                // The service that was polled ready is the one to call; its clone waits for the next request.
                let clone = self.inner.clone();
                let inner = std::mem::replace(&mut self.inner, clone);
                State::deciding(deciding, body, inner, self.layer.clone(), Placed { access, outer })
            }
        };
        TenancyFuture::new(state, vary)
    }
}
