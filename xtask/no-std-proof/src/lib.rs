//! Drives every resolver and every step of the core, in a library that has neither std nor an allocator.
//!
//! The one function takes the tenant's name as a number, so that the optimizer cannot decide its requests beforehand.

#![no_std]
#![warn(missing_docs)]

use core::convert::Infallible;
use core::future::Future;
use core::num::NonZeroU8;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use tenancy_core::directory::{ClaimMembership, Directory, TenantEntry, TenantRecord};
use tenancy_core::enforce::{Access, Disclosure, Enforcer, Outcome, Step, drive, drive_now};
use tenancy_core::names::{Domain, StrategyName, Subject, TenantId, TenantKey};
use tenancy_core::request::{
    Credentials, ForwardedField, HeaderList, HostSource, HttpVersion, RequestView, Target, VerifiedClaims, bearer_token,
};
use tenancy_core::resolve::{
    ClaimResolver, CookieResolver, DomainResolver, HeaderResolver, OnConflict, PathResolver, QueryResolver,
    RESOLVER_NAMES, ResolverChain, SubdomainResolver,
};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Asks about one request per resolver for the tenant that the last four bytes of `tenant` spell, and answers how many
/// of them did not end as they end for a member of `acme`.
#[unsafe(no_mangle)]
pub extern "C" fn prove_tenancy_core(tenant: u64) -> u32 {
    let bytes = tenant.to_be_bytes();
    let Some(name) = bytes.last_chunk::<4>() else {
        return u32::MAX;
    };
    failures(name).unwrap_or(u32::MAX)
}

