//! Every built-in resolver, with requests that name a tenant by it. Tests of all resolvers go over this table.
#![cfg(feature = "std")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use tenancy_core::names::TenantKey;
use tenancy_core::request::{Claims, Credentials, HeaderList, HttpVersion, RequestView, Target};
use tenancy_core::resolve::{
    AnyResolver, ClaimResolver, CookieResolver, DomainResolver, HeaderResolver, Malformed, PathResolver, QueryResolver,
    RESOLVER_NAMES, Resolver, ResolverChain, SubdomainResolver,
};

/// Header fields and a target.
pub(crate) type Sample = (&'static [(&'static str, &'static [u8])], &'static str);

/// A resolver, a request by which it names `acme`, and requests that it must refuse.
pub(crate) struct Row {
    pub(crate) resolver: AnyResolver,
    pub(crate) names_acme: Sample,
    refused: &'static [Sample],
}

const BASE: &str = "app.example.com";
const APEX: (&str, &[u8]) = ("Host", BASE.as_bytes());

/// The claim resolver has no malformed source: such claims make the credential invalid.
pub(crate) fn rows() -> [Row; RESOLVER_NAMES.len()] {
    let row = |resolver, names_acme, refused| Row {
        resolver,
        names_acme,
        refused,
    };
    [
        row(
            HeaderResolver::new("x-tenant-id".parse().unwrap()).into(),
            (&[APEX, ("X-Tenant-Id", b"acme")], "/"),
            &[
                (&[APEX, ("X-Tenant-Id", b"acme"), ("x-tenant-id", b"acme")], "/"),
                (&[APEX, ("X-Tenant-Id", b"acme"), ("x-tenant-id", b"")], "/"),
                (&[APEX, ("X-Tenant-Id", b"")], "/"),
                (&[APEX, ("X-Tenant-Id", b"Acme")], "/"),
                (&[APEX, ("X-Tenant-Id", b"acme, acme")], "/"),
            ],
        ),
        row(ClaimResolver.into(), (&[APEX], "/"), &[]),
        row(
            SubdomainResolver::new(BASE.parse().unwrap()).into(),
            (&[("Host", b"acme.app.example.com:443")], "/"),
            &[
                (
                    &[("Host", b"acme.app.example.com"), ("host", b"acme.app.example.com")],
                    "/",
                ),
                (&[("Host", b"-acme.app.example.com")], "/"),
                (&[("Host", b"a_b.app.example.com")], "/"),
                (&[("Host", b"acme..app.example.com")], "/"),
                (&[("Host", b"acme@app.example.com")], "/"),
            ],
        ),
        row(
            DomainResolver::new().with_base(BASE.parse().unwrap()).into(),
            (&[("Host", b"ACME.example.")], "/"),
            &[
                (&[("Host", b"acme.example"), ("host", b"acme.example")], "/"),
                (&[("Host", b"acme.example:99999")], "/"),
                (&[("Host", b"acme.example,acme.example")], "/"),
                (&[("Host", b"")], "/"),
            ],
        ),
        row(
            PathResolver::new("/api/v1/{tenant}".parse().unwrap()).into(),
            (&[APEX], "/api/v1/%61cme/notes"),
            &[
                (&[APEX], "/api/v1//notes"),
                (&[APEX], "/api/v1/Acme/notes"),
                (&[APEX], "/api/v1/acme/%2e%2e/globex"),
                (&[APEX], "/api/v1/acme/../globex"),
                (&[APEX], "/api/v1/%2561cme/notes"),
                (&[APEX], "/api/v1/%6/notes"),
            ],
        ),
        row(
            QueryResolver::new("tenant".parse().unwrap()).into(),
            (&[APEX], "/x?a=b&tenant=%61cme"),
            &[
                (&[APEX], "/x?tenant=acme&tenant=acme"),
                (&[APEX], "/x?tenant=acme&%74enant=acme"),
                (&[APEX], "/x?tenant="),
                (&[APEX], "/x?tenant"),
                (&[APEX], "/x?tenant=%zz"),
                (&[APEX], "/x?tenant=%2561cme"),
            ],
        ),
        row(
            CookieResolver::new("tenant".parse().unwrap()).into(),
            (&[APEX, ("Cookie", b"a=b; tenant=acme")], "/"),
            &[
                (&[APEX, ("Cookie", b"tenant=acme; tenant=acme")], "/"),
                (&[APEX, ("Cookie", b"tenant=acme"), ("cookie", b"tenant=acme")], "/"),
                (&[APEX, ("Cookie", b"tenant=")], "/"),
                (&[APEX, ("Cookie", b"tenant")], "/"),
                (&[APEX, ("Cookie", b"tenant=\"acme\"")], "/"),
            ],
        ),
    ]
}

