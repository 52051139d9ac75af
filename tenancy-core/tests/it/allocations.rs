//! Resolution and warm admission allocate nothing. Counted, not timed.
#![cfg(feature = "std")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use tenancy_core::directory::{ClaimMembership, MemoryDirectory, MemoryEntry, TenantRecord};
use tenancy_core::enforce::{Access, Enforcer, Outcome, drive, drive_now};
use tenancy_core::names::TenantKey;
use tenancy_core::request::{Claims, Credentials, HeaderList, HttpVersion, RequestView, VerifiedClaims};
use tenancy_core::resolve::{AnyResolver, OnConflict, RESOLVER_NAMES, ResolverChain};

use crate::built_in::{rows, target};

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
    rows().into_iter().map(|row| row.resolver).collect()
}

fn chain(resolvers: impl IntoIterator<Item = AnyResolver>) -> ResolverChain {
    resolvers
        .into_iter()
        .fold(ResolverChain::new(), |chain, resolver| chain.then(resolver).unwrap())
}

/// How many allocations all requests take, and how many of them are bound to a tenant.
fn admissions(enforcer: &Enforcer, access: Access, credentials: Credentials<&dyn VerifiedClaims>) -> (u64, usize) {
    let directory = directory();
    let samples = rows().map(|row| row.names_acme);
    let mut bound = 0;
    let counted = measure(|| {
        for (fields, text) in samples {
            let headers = HeaderList::new(fields);
            let target = target(text);
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
                    (0, 2 * RESOLVER_NAMES.len()),
                    "{on_conflict:?} {is_reversed} {access:?}"
                );
            }
        }
    }
}
