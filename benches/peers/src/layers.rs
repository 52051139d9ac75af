//! Layers around axum's `Router`, each with what it asks for in the request.
//!
//! - ours: the header is found once and read, its tenant looked up in a warm cache, the caller's membership asked for
//!   by claims of the request; the tenant is in the task's context and in the handler's argument.
//! - `rok-tenant`: the header is parsed as an integer and put into a task-local. No look-up, no membership; a tenant
//!   that is absent, repeated or no number is no refusal.
//! - `rs-tenant`: the caller's tenant and name are taken from the request's extensions, where the application has put
//!   them, and their permission is checked against a memory of answers. Nothing is resolved, nothing put into a context.

use std::fmt::Debug;
use std::hint::black_box;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use benches::{Group, Row, known, tenancy};
use rok_tenant::{TenantLayer, current_tenant_id};
use rs_tenant::axum::{AuthContext, TenantAuthorizeLayer};
use rs_tenant::{
    EngineBuilder, GrantScope, MembershipStatus, MemoryCache, MemorySource, Permission, PrincipalId, RoleId, TenantId,
    TenantStatus,
};
use tenancy_axum::{Tenancy, Tenant};
use tower::{Layer, Service, ServiceExt};

const PERMISSION: &str = "notes:read";

pub(crate) fn group() -> Group {
    let bare = Router::new().route("/notes", get(async || "notes"));
    Group::default()
        .row(row("bare Router", request("acme"), bare))
        .row(row("tenancy", request("acme"), ours()))
        .against(["bare Router"], None)
        .row(row("rok-tenant", request("42"), rok()))
        .against(["bare Router"], None)
        .row(row("rs-tenant", request("acme"), rs()))
        .against(["bare Router"], None)
}

/// What any of them asks for is there for all, since a request is cloned for each run.
fn request(tenant: &'static str) -> Parts {
    let mut parts = known();
    parts.headers.insert("x-tenant-id", HeaderValue::from_static(tenant));
    parts.extensions.insert(AuthContext::new(acme(), alice()));
    parts
}

fn row<S, B>(name: &str, parts: Parts, service: S) -> Row
where
    S: Service<Request, Response = Response<B>> + Clone + 'static,
    S::Error: Debug,
{
    Row::awaited(name, async move || {
        let request = Request::from_parts(parts.clone(), Body::empty());
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    })
}

fn ours() -> impl Service<Request, Response = Response<impl Sized>, Error: Debug> + Clone + 'static {
    async fn notes(tenant: Tenant) -> &'static str {
        black_box(tenant);
        "notes"
    }
    let router = Router::new().route("/notes", get(notes));
    Tenancy::from(tenancy()).scoped().layer(router)
}

fn rok() -> impl Service<Request, Response = Response<impl Sized>, Error: Debug> + Clone + 'static {
    let router = Router::new().route(
        "/notes",
        get(async || {
            assert_eq!(black_box(current_tenant_id()), Some(42));
            "notes"
        }),
    );
    TenantLayer::from_header("x-tenant-id").layer(router)
}

fn rs() -> impl Service<Request, Response = Response<impl Sized>, Error: Debug> + Clone + 'static {
    async fn notes(Extension(caller): Extension<AuthContext>) -> &'static str {
        black_box(caller);
        "notes"
    }
    let (source, reader) = (MemorySource::new(), RoleId::parse("reader").unwrap());
    source.set_tenant_status(acme(), TenantStatus::Active);
    source.set_membership_status(acme(), alice(), MembershipStatus::Active);
    source.add_role_assignment(acme(), alice(), reader.clone(), GrantScope::tenant());
    source.add_role_permission(acme(), reader, Permission::parse(PERMISSION).unwrap());
    let engine = EngineBuilder::new(source).cache(MemoryCache::new(1_000)).build();
    let layer = TenantAuthorizeLayer::new(Arc::new(engine), Permission::parse(PERMISSION).unwrap());
    layer.layer(Router::new().route("/notes", get(notes)))
}

fn acme() -> TenantId {
    TenantId::parse("acme").unwrap()
}

fn alice() -> PrincipalId {
    PrincipalId::parse("alice").unwrap()
}
