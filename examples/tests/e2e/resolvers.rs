//! Each resolver alone, each form, each order of two.

use crate::answer::check;
use crate::raw::Request;
use crate::server::Server;
use crate::setup::Setup;
use crate::token::Token;

/// Names a tenant by one source. The claim is added with the token.
fn name(request: &Request, source: &str, id: &str, slug: &str, domain: &str) -> Request {
    let request = request.clone();
    match source {
        "header" => request.tenant(id),
        "subdomain" => request.host(&format!("{slug}.app.example.com")),
        "domain" => request.host(domain),
        "cookie" => request.field("Cookie", format!("theme=dark; tenant={slug}")),
        _ => request,
    }
}

fn target(source: &str, slug: &str) -> String {
    match source {
        "path" => format!("/api/v1/{slug}/whoami"),
        "query" => format!("/whoami?page=2&tenant={slug}"),
        _ => "/whoami".into(),
    }
}

/// Each of the seven resolves when it is the only one.
#[test]
fn each_alone() {
    for source in ["header", "jwt_claim", "subdomain", "path", "domain", "query", "cookie"] {
        for server in Server::each(&Setup::new(&[source])) {
            let request = name(
                &Request::get(&target(source, "acme-inc")),
                source,
                "acme",
                "acme-inc",
                "acme-corp.example",
            );
            let token = Token::of("alice").tenant("acme").sign();
            let expected = format!("200 acme {source}");
            check(&server, &[(request.bearer(&token), &expected)]);
            let request = name(
                &Request::get(&target(source, "globex-shop")),
                source,
                "globex",
                "globex-shop",
                "globex.example",
            );
            let token = Token::of("bob").tenant("globex").sign();
            let expected = format!("200 globex {source}");
            check(&server, &[(request.bearer(&token), &expected)]);
        }
    }
}

/// A source that is not configured is never read, even where it is malformed.
#[test]
fn what_is_not_configured_is_not_read() {
    let token = Token::of("alice").tenant("acme").sign();
    let other_sources = Request::get("/whoami?tenant=globex-shop&tenant=%ff")
        .field("X_Tenant_ID", "globex")
        .field("X-Tenant", "globex")
        .field("Cookie", "tenant=globex-shop; tenant=;")
        .field("X-Forwarded-Host", "globex-shop.app.example.com")
        .field("Forwarded", "host=globex-shop.app.example.com")
        .field("X-Original-Host", "globex-shop.app.example.com")
        .field("X-Original-URL", "/api/v1/globex-shop/whoami")
        .field("X-Rewrite-URL", "/api/v1/globex-shop/whoami");
    for source in ["header", "jwt_claim", "subdomain", "domain"] {
        for server in Server::each(&Setup::new(&[source])) {
            let mut request = name(&other_sources, source, "acme", "acme-inc", "acme-corp.example");
            if matches!(source, "subdomain" | "domain") {
                request = request.tenant("globex").tenant("");
            } else {
                request = request.host("a..b");
            }
            let expected = format!("200 acme {source}");
            check(&server, &[(request.bearer(&token), &expected)]);
        }
    }
    for server in Server::each(&Setup::new(&["path"])) {
        let request = Request::get("/api/v1/acme-inc/whoami?tenant=&tenant=x")
            .host("a..b")
            .tenant("")
            .bearer(&token);
        check(&server, &[(request, "200 acme path")]);
    }
}

/// Four forms, four key spaces: what is an id is no slug and no external id.
#[test]
fn forms() {
    for (source, key) in [
        ("header", "header_form"),
        ("subdomain", "subdomain_form"),
        ("path", "path_form"),
        ("query", "query_form"),
        ("cookie", "cookie_form"),
    ] {
        for (form, right, wrong) in [
            ("id", "acme", "acme-inc"),
            ("slug", "acme-inc", "acme"),
            ("external", "org_Acme1", "org_Globex1"),
        ] {
            if (source, form) == ("subdomain", "external") {
                // A host name has neither upper case nor `_`.
                continue;
            }
            for server in Server::each(&Setup::new(&[source]).resolution(&format!("{key} = {form:?}"))) {
                let token = Token::of("alice").tenant("acme").sign();
                let request =
                    |text| name(&Request::get(&target(source, text)), source, text, text, text).bearer(&token);
                let expected = format!("200 acme {source}");
                check(
                    &server,
                    &[(request(right), &expected), (request(wrong), "403 forbidden")],
                );
            }
        }
    }
}

