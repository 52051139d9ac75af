//! The tables of answers: who asks, on which route, with which tenant.
#![cfg(feature = "std")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod entries;
mod sources;
mod tables;

use tenancy_core::directory::{ClaimMembership, MemoryDirectory, MemoryEntry, TenantRecord, TenantStatus};
use tenancy_core::enforce::{Access, Enforcer, Outcome, drive_now};
use tenancy_core::names::KeyForm;
use tenancy_core::request::{Credentials, HeaderList, HttpVersion, RequestView, Target, VerifiedClaims};
use tenancy_core::resolve::{HeaderResolver, ResolverChain};

fn record(id: &str) -> TenantRecord {
    TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap())
}

/// `acme` is active, goes by the slug `rocket`, the external id `org_A` and a domain of its own.
fn directory() -> MemoryDirectory {
    let acme = record("acme")
        .with_slug("rocket".parse().unwrap())
        .with_external_id("org_A".parse().unwrap());
    let mut entries = vec![MemoryEntry::new(acme).with_domain("acme.example".parse().unwrap())];
    entries.push(MemoryEntry::new(record("globex")));
    for status in [
        TenantStatus::Provisioning,
        TenantStatus::Suspended,
        TenantStatus::Archived,
    ] {
        entries.push(MemoryEntry::new(record(status.as_str()).with_status(status)));
    }
    MemoryDirectory::new(entries).unwrap()
}

fn header(form: KeyForm) -> HeaderResolver {
    HeaderResolver::new("x-tenant-id".parse().unwrap()).with_form(form)
}

fn chain(resolvers: impl IntoIterator<Item = tenancy_core::resolve::AnyResolver>) -> ResolverChain {
    resolvers
        .into_iter()
        .fold(ResolverChain::new(), |chain, resolver| chain.then(resolver).unwrap())
}

/// What a request comes to: a status and code, or a word about how it is bound.
fn answer(
    enforcer: &Enforcer,
    access: Access,
    credentials: Credentials<&dyn VerifiedClaims>,
    fields: &[(&str, &[u8])],
    target: &str,
) -> String {
    let headers = HeaderList::new(fields);
    let (path, query) = target
        .split_once('?')
        .map_or((target, None), |(path, query)| (path, Some(query)));
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
    let Ok(decision) = drive_now(
        enforcer.begin(&request, access, &mut None),
        &directory(),
        &ClaimMembership,
    ) else {
        panic!("the directory answers at once");
    };
    match decision {
        Ok(Outcome::Admitted(admitted)) => {
            format!("{} by {} as {}", admitted.id(), admitted.resolver(), admitted.subject())
        }
        Ok(Outcome::Visit(visit)) => format!("visit to {} by {}", visit.id(), visit.resolver()),
        Ok(Outcome::NoTenant) => "no tenant".into(),
        Ok(outcome) => panic!("{outcome:?}"),
        Err(rejection) => format!("{} {}", rejection.status(), rejection.code()),
    }
}
