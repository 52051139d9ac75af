//! An issuer that is bound to tenants, behind the layer: however membership is decided, and by whatever
//! name a request calls a tenant.

#![cfg(feature = "jwt")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::sync::Arc;

use http::{Request, Response};
use http_body_util::Full;
use tenancy_core::context;
use tenancy_core::directory::{Authorizer, ClaimMembership, Member, MemoryDirectory, MemoryEntry, TenantRecord};
use tenancy_core::enforce::Enforcer;
use tenancy_core::names::KeyForm;
use tenancy_core::request::ClaimPath;
use tenancy_core::resolve::{HeaderResolver, ResolverChain};
use tenancy_http::{PlatformStaff, Tenancy, TokenVerifier, TrustedIssuer};
use tower::{Layer, ServiceExt, service_fn};

use crate::token_support::{AUDIENCE, ISSUER, hmac_key, payload, sign};

/// Alice is a member of both. The slug of one is the id of the other.
fn directory() -> MemoryDirectory {
    let entry = |id: &str, slug: &str, external: &str| {
        let record = TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap())
            .with_slug(slug.parse().unwrap())
            .with_external_id(external.parse().unwrap());
        MemoryEntry::new(record).with_member(Member::new("alice".parse().unwrap()))
    };
    MemoryDirectory::new([entry("acme", "first", "org_A"), entry("globex", "acme", "org_B")]).unwrap()
}

fn verifier(form: KeyForm, bound: &[&str]) -> TokenVerifier {
    let issuer = TrustedIssuer::new(ISSUER, [hmac_key(None)]).with_audience(AUDIENCE);
    let claim = |name: &str| ClaimPath::literal(name).unwrap();
    TokenVerifier::builder()
        .with_trusted_issuer(issuer.with_tenants(bound.iter().copied()))
        .with_tenant_claim(claim("tenant_id"), form)
        .with_tenants_claim(claim("tenants"))
        .with_staff_claim(claim("staff"))
        .build()
        .unwrap()
}

/// The status, and the tenant that was entered.
async fn enter<A>(authorizer: A, verifier: TokenVerifier, changes: &[&str], header: (KeyForm, &str)) -> (u16, String)
where
    A: Authorizer + 'static,
{
    let resolver = HeaderResolver::new("x-tenant".parse().unwrap()).with_form(header.0);
    let tenancy = Tenancy::builder(
        Enforcer::new(ResolverChain::new().then(resolver).unwrap()),
        verifier,
        directory(),
    )
    .with_authorizer(authorizer)
    .build();
    let entered = Arc::new(std::sync::Mutex::new(String::new()));
    let seen = Arc::clone(&entered);
    let service = tenancy.scoped().layer(service_fn(move |_: Request<()>| {
        *seen.lock().unwrap() = context::current().unwrap().id().to_string();
        async { Ok::<_, Infallible>(Response::new(Full::<bytes::Bytes>::default())) }
    }));
    let changes = [&["exp=4000000000"], changes].concat();
    let token = sign(r#"{"alg":"HS256"}"#, payload(&changes));
    let request = Request::get("/")
        .header("x-tenant", header.1)
        .header("authorization", format!("Bearer {token}"));
    let response = service.oneshot(request.body(()).unwrap()).await.unwrap();
    let entered = entered.lock().unwrap().clone();
    (response.status().as_u16(), entered)
}

#[tokio::test]
async fn a_directory_does_not_widen_what_an_issuer_may_speak_for() {
    use KeyForm::{External, Id, Slug};
    for (form, bound, open) in [
        (Id, &["acme"][..], &["acme"][..]),
        (Slug, &["acme"], &["globex"]),
        (External, &["org_A"], &["acme"]),
        (Id, &["acme", "globex"], &["acme", "globex"]),
        (Id, &["initech"], &[]),
        (Id, &[], &[]),
    ] {
        for (tenant, name) in [
            ("acme", (Id, "acme")),
            ("acme", (Slug, "first")),
            ("acme", (External, "org_A")),
            ("globex", (Id, "globex")),
            ("globex", (Slug, "acme")),
            ("globex", (External, "org_B")),
        ] {
            let expected = match open.contains(&tenant) {
                true => (200, tenant.to_owned()),
                false => (403, String::new()),
            };
            let answer = enter(directory(), verifier(form, bound), &[], name).await;
            assert_eq!(answer, expected, "member {form:?} {bound:?} {name:?}");
            let staff = PlatformStaff::or_else(ClaimMembership);
            let answer = enter(staff, verifier(form, bound), &["staff=true"], name).await;
            assert_eq!(answer, expected, "staff {form:?} {bound:?} {name:?}");
        }
    }
}

#[tokio::test]
async fn a_token_that_names_a_foreign_tenant_is_refused_as_a_whole() {
    for foreign in [
        "tenant_id=\"globex\"",
        "tenants=[\"acme\",\"globex\"]",
        "tenants=[\"globex\"]",
    ] {
        for authorizer in [
            tenancy_core::directory::Membership::Claim,
            tenancy_core::directory::Membership::Directory(directory()),
        ] {
            let answer = enter(
                authorizer,
                verifier(KeyForm::Id, &["acme"]),
                &[foreign],
                (KeyForm::Id, "acme"),
            )
            .await;
            assert_eq!(answer, (401, String::new()), "{foreign}");
        }
    }
}