/// The target of a sample.
pub(crate) fn target(text: &'static str) -> Target<'static> {
    let (path, query) = text
        .split_once('?')
        .map_or((text, None), |(path, query)| (path, Some(query)));
    Target::Path {
        authority: None,
        path,
        query,
    }
}

fn key_of(resolver: &impl Resolver, (fields, text): Sample) -> Result<Option<TenantKey>, Malformed> {
    let claims = Claims::new("alice".parse().unwrap()).with_tenant(TenantKey::Id("acme".parse().unwrap()));
    let request = RequestView {
        version: HttpVersion::Http11,
        target: target(text),
        headers: &HeaderList::new(fields),
        credentials: Credentials::Verified(&claims),
    };
    let key = resolver.resolve(&request)?;
    let mut slot = None;
    resolver.resolve_into(&request, &mut slot)?;
    assert_eq!(slot, key, "{text:?}");
    Ok(key)
}

#[test]
fn the_table_has_every_built_in_resolver_and_each_names_its_tenant() {
    let rows = rows();
    let names: Vec<String> = rows.iter().map(|row| row.resolver.name().to_string()).collect();
    assert_eq!(names, RESOLVER_NAMES);
    for row in &rows {
        let key = key_of(&row.resolver, row.names_acme).unwrap();
        let name = key.as_ref().map(TenantKey::as_str);
        assert!(
            matches!(name, Some("acme" | "acme.example")),
            "{:?}: {key:?}",
            row.resolver
        );
    }
}

#[test]
fn only_the_own_source_names_a_tenant() {
    for (index, row) in rows().iter().enumerate() {
        for (other, sample) in rows().iter().enumerate().filter(|(other, _)| *other != index) {
            // The claims go with each of these requests.
            let expected = row.resolver.name().as_str() == ClaimResolver::NAME;
            let key = key_of(&row.resolver, sample.names_acme).unwrap();
            assert_eq!(
                key.is_some(),
                expected,
                "{:?} of the sample {other}: {key:?}",
                row.resolver
            );
        }
    }
}

#[test]
fn a_source_that_is_malformed_or_repeated_is_never_silence() {
    for row in rows() {
        for sample in row.refused {
            assert!(
                key_of(&row.resolver, *sample).is_err(),
                "{:?} of {sample:?}",
                row.resolver
            );
        }
    }
}

#[test]
fn a_malformed_source_does_not_fall_through_to_the_next() {
    use tenancy_core::enforce::{Access, Enforcer, Step};

    for row in rows() {
        let chain = ResolverChain::new().then(row.resolver).unwrap();
        let chain = if chain.names().any(|name| name.as_str() == ClaimResolver::NAME) {
            chain
        } else {
            chain.then(ClaimResolver).unwrap()
        };
        let enforcer = Enforcer::new(chain);
        let claims = Claims::new("alice".parse().unwrap()).with_tenant(TenantKey::Id("acme".parse().unwrap()));
        for (fields, text) in row.refused {
            let headers = HeaderList::new(fields);
            let request = RequestView {
                version: HttpVersion::Http11,
                target: target(text),
                headers: &headers,
                credentials: Credentials::Verified(&claims),
            };
            let mut key = None;
            let step = enforcer.begin(&request, Access::Scoped, &mut key);
            assert!(
                matches!(&step, Step::Reject(rejection) if rejection.status() == 400),
                "{fields:?} {text:?}: {step:?}"
            );
        }
    }
}

#[cfg(feature = "serde")]
#[test]
fn a_configuration_can_name_every_built_in_resolver() {
    let text = format!(
        "resolution.resolvers = {RESOLVER_NAMES:?}
         resolution.base_domain = {BASE:?}
         resolution.path_template = \"/api/v1/{{tenant}}\"
         resolution.query_parameter = \"tenant\"
         resolution.cookie_name = \"tenant\""
    );
    let config: tenancy_core::config::TenancyConfig = toml::from_str(&text).unwrap();
    let enforcer = config.enforcer().unwrap();
    let names: Vec<String> = enforcer.chain().names().map(|name| name.to_string()).collect();
    assert_eq!(names, RESOLVER_NAMES);
}