/// The claim's form says in which key space the token names its tenant.
#[test]
fn forms_of_the_claim() {
    for (form, right, wrong) in [
        ("id", "acme", "acme-inc"),
        ("slug", "acme-inc", "acme"),
        ("external", "org_Acme1", "org_acme1"),
    ] {
        for server in Server::each(&Setup::new(&["jwt_claim"]).resolution(&format!("jwt_claim_form = {form:?}"))) {
            let request = |text| Request::get("/whoami").bearer(&Token::of("alice").tenant(text).sign());
            check(
                &server,
                &[
                    (request(right), "200 acme jwt_claim"),
                    (request(wrong), "403 forbidden"),
                ],
            );
        }
    }
}

/// First match wins, in the configured order; membership decides whether it holds.
#[test]
fn each_order_of_two() {
    const FOUR: [&str; 4] = ["header", "jwt_claim", "subdomain", "path"];
    for first in FOUR {
        for second in FOUR.into_iter().filter(|second| *second != first) {
            let setup = Setup::new(&[first, second]).enforcement(r#"tenants_claim = "tenants""#);
            for server in Server::each(&setup) {
                let path = match (first, second) {
                    ("path", _) => target("path", "acme-inc"),
                    (_, "path") => target("path", "globex-shop"),
                    _ => "/whoami".into(),
                };
                let only_first = name(&Request::get(&path), first, "acme", "acme-inc", "");
                let both = name(&only_first, second, "globex", "globex-shop", "");
                // The claim names what its place in the order says; the list makes the caller a member.
                let token = |members: &[&str]| {
                    let token = Token::of("both").claim("tenants", members);
                    match (first, second) {
                        ("jwt_claim", _) => token.tenant("acme"),
                        (_, "jwt_claim") => token.tenant("globex"),
                        _ => token,
                    }
                    .sign()
                };
                let admitted = format!("200 acme {first}");
                let is_member_by_claim = first == "jwt_claim";
                let of_second = if is_member_by_claim { &admitted } else { "403 forbidden" };
                check(
                    &server,
                    &[
                        (both.clone().bearer(&token(&["acme"])), &admitted),
                        (both.clone().bearer(&token(&["acme", "globex"])), &admitted),
                        (both.clone().bearer(&token(&["globex"])), of_second),
                    ],
                );
                // Where the first is silent the second is asked.
                if first != "path" && first != "jwt_claim" {
                    let only_second = name(&Request::get(&path), second, "globex", "globex-shop", "");
                    let expected = format!("200 globex {second}");
                    check(&server, &[(only_second.bearer(&token(&["globex"])), &expected)]);
                }
            }
        }
    }
}

/// Under `first`, where the header stands before the claim and names another tenant than the token does, it is 403;
/// where the claim stands first, the header is not read.
#[test]
fn header_and_claim() {
    let token = Token::of("alice").tenant("acme").sign();
    let get = || Request::get("/whoami").bearer(&token);
    for server in Server::each(&Setup::new(&["header", "jwt_claim"])) {
        check(
            &server,
            &[
                (get().tenant("globex"), "403 forbidden"),
                (get().tenant("acme"), "200 acme header"),
                (get().tenant("Globex"), "400 malformed_tenant"),
                (get(), "200 acme jwt_claim"),
            ],
        );
        for server in Server::each(&Setup::new(&["jwt_claim", "header"])) {
            check(
                &server,
                &[
                    (get().tenant("globex"), "200 acme jwt_claim"),
                    (get().tenant("Globex"), "200 acme jwt_claim"),
                    (get().tenant("").tenant(""), "200 acme jwt_claim"),
                    // A token that names no tenant leaves it to the header, and makes nobody a member.
                    (
                        Request::get("/whoami")
                            .tenant("acme")
                            .bearer(&Token::of("alice").sign()),
                        "403 forbidden",
                    ),
                ],
            );
        }
    }
}

/// A malformed source that is reached ends the request, even if a later one is fine.
#[test]
fn a_malformed_source_is_no_silence() {
    for server in Server::each(&Setup::new(&["header", "subdomain", "path"])) {
        let token = Token::of("alice").tenant("acme").sign();
        let get = || Request::get("/api/v1/acme-inc/whoami").bearer(&token);
        check(
            &server,
            &[
                (get(), "200 acme path"),
                (get().tenant(""), "400 malformed_tenant"),
                (get().host("a..b"), "400 malformed_host"),
                (get().host("-x.app.example.com"), "400 malformed_tenant"),
                (
                    get().host("acme-inc.app.example.com").tenant("*"),
                    "400 malformed_tenant",
                ),
            ],
        );
    }
}
