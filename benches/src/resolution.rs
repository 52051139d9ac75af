//! Which tenant does a request name? Against the least that code by hand does for it.

use std::hint::black_box;

use http::header::HOST as HOST_FIELD;
use http::request::Parts;
use tenancy_core::config::TenancyConfig;
use tenancy_core::enforce::{Access, Enforcer, Step};
use tenancy_core::names::{ResolverName, TenantKey};
use tenancy_core::request::{Claims, Credentials, RequestView, VerifiedClaims};
use tenancy_core::resolve::{AnyResolver, ClaimResolver, Malformed, OnConflict, Resolver};
use tenancy_http::{HeaderFields, request_view};

use crate::fixture::{
    BASE, HEADER, HOST, PATH, chain, claims, header, header_name, named, nameless, names, parts, path, subdomain,
};
use crate::{Group, Row};

pub(crate) fn group() -> Group {
    let group = conflicts(chains(resolvers(floors(Group::default()))));
    group
        .row(resolve("own resolver", AnyResolver::Static(&Own), named()))
        .row(begin("configured chain of four, first matches", configured(), named()))
        .against(["chain of four, first matches"], 1.05)
}

/// What must be done at least, with the request in hand: the text found, the tenant's part cut out, its
/// letters checked, its name copied.
fn floors(group: Group) -> Group {
    let name = header_name();
    let silent_name = name.clone();
    group
        .row(on(named(), "floor: header", move |parts| {
            copy(parts.headers.get(&name)?.as_bytes())
        }))
        .row(on(nameless(), "floor: no header", move |parts| {
            parts.headers.get(&silent_name).is_some()
        }))
        .row(on(named(), "floor: suffix of the host", |parts| {
            copy(host(parts)?.strip_suffix(BASE)?.strip_suffix('.')?.as_bytes())
        }))
        .row(on(nameless(), "floor: host without the suffix", |parts| {
            Some(host(parts)?.strip_suffix(BASE)?.ends_with('.'))
        }))
        .row(on(named(), "floor: prefix of the path", |parts| {
            let (tenant, _) = parts.uri.path().strip_prefix("/api/v1/")?.split_once('/')?;
            copy(tenant.as_bytes())
        }))
        .row(on(nameless(), "floor: path without the prefix", |parts| {
            parts.uri.path().strip_prefix("/api/v1/").is_some()
        }))
}

fn on<T>(parts: Parts, name: &str, operation: impl Fn(&Parts) -> T + 'static) -> Row {
    Row::new(name, move || operation(black_box(&parts)))
}

fn host(parts: &Parts) -> Option<&str> {
    parts.headers.get(HOST_FIELD)?.to_str().ok()
}

pub(crate) fn copy(name: &[u8]) -> Option<heapless::String<63>> {
    let is_letter = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    if name.is_empty() || !name.iter().all(is_letter) {
        return None;
    }
    heapless::String::try_from(std::str::from_utf8(name).ok()?).ok()
}

fn resolvers(group: Group) -> Group {
    group
        .row(resolve("header", header(), named()))
        .against(["floor: header"], 1.5)
        .row(silent("header, absent", header(), nameless()))
        .against(["floor: no header"], None)
        .row(resolve("subdomain", subdomain(), named()))
        .against(["floor: suffix of the host"], 1.5)
        .row(silent("subdomain, apex", subdomain(), nameless()))
        .against(["floor: host without the suffix"], None)
        .row(resolve("path", path(), named()))
        .against(["floor: prefix of the path"], 1.5)
        .row(silent("path, another", path(), nameless()))
        .against(["floor: path without the prefix"], None)
        .row(resolve("claim", ClaimResolver.into(), named()))
}

/// Header, subdomain, path, claim; the request names the tenant in one more place each time.
fn chains(group: Group) -> Group {
    let four = || Enforcer::new(chain([header(), subdomain(), path(), ClaimResolver.into()]));

    group
        .row(begin("chain of four, first matches", four(), named()))
        .against(["floor: header"], 1.5)
        .row(begin("chain of four, second matches", four(), parts(HOST, PATH, false)))
        .against(["floor: no header", "floor: suffix of the host"], 1.5)
        .row(begin("chain of four, third matches", four(), parts(BASE, PATH, false)))
        .against(
            [
                "floor: no header",
                "floor: host without the suffix",
                "floor: prefix of the path",
            ],
            1.5,
        )
        .row(begin("chain of four, fourth matches", four(), nameless()))
        .row(begin(
            "chain of three, none matches",
            Enforcer::new(chain([header(), subdomain(), path()])),
            nameless(),
        ))
        .against(
            [
                "floor: no header",
                "floor: host without the suffix",
                "floor: path without the prefix",
            ],
            None,
        )
}

