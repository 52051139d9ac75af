//! The tower layer and its service.

use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use tenancy_core::enforce::{Access, Explanation, Rejection};
use tower_layer::Layer;
use tower_service::Service;

use super::admit::{Admission, Engine, RoutePolicy};
use super::body::TenancyBody;
use super::future::{State, TenancyFuture};
use super::parts::BoxFuture;
use crate::view::OriginalUri;

/// Sets the access policy of the services under it: scoped, optional or public.
///
/// Inside another tenancy layer it may confirm the tenant and narrow the access; it never replaces the
/// tenant.
#[derive(Clone)]
#[doc(alias = "middleware")]
#[doc(alias = "guard")]
#[doc(alias = "route policy")]
pub struct TenancyLayer {
    engine: Arc<dyn Engine>,
    policy: RoutePolicy,
}

impl TenancyLayer {
    pub(crate) fn new(engine: Arc<dyn Engine>, access: Access) -> Self {
        let original_uri: OriginalUri = |_| None;
        let policy = RoutePolicy { access, original_uri };
        Self { engine, policy }
    }

    /// Sets where the framework keeps the URI that the client sent, if it rewrites the request's own.
    #[must_use]
    pub fn with_original_uri(mut self, original_uri: OriginalUri) -> Self {
        self.policy.original_uri = original_uri;
        self
    }

    /// Decides on a request and binds it, for frameworks that have no tower services. Returns the request's parts with
    /// the decision; if the request is admitted, their extensions hold what it is bound to.
    ///
    /// Run the handler, and poll the response's body, in the [`scope`](tenancy_core::context::scope) that the
    /// admission holds.
    pub fn admit(&self, parts: Parts) -> impl Future<Output = (Parts, Admission)> + Send {
        // An `async fn` would have room for the parts twice, and whatever it is awaited in is moved with it.
        let mut parts = Some(parts);
        let mut admitting: Option<BoxFuture<(Parts, Admission)>> = None;
        poll_fn(move |cx| {
            if let Some(mut parts) = parts.take() {
                let mut credentials = None;
                if let Some(admission) = self.engine.admit_now(self.policy, &mut parts, &mut credentials) {
                    return Poll::Ready((parts, admission));
                }
                admitting = Some(Arc::clone(&self.engine).admit(self.policy, parts, credentials));
            }
            match &mut admitting {
                Some(admitting) => admitting.as_mut().poll(cx),
                None => Poll::Pending,
            }
        })
    }

    /// Decides on a request as the layer does, and says how the decision comes about: what each resolver reads, what the
    /// directory and the authorizer answer, the true cause of a refusal. The request is not bound. It is for operators, such
    /// as behind a command line, or for a test; requests of clients are explained in the log, at the level debug of the
    /// target `tenancy::explain`.
    ///
    /// Layers around this one have no part in it.
    ///
    /// # Errors
    ///
    /// If the credentials cannot be verified. The log says why.
    ///
    /// # Security
    ///
    /// Never show an explanation to a client: it tells tenants apart that strangers must not tell apart.
    pub async fn explain(&self, parts: &Parts) -> Result<Explanation, Rejection> {
        self.engine.explain(self.policy, parts).await
    }

    /// What the `Vary` of each response under this layer names; see [`add_vary`](crate::add_vary).
    #[must_use]
    pub fn vary(&self) -> Option<&HeaderValue> {
        self.engine.vary(self.policy.access)
    }
}

impl fmt::Debug for TenancyLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenancyLayer")
            .field("access", &self.policy.access)
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

/// A service under a [`TenancyLayer`].
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
        let TenancyLayer { engine, policy } = &self.layer;
        let (mut parts, body) = request.into_parts();
        let mut credentials = None;
        TenancyFuture::new(match engine.admit_now(*policy, &mut parts, &mut credentials) {
            Some(admission) => State::proceed(admission, &mut self.inner, Request::from_parts(parts, body)),
            None => {
                let admitting = Arc::clone(engine).admit(*policy, parts, credentials);
                // The service that was polled ready is the one to call; its clone waits for the next request.
                let clone = self.inner.clone();
                State::waiting(admitting, mem::replace(&mut self.inner, clone), body)
            }
        })
    }
}
