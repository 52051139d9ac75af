//! The tower layer: reads a request once, decides, and runs what is inside in the tenant's scope.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use tenancy_core::{Access, Credentials};
use tower_layer::Layer;
use tower_service::Service;

use super::admission::{Admission, Begun, Deciding, Layered, Placed, Undecided, Verdict};
use super::engine::{Decision, client_uri};
use super::future::{State, TenancyFuture};
use crate::view::{HeaderFields, OriginalUri, request_view};
use crate::{Authentication, Tenancy, TenancyBody};

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

    /// Decides on a request, and binds it: the way in for frameworks that are no tower services.
    ///
    /// What runs inside, and the response's body, belong into the
    /// [`scope`](tenancy_core::context::scope) of what the request is bound to.
    pub async fn admit(&self, mut parts: Parts) -> Admission {
        match self.begin(&mut parts) {
            Begun::Decided(verdict) => Admission::new(parts, verdict),
            Begun::Undecided(undecided) => self.go_on(undecided, parts).await,
        }
    }

    /// What the `Vary` of each response under this layer names; see [`add_vary`](crate::add_vary).
    #[must_use]
    pub fn vary(&self) -> Option<&HeaderValue> {
        self.tenancy.0.vary(self.access)
    }

    /// Decides at once, where that is possible.
    fn begin(&self, parts: &mut Parts) -> Begun {
        let placed = match parts.extensions.get::<Layered>() {
            None => Placed::outermost(self.access),
            Some(outer) if outer.confirms(&self.tenancy, self.access) => {
                let bound = outer.bound().clone();
                return Begun::Decided(Verdict::confirmed(bound));
            }
            Some(outer) => Placed::inside(outer, self.access),
        };
        let (engine, access) = (&self.tenancy.0, placed.access());
        let (decision, authentication) = match engine.claims_in(parts, access) {
            Some(claims) => (self.decide_now(parts, Credentials::Verified(claims), access), None),
            None => {
                let authentication = engine.authenticate_now(parts, access);
                let credentials = authentication.as_ref().map(Authentication::credentials);
                let decision = credentials.and_then(|credentials| self.decide_now(parts, credentials, access));
                (decision, authentication)
            }
        };
        match decision {
            Some(decision) => Begun::Decided(placed.bind(&self.tenancy, parts, decision)),
            None => Begun::Undecided(Undecided { placed, authentication }),
        }
    }

    fn go_on(&self, undecided: Undecided, parts: Parts) -> Deciding {
        let Undecided { placed, authentication } = undecided;
        let engine = Arc::clone(&self.tenancy.0);
        let deciding = engine.decide(parts, self.original_uri, authentication, placed.access());
        Deciding::new(deciding, self.tenancy.clone(), placed)
    }

    fn decide_now(&self, parts: &Parts, credentials: Credentials<'_>, access: Access) -> Option<Decision> {
        let fields = HeaderFields::new(&parts.headers).with_names(self.tenancy.0.names());
        let uri = client_uri(parts, self.original_uri);
        let request = request_view(parts, uri, &fields, credentials);
        self.tenancy.0.decide_now(&request, access)
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
        let (mut parts, body) = request.into_parts();
        TenancyFuture::new(match self.layer.begin(&mut parts) {
            Begun::Decided(verdict) => State::proceed(verdict, &mut self.inner, Request::from_parts(parts, body)),
            Begun::Undecided(undecided) => {
                let deciding = self.layer.go_on(undecided, parts);
                // The service that was polled ready is the one to call; its clone waits for the next request.
                let clone = self.inner.clone();
                State::deciding(deciding, std::mem::replace(&mut self.inner, clone), body)
            }
        })
    }
}