fn conflicts(group: Group) -> Group {
    let all = chain([header(), subdomain(), path(), ClaimResolver.into()]);
    group.row(begin(
        "chain of four under `reject`, two agree",
        Enforcer::new(all.with_on_conflict(OnConflict::Reject)),
        parts(BASE, "/health", true),
    ))
}

fn configured() -> Enforcer {
    let config = serde_json::json!({"resolution": {
        "resolvers": ["header", "subdomain", "path", "jwt_claim"],
        "header_name": HEADER,
        "base_domain": BASE,
        "path_template": "/api/v1/{tenant}",
    }});
    serde_json::from_value::<TenancyConfig>(config)
        .unwrap()
        .enforcer()
        .unwrap()
}

/// A resolver that finds the tenant.
fn resolve(name: &str, resolver: AnyResolver, parts: Parts) -> Row {
    let claims = claims();
    assert!(
        key(&resolver, &parts, Credentials::Verified(&claims)).is_some(),
        "{name}"
    );
    let view = view(parts, Some(claims));
    Row::new(name, move || is_named(&resolver, black_box(view)))
}

/// A resolver that finds none.
fn silent(name: &str, resolver: AnyResolver, parts: Parts) -> Row {
    assert!(key(&resolver, &parts, Credentials::Absent).is_none(), "{name}");
    let view = view(parts, None);
    Row::new(name, move || is_named(&resolver, black_box(view)))
}

/// A request as resolvers see it. Made once, whatever number of resolvers reads it; these rows do not count its cost.
fn view(parts: Parts, claims: Option<Claims>) -> &'static RequestView<'static> {
    let parts: &'static Parts = Box::leak(Box::new(parts));
    let fields: &'static HeaderFields<'_> = Box::leak(Box::new(HeaderFields::new(&parts.headers).with_names(names())));
    let credentials = match claims {
        Some(claims) => Credentials::Verified(&*Box::leak(Box::new(claims)) as &dyn VerifiedClaims),
        None => Credentials::Absent,
    };
    Box::leak(Box::new(request_view(parts, &parts.uri, fields, credentials)))
}

/// As a chain asks: the key is made in its place.
fn is_named(resolver: &AnyResolver, view: &RequestView<'_>) -> bool {
    let mut key = None;
    let answer = resolver.resolve_into(view, &mut key);
    black_box(&key);
    answer.is_ok() && key.is_some()
}

fn key(resolver: &AnyResolver, parts: &Parts, credentials: Credentials<&dyn VerifiedClaims>) -> Option<TenantKey> {
    let fields = HeaderFields::new(&parts.headers).with_names(names());
    resolver
        .resolve(&request_view(parts, &parts.uri, &fields, credentials))
        .unwrap()
}

/// A chain, as enforcement asks it: up to the question to the directory, or to the refusal.
fn begin(name: &str, enforcer: Enforcer, parts: Parts) -> Row {
    let claims = claims();
    Row::new(name, move || {
        let parts = black_box(&parts);
        let fields = HeaderFields::new(&parts.headers).with_names(names());
        let request = request_view(parts, &parts.uri, &fields, Credentials::Verified(&claims));
        match &enforcer.begin(&request, Access::Scoped, &mut None) {
            Step::Lookup(lookup) => {
                black_box(lookup.key());
                true
            }
            _ => false,
        }
    })
}

/// A resolver of a user's own.
struct Own;

impl Resolver for Own {
    fn name(&self) -> ResolverName {
        ResolverName::from_static("own")
    }

    fn resolve(&self, request: &RequestView<'_>) -> Result<Option<TenantKey>, Malformed> {
        Ok(match request.credentials {
            Credentials::Verified(claims) => claims.tenant().cloned(),
            _ => None,
        })
    }
}