fn failures(name: &[u8; 4]) -> Option<u32> {
    let acme = Acme::new()?;
    let named = TenantId::parse(name).ok()?;
    let caller = Caller {
        subject: Subject::from_static("alice"),
        tenant: TenantKey::Id(named),
    };
    let mut buffers = [[0_u8; 32]; 5];
    let [host, path, query, cookie, domain] = &mut buffers;
    let host = join(host, b"", name, b".app.example.com")?;
    let path = join(path, b"/api/v1/", name, b"/notes")?;
    let query = join(query, b"tenant=", name, b"")?;
    let cookie = join(cookie, b"a=b; tenant=", name, b"")?;
    let domain = join(domain, b"", name, b".example.net")?;
    let plain = Target::path("/notes");
    let in_path = Target::path(core::str::from_utf8(path).ok()?);
    let in_query = Target::Path {
        authority: None,
        path: "/notes",
        query: Some(core::str::from_utf8(query).ok()?),
    };

    // The base domain itself names no tenant.
    let host_field = ("host", b"app.example.com".as_slice());
    let requests: [(Target<'_>, [(&str, &[u8]); 2], &str); RESOLVER_NAMES.len()] = [
        (plain, [host_field, ("x-tenant-id", name)], "header"),
        (plain, [("host", host), ("accept", b"*/*")], "subdomain"),
        (in_path, [host_field, ("accept", b"*/*")], "path"),
        (plain, [("host", domain), ("accept", b"*/*")], "domain"),
        (in_query, [host_field, ("accept", b"*/*")], "query"),
        (plain, [host_field, ("cookie", cookie)], "cookie"),
        (plain, [host_field, ("accept", b"*/*")], "jwt_claim"),
    ];
    let mut failed = 0;
    for (target, fields, resolver) in requests {
        let headers = HeaderList::new(&fields);
        for (on_conflict, access) in [
            (OnConflict::First, Access::Scoped),
            (OnConflict::Reject, Access::Scoped),
            (OnConflict::First, Access::Optional),
            (OnConflict::First, Access::Public),
        ] {
            let enforcer = Enforcer::new(chain(HostSource::request())?.with_on_conflict(on_conflict))
                .with_disclosure(Disclosure::Detailed);
            let request = RequestView {
                version: HttpVersion::Http11,
                target,
                headers: &headers,
                credentials: Credentials::Verified(&caller),
            };
            let mut key = None;
            let step = enforcer.begin(&request, access, &mut key);
            let outcome = poll_once(drive(step, &acme, &ClaimMembership))?;
            let bound = match outcome {
                Ok(Outcome::Admitted(admitted)) => admitted.resolver().as_str() == resolver,
                Ok(Outcome::Visit(visit)) => visit.resolver().as_str() == resolver,
                _ => false,
            };
            failed += u32::from(!bound);
        }
    }
    failed += refusals(&acme, &caller, name)?;
    Some(failed)
}

/// The refusals, a forwarding field, and the bearer token.
fn refusals(acme: &Acme, caller: &Caller, name: &[u8; 4]) -> Option<u32> {
    let mut buffer = [0_u8; 32];
    let forwarded = join(&mut buffer, b"host=", name, b".app.example.com")?;
    let fields = [("forwarded", forwarded), ("authorization", b"Bearer a.b.c".as_slice())];
    let headers = HeaderList::new(&fields);
    let one = NonZeroU8::new(1)?;
    let enforcer = Enforcer::new(chain(HostSource::forwarded(ForwardedField::Forwarded, one))?);
    let mut fields_read = 0;
    enforcer.each_field(&mut |_| fields_read += 1);
    let request = RequestView {
        version: HttpVersion::Http2,
        target: Target::path("/notes"),
        headers: &headers,
        credentials: Credentials::Absent,
    };
    let mut key = None;
    let step = enforcer.begin(&request, Access::Scoped, &mut key);
    let no_credentials = drive_now(step, acme, &ClaimMembership);
    let request = RequestView {
        credentials: Credentials::Verified(caller),
        ..request
    };
    let mut failed = u32::from(fields_read == 0);
    failed += u32::from(!matches!(no_credentials, Ok(Err(rejection)) if rejection.body().contains("credentials")));
    for answer in [0, 1, 2] {
        let mut key = None;
        let Step::Lookup(lookup) = enforcer.begin(&request, Access::Scoped, &mut key) else {
            return None;
        };
        let step = match answer {
            0 => lookup.missing(),
            1 => lookup.unavailable(),
            _ => match lookup.found(&acme.0) {
                Step::Authorize(authorize) => authorize.deny(),
                step => step,
            },
        };
        failed += u32::from(!matches!(step, Step::Reject(rejection) if rejection.www_authenticate().is_none()));
    }
    failed += u32::from(bearer_token::<Infallible>(&headers).ok() != Some(b"a.b.c"));
    Some(failed)
}

fn chain(source: HostSource) -> Option<ResolverChain> {
    let base: Domain = "app.example.com".parse().ok()?;
    let chain = ResolverChain::new()
        .then(HeaderResolver::new("x-tenant-id".parse().ok()?))
        .ok()?
        .then(SubdomainResolver::new(base.clone()).with_source(source.clone()))
        .ok()?
        .then(PathResolver::new("/api/v1/{tenant}".parse().ok()?))
        .ok()?
        .then(QueryResolver::new("tenant".parse().ok()?))
        .ok()?
        .then(CookieResolver::new("tenant".parse().ok()?))
        .ok()?
        .then(DomainResolver::new().with_base(base).with_source(source))
        .ok()?;
    chain.then(ClaimResolver).ok()
}

/// A directory that knows one tenant, which has no slug and no domain but those of its name.
struct Acme(TenantRecord, Domain);

impl Acme {
    fn new() -> Option<Self> {
        let id = TenantId::parse(b"acme").ok()?;
        let record = TenantRecord::new(id, StrategyName::from_static("row"));
        Some(Self(record, "acme.example.net".parse().ok()?))
    }

    fn entry(&self, key: &TenantKey) -> Option<Entry> {
        let entry = Entry(self.0.clone(), self.1.clone());
        let answers = match key {
            TenantKey::Domain(domain) => entry.has_domain(domain),
            other => entry.record().answers_to(other),
        };
        answers.then_some(entry)
    }
}

#[derive(Clone)]
struct Entry(TenantRecord, Domain);

impl TenantEntry for Entry {
    fn record(&self) -> &TenantRecord {
        &self.0
    }

    fn has_domain(&self, domain: &Domain) -> bool {
        self.1 == *domain
    }
}

impl Directory for Acme {
    type Entry = Entry;
    type Error = Infallible;

    fn find(&self, key: &TenantKey) -> impl Future<Output = Result<Option<Entry>, Infallible>> + Send {
        core::future::ready(Ok(self.entry(key)))
    }

    fn peek<T>(&self, key: &TenantKey, read: impl FnOnce(Option<&Entry>) -> T) -> Option<T> {
        Some(read(self.entry(key).as_ref()))
    }
}

struct Caller {
    subject: Subject,
    tenant: TenantKey,
}

impl VerifiedClaims for Caller {
    fn subject(&self) -> &Subject {
        &self.subject
    }

    fn tenant(&self) -> Option<&TenantKey> {
        Some(&self.tenant)
    }

    fn lists(&self, _: &TenantRecord) -> bool {
        false
    }
}

fn join<'b>(buffer: &'b mut [u8; 32], before: &[u8], name: &[u8], after: &[u8]) -> Option<&'b [u8]> {
    let mut len = 0_usize;
    for byte in before.iter().chain(name).chain(after) {
        *buffer.get_mut(len)? = *byte;
        len += 1;
    }
    buffer.get(..len)
}

/// What a future is ready with. None of these has anything to wait for.
fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
