//! What a directory lends without waiting is checked as what it finds.
#![cfg(feature = "std")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tenancy_core::directory::{ClaimMembership, Directory, MemoryEntry, TenantRecord};
use tenancy_core::enforce::{Access, Enforcer, Outcome, Rejection, drive, drive_now};
use tenancy_core::names::{KeyForm, TenantKey};
use tenancy_core::request::{Claims, Credentials, HeaderList, HttpVersion, RequestView, Target};
use tenancy_core::resolve::{DomainResolver, HeaderResolver, ResolverChain};

/// Answers every key with one tenant: what it finds and what it lends are the same.
struct OneAnswer(MemoryEntry);

impl Directory for OneAnswer {
    type Entry = MemoryEntry;
    type Error = Infallible;

    async fn find(&self, _: &TenantKey) -> Result<Option<MemoryEntry>, Infallible> {
        Ok(Some(self.0.clone()))
    }

    fn peek<T>(&self, _: &TenantKey, read: impl FnOnce(Option<&MemoryEntry>) -> T) -> Option<T> {
        Some(read(Some(&self.0)))
    }
}

/// `acme`, which goes by the slug `rocket`, an external id and a domain.
fn acme() -> MemoryEntry {
    let record = TenantRecord::new("acme".parse().unwrap(), "row".parse().unwrap())
        .with_slug("rocket".parse().unwrap())
        .with_external_id("org_A".parse().unwrap());
    MemoryEntry::new(record).with_domain("acme.example".parse().unwrap())
}

fn describe(outcome: Result<Outcome, Rejection>) -> String {
    match outcome {
        Ok(Outcome::Visit(visit)) => format!("visit to {}", visit.id()),
        Ok(Outcome::Admitted(admitted)) => format!("member of {}", admitted.id()),
        Ok(other) => format!("{other:?}"),
        Err(rejection) => format!("{} {}", rejection.status(), rejection.code()),
    }
}

/// What a request comes to, by the waiting way and by the immediate one.
fn answers(enforcer: &Enforcer, access: Access, field: (&str, &[u8]), directory: &OneAnswer) -> [String; 2] {
    let fields = [field];
    let headers = HeaderList::new(&fields);
    // They are a member's claims, so that only the check of the entry can refuse.
    let tenants = ["acme", "globex"].map(|id| TenantKey::Id(id.parse().unwrap()));
    let claims = Claims::new("eve".parse().unwrap()).with_tenants(tenants);
    let request = RequestView {
        version: HttpVersion::Http11,
        target: Target::path("/"),
        headers: &headers,
        credentials: Credentials::Verified(&claims),
    };
    let mut slot = None;
    let now = drive_now(enforcer.begin(&request, access, &mut slot), directory, &ClaimMembership);
    let now = describe(now.ok().unwrap());
    let mut slot = None;
    let waited = drive(enforcer.begin(&request, access, &mut slot), directory, &ClaimMembership);
    let Poll::Ready(waited) = pin!(waited).poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("the directory answers at once");
    };
    [describe(waited.map_err(|refused| refused.rejection)), now]
}

#[test]
fn another_tenant_is_refused_whether_found_or_lent() {
    let header = |form| HeaderResolver::new("x-tenant-id".parse().unwrap()).with_form(form);
    let by_header = |form| Enforcer::new(ResolverChain::new().then(header(form)).unwrap());
    let by_domain = Enforcer::new(ResolverChain::new().then(DomainResolver::new()).unwrap());
    let (id, slug, external) = (
        by_header(KeyForm::Id),
        by_header(KeyForm::Slug),
        by_header(KeyForm::External),
    );
    let directory = OneAnswer(acme());
    for (enforcer, name, value, is_acme) in [
        (&id, "x-tenant-id", "acme", true),
        (&id, "x-tenant-id", "globex", false),
        // It is its slug, and no id.
        (&id, "x-tenant-id", "rocket", false),
        (&slug, "x-tenant-id", "rocket", true),
        (&slug, "x-tenant-id", "acme", false),
        (&external, "x-tenant-id", "org_A", true),
        (&external, "x-tenant-id", "org_a", false),
        (&by_domain, "host", "acme.example", true),
        (&by_domain, "host", "globex.example", false),
    ] {
        for (access, expected) in [(Access::Public, "visit to acme"), (Access::Scoped, "member of acme")] {
            let expected = if is_acme { expected } else { "503 unavailable" };
            assert_eq!(
                answers(enforcer, access, (name, value.as_bytes()), &directory),
                [expected, expected],
                "{access:?} {name}: {value}"
            );
        }
    }
}
