//! Resolution and warm admission allocate nothing. Counted, not timed.
#![cfg(feature = "std")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use tenancy_core::directory::{ClaimMembership, MemoryDirectory, MemoryEntry, TenantRecord};
use tenancy_core::enforce::{Access, Enforcer, Outcome, drive, drive_now};
use tenancy_core::names::TenantKey;
use tenancy_core::request::{Claims, Credentials, HeaderList, HttpVersion, RequestView, Target, VerifiedClaims};
use tenancy_core::resolve::{
    AnyResolver, ClaimResolver, CookieResolver, DomainResolver, HeaderResolver, OnConflict, PathResolver,
    QueryResolver, ResolverChain, SubdomainResolver,
};

fn directory() -> MemoryDirectory {
    let record = TenantRecord::new("acme".parse().unwrap(), "row".parse().unwrap());
    let entry = MemoryEntry::new(record)
        .with_domain("acme.example".parse().unwrap())
        .with_member("alice".parse().unwrap());
    MemoryDirectory::new([entry]).unwrap()
}

fn claims() -> Claims {
    let acme = TenantKey::Id("acme".parse().unwrap());
    Claims::new("alice".parse().unwrap())
        .with_issuer("https://issuer.example")
        .with_tenant(acme.clone())
        .with_tenants([acme])
}

fn resolvers() -> Vec<AnyResolver> {
    let base = || "app.example.com".parse::<tenancy_core::names::Domain>().unwrap();
    vec![
        HeaderResolver::new("x-tenant-id".parse().unwrap()).into(),
        ClaimResolver.into(),
        SubdomainResolver::new(base()).into(),
        DomainResolver::new().with_base(base()).into(),
        PathResolver::new("/api/v1/{tenant}".parse().unwrap()).into(),
        QueryResolver::new("tenant".parse().unwrap()).into(),
        CookieResolver::new("tenant".parse().unwrap()).into(),
    ]
}

fn chain(resolvers: impl IntoIterator<Item = AnyResolver>) -> ResolverChain {
    resolvers
        .into_iter()
        .fold(ResolverChain::new(), |chain, resolver| chain.then(resolver).unwrap())
}

/// Header fields, path and query.
type Parts = (
    &'static [(&'static str, &'static [u8])],
    &'static str,
    Option<&'static str>,
);

/// Requests that each resolver answers to, and one that none does.
const REQUESTS: [Parts; 7] = [
    (&[("Host", b"app.example.com"), ("X-Tenant-Id", b"acme")], "/", None),
    (&[("Host", b"acme.app.example.com:443")], "/", None),
    (&[("Host", b"ACME.example.")], "/", None),
    (&[("Host", b"app.example.com")], "/api/v1/%61cme/notes", None),
    (&[("Host", b"app.example.com")], "/x", Some("a=b&tenant=%61cme")),
    (
        &[("Host", b"app.example.com"), ("Cookie", b"a=b; tenant=acme")],
        "/",
        None,
    ),
    (&[("Host", b"app.example.com")], "/", None),
];

/// How many allocations all requests take, and how many of them are bound to a tenant.
fn admissions(enforcer: &Enforcer, access: Access, credentials: Credentials<&dyn VerifiedClaims>) -> (u64, usize) {
    let directory = directory();
    let mut bound = 0;
    let counted = measure(|| {
        for (fields, path, query) in REQUESTS {
            let headers = HeaderList::new(fields);
            let target = Target::Path {
                authority: None,
                path,
                query,
            };
            let request = RequestView {
                version: HttpVersion::Http11,
                target,
                headers: &headers,
                credentials,
            };
            let (mut key, mut other) = (None, None);
            let step = enforcer.begin(&request, access, &mut key);
            let now = drive_now(step, &directory, &ClaimMembership);
            let step = enforcer.begin(&request, access, &mut other);
            let mut walk = pin!(drive(step, &directory, &ClaimMembership));
            let waited = walk.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            bound += usize::from(matches!(now, Ok(Ok(Outcome::Admitted(_) | Outcome::Visit(_)))));
            bound += usize::from(matches!(
                waited,
                Poll::Ready(Ok(Outcome::Admitted(_) | Outcome::Visit(_)))
            ));
        }
    });
    (counted.count_total, bound)
}

#[test]
fn the_count_can_fail() {
    assert_eq!(measure(|| drop(std::hint::black_box(Box::new(1)))).count_total, 1);
}

#[test]
fn each_resolver_alone() {
    let claims = claims();
    for resolver in resolvers() {
        let name = format!("{resolver:?}");
        let enforcer = Enforcer::new(chain([resolver]));
        for access in [Access::Public, Access::Optional, Access::Scoped] {
            let (allocations, bound) = admissions(&enforcer, access, Credentials::Verified(&claims));
            assert_eq!(allocations, 0, "{name} {access:?}");
            assert!(bound >= 2, "{name} {access:?} binds nothing");
            assert_eq!(
                admissions(&enforcer, access, Credentials::Absent).0,
                0,
                "{name} {access:?}"
            );
            assert_eq!(
                admissions(&enforcer, access, Credentials::Invalid).0,
                0,
                "{name} {access:?}"
            );
        }
    }
}

#[test]
fn whole_chains() {
    let claims = claims();
    for on_conflict in [OnConflict::First, OnConflict::Reject] {
        for is_reversed in [false, true] {
            let mut all = resolvers();
            if is_reversed {
                all.reverse();
            }
            let enforcer = Enforcer::new(chain(all).with_on_conflict(on_conflict));
            for access in [Access::Public, Access::Optional, Access::Scoped] {
                let (allocations, bound) = admissions(&enforcer, access, Credentials::Verified(&claims));
                assert_eq!(
                    (allocations, bound),
                    (0, 2 * REQUESTS.len()),
                    "{on_conflict:?} {is_reversed} {access:?}"
                );
            }
        }
    }
}
