//! What has no layer of tower's, by its functions: `armature-tenancy`, which is written for its own framework.
//!
//! Both look a tenant up by the header, in a map in memory. Ours reads the request where it is. The peer's resolver
//! hands out a copy of the tenant, in a boxed future; its middleware takes its request by value and calls the handler
//! in another, so that row pays for a clone of the request and for the call, and says what the clone costs by itself.
//! A repeated header is a refusal with us; the peer takes one of them. It enters no context.
//!
//! The last two rows are for the Python library's table, whose chain is asked the same.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use armature_auth::UserContext;
use armature_core::{HttpRequest, HttpResponse, Middleware};
use armature_tenancy::{HeaderTenantResolver, TenantError, TenantMiddleware, TenantResolver, TenantStore};
use async_trait::async_trait;
use axum::http::request::Parts;
use benches::{Group, Row, chain, claims, directory, header, named, nameless, names, path, subdomain};
use tenancy_core::directory::ClaimMembership;
use tenancy_core::enforce::{Access, Enforcer, Outcome, Step, drive_now};
use tenancy_core::request::Credentials;
use tenancy_core::resolve::ClaimResolver;
use tenancy_http::{HeaderFields, request_view};

const RESOLVED: &str = "tenancy: resolved and looked up";
const ADMITTED: &str = "tenancy: and a member";

pub(crate) fn group() -> Group {
    let (resolver, handled, cloned) = (resolver(), request(), request());
    let asked = request();
    let middleware = TenantMiddleware::new(Arc::new(self::resolver()));
    Group::default()
        .row(ours(RESOLVED, Access::Public))
        .row(Row::awaited(
            "armature-tenancy: resolved and looked up",
            async move || resolver.resolve(black_box(&asked)).await.unwrap(),
        ))
        .against([RESOLVED], None)
        .row(ours(ADMITTED, Access::Scoped))
        .row(Row::new("armature-tenancy: its request cloned", move || cloned.clone()))
        .row(Row::awaited(
            "armature-tenancy: middleware, and a member",
            async move || {
                let handler = Box::new(|_| Box::pin(async { Ok(HttpResponse::ok()) }) as _);
                middleware.handle(handled.clone(), handler).await.unwrap()
            },
        ))
        .against([ADMITTED], None)
        .row(ours_of_four("tenancy: chain of four, first matches", named()))
        .row(ours_of_four("tenancy: chain of four, fourth matches", nameless()))
}

/// Up to the question to the directory, as the Python library's chain does.
fn ours_of_four(name: &str, parts: Parts) -> Row {
    let chain = chain([header(), subdomain(), path(), ClaimResolver.into()]);
    let (enforcer, claims) = (Enforcer::new(chain), claims());
    Row::new(name, move || {
        let parts = black_box(&parts);
        let fields = HeaderFields::new(&parts.headers).with_names(names());
        let request = request_view(parts, &parts.uri, &fields, Credentials::Verified(&claims));
        assert!(matches!(
            enforcer.begin(&request, Access::Scoped, &mut None),
            Step::Lookup(_)
        ));
    })
}

fn ours(name: &str, access: Access) -> Row {
    let (enforcer, directory, parts, claims) = (Enforcer::new(chain([header()])), directory(10), named(), claims());
    Row::new(name, move || {
        let parts = black_box(&parts);
        let fields = HeaderFields::new(&parts.headers).with_names(names());
        let request = request_view(parts, &parts.uri, &fields, Credentials::Verified(&claims));
        let mut key = None;
        let step = enforcer.begin(&request, access, &mut key);
        let bound = drive_now(step, &directory, &ClaimMembership);
        assert!(matches!(bound, Ok(Ok(Outcome::Admitted(_) | Outcome::Visit(_)))));
    })
}

fn resolver() -> HeaderTenantResolver {
    let tenant = |id: String| (id.clone(), armature_tenancy::Tenant::new(id.clone(), id));
    let others = (1..10).map(|place| format!("t{place}"));
    let store = Store(std::iter::once("acme".to_owned()).chain(others).map(tenant).collect());
    HeaderTenantResolver::trusted_internal(Arc::new(store), "x-tenant-id")
}

/// The same fields as ours, and the same claim of the same caller.
fn request() -> HttpRequest {
    let parts = named();
    let mut request = HttpRequest::new("GET", parts.uri.path().to_owned());
    for (name, value) in &parts.headers {
        request
            .headers
            .insert(name.as_str(), value.to_str().unwrap().to_owned());
    }
    let claims = serde_json::json!({"sub": "alice", "tenant_id": "acme"});
    let user = UserContext::new("alice".to_owned()).with_metadata(claims);
    request.extensions.insert(user);
    request
}

struct Store(HashMap<String, armature_tenancy::Tenant>);

#[async_trait]
impl TenantStore for Store {
    async fn find_by_id(&self, id: &str) -> Result<Option<armature_tenancy::Tenant>, TenantError> {
        Ok(self.0.get(id).cloned())
    }

    async fn find_by_name(&self, _: &str) -> Result<Option<armature_tenancy::Tenant>, TenantError> {
        Ok(None)
    }

    async fn find_by_domain(&self, _: &str) -> Result<Option<armature_tenancy::Tenant>, TenantError> {
        Ok(None)
    }
}
