//! A gRPC server, as tonic makes one: its own body types, trailers that carry the status, and refusals that
//! clients understand all the same.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use tenancy_core::context;
use tenancy_core::directory::{Authorizer, Decision};
use tenancy_core::enforce::Authorize;
use tenancy_core::request::Claims;
use tenancy_core::testing::InsecureTestStub;
use tenancy_http::{Authenticator, Credentials, SharedClaims, Tenancy};
use tower::{Layer, Service, ServiceExt, service_fn};

/// A body as tonic's server has it: boxed, not `Sync`.
type Boxed = UnsyncBoxBody<Bytes, Infallible>;

/// A request's body that is no body at all. The layer asks nothing of it.
struct Opaque(&'static str);

/// `authorization` is the caller's name.
struct Named;

impl Authenticator for Named {
    type Error = Infallible;

    async fn authenticate(&self, parts: &Parts) -> Result<Credentials<SharedClaims>, Infallible> {
        Ok(match parts.headers.get("authorization") {
            Some(name) => {
                let subject = name.to_str().unwrap().parse().unwrap();
                Credentials::Verified(Arc::new(Claims::new(subject)))
            }
            None => Credentials::Absent,
        })
    }
}

/// Alice is a member everywhere, and nobody else anywhere.
struct OnlyAlice;

impl Authorizer for OnlyAlice {
    type Error = Infallible;

    async fn authorize(&self, asked: &Authorize<'_>) -> Result<Decision, Infallible> {
        Ok(Decision::allow_if(asked.claims().subject().as_str() == "alice"))
    }
}

fn tenancy() -> Tenancy {
    Tenancy::builder(InsecureTestStub::enforcer(), Named, InsecureTestStub)
        .with_authorizer(OnlyAlice)
        .build()
}

/// A message that tells the tenant, then `grpc-status` in trailers.
struct Reply(u8);

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let tenant = context::current().unwrap().id().to_string();
        self.0 += 1;
        Poll::Ready(match self.0 {
            1 => Some(Ok(Frame::data(tenant.into()))),
            2 => {
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", HeaderValue::from_static("0"));
                trailers.insert("grpc-message", tenant.parse().unwrap());
                Some(Ok(Frame::trailers(trailers)))
            }
            _ => None,
        })
    }
}

fn request<B>(tenant: Option<&str>, caller: Option<&str>, body: B) -> Request<B> {
    let mut request = Request::post("/notes.Notes/List").header("content-type", "application/grpc");
    for (name, value) in [("x-tenant-id", tenant), ("authorization", caller)] {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    request.body(body).unwrap()
}

#[tokio::test]
async fn messages_and_trailers_pass_for_a_member() {
    let service = tenancy().scoped().layer(service_fn(|request: Request<Boxed>| async {
        let sent = request.into_body().collect().await?.to_bytes();
        assert_eq!(sent, "message");
        let mut response = Response::new(Reply(0).boxed_unsync());
        let content_type = HeaderValue::from_static("application/grpc");
        response.headers_mut().insert("content-type", content_type);
        Ok::<_, Infallible>(response)
    }));
    let body = Full::new(Bytes::from_static(b"message")).boxed_unsync();
    let response = service
        .oneshot(request(Some("acme"), Some("alice"), body))
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers().get("content-type").unwrap(), "application/grpc");
    let body = response.into_body().collect().await.unwrap();
    let trailers = body.trailers().unwrap().clone();
    assert_eq!(body.to_bytes(), "acme");
    assert_eq!(trailers.get("grpc-status").unwrap(), "0");
    assert_eq!(trailers.get("grpc-message").unwrap(), "acme");
}

/// A client of gRPC reads `grpc-status`, and no HTTP status. Other clients of the same server still get theirs.
#[tokio::test]
async fn a_refusal_is_a_trailers_only_response() {
    let service = tenancy()
        .scoped()
        .layer(service_fn(|request: Request<Opaque>| async move {
            assert_eq!(request.into_body().0, "as it came");
            Ok::<_, Infallible>(Response::new(Reply(0)))
        }));
    for (tenant, caller, status, grpc_status) in [
        (None, Some("alice"), 401, Some("16")),
        (Some("acme"), None, 401, Some("16")),
        (Some("acme"), Some("mallory"), 403, Some("7")),
        (Some("acme"), Some("alice"), 200, None),
    ] {
        let grpc = request(tenant, caller, Opaque("as it came"));
        let mut plain = request(tenant, caller, Opaque("as it came"));
        plain
            .headers_mut()
            .insert("content-type", HeaderValue::from_static("application/json"));
        let response = service.clone().oneshot(plain).await.unwrap();
        assert_eq!(response.status(), status, "{tenant:?} {caller:?}");
        assert!(!response.headers().contains_key("grpc-status"), "{tenant:?} {caller:?}");
        let response = service.clone().oneshot(grpc).await.unwrap();
        assert_eq!(response.status(), 200, "{tenant:?} {caller:?}");
        let told = response
            .headers()
            .get("grpc-status")
            .map(|status| status.to_str().unwrap());
        assert_eq!(told, grpc_status, "{tenant:?} {caller:?}");
        if grpc_status.is_some() {
            assert_eq!(response.headers().get("content-type").unwrap(), "application/grpc");
            assert!(response.body().is_end_stream());
        }
    }
}

/// What tonic asks of a layer: see its `Server::layer`.
#[tokio::test]
async fn the_service_is_one_that_tonic_takes() {
    fn taken<S, B>(service: S) -> S
    where
        S: Service<Request<Boxed>, Response = Response<B>, Error = Infallible, Future: Send + 'static>,
        S: Clone + Send + Sync + 'static,
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    {
        service
    }
    let inner = service_fn(|_: Request<Boxed>| async { Ok::<_, Infallible>(Response::new(Reply(0).boxed_unsync())) });
    let service = taken(tenancy().scoped().layer(inner));
    let response = service.oneshot(request(None, None, Boxed::default())).await.unwrap();
    assert_eq!(response.headers().get("grpc-status").unwrap(), "16");
}
