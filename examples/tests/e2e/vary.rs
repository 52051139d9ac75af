//! Every response under a mark names the fields that a configured resolver or the credential check may read.

use std::collections::BTreeSet;

use crate::raw::{Request, Response};
use crate::server::Server;
use crate::setup::Setup;
use crate::token::Token;

fn vary(response: &Response) -> BTreeSet<String> {
    let members = response.values("vary").flat_map(|value| value.split(','));
    members.map(|member| member.trim().to_ascii_lowercase()).collect()
}

fn check_vary(setup: &Setup, scoped: &[&str], public: &[&str]) {
    for server in Server::each(setup) {
        let token = Token::of("alice").tenant("acme").sign();
        for (targets, expected) in [(&["/whoami", "/maybe", "/notes"][..], scoped), (&["/portal"], public)] {
            let expected: BTreeSet<String> = expected.iter().map(|field| (*field).to_owned()).collect();
            for target in targets {
                let get = || Request::get(target);
                for request in [
                    get(),
                    get().method("HEAD"),
                    get().method("OPTIONS"),
                    get().bearer(&token),
                    get().bearer("a.b.c"),
                    get().tenant("acme"),
                    get().tenant("acme").bearer(&token),
                    get().tenant("nosuch").bearer(&token),
                    get().tenant(""),
                    get().host("acme-inc.app.example.com").bearer(&token),
                    get().host("a..b"),
                    get().field("Cookie", "tenant=acme-inc").bearer(&token),
                ] {
                    let response = server.exchange(&request);
                    assert_eq!(vary(&response), expected, "{} for {request}", response.status);
                }
            }
        }
        let response = server.exchange(&Request::get("/healthz"));
        assert_eq!(vary(&response), BTreeSet::new());
    }
}

#[test]
fn the_tenant_header() {
    check_vary(
        &Setup::new(&["header"]),
        &["authorization", "x-tenant-id"],
        &["x-tenant-id"],
    );
}

#[test]
fn a_tenant_header_of_another_name() {
    let setup = Setup::new(&["header"]).resolution(r#"header_name = "X-Org""#);
    check_vary(&setup, &["authorization", "x-org"], &["x-org"]);
}

#[test]
fn the_claim() {
    check_vary(&Setup::new(&["jwt_claim"]), &["authorization"], &["authorization"]);
}

/// Not `Host`, which every cache keys on; nor the path and the query, which are part of the key.
#[test]
fn host_path_and_query() {
    let setup = Setup::new(&["subdomain", "path", "query", "domain"]);
    check_vary(&setup, &["authorization"], &[]);
}

#[test]
fn the_cookie() {
    check_vary(&Setup::new(&["cookie"]), &["authorization", "cookie"], &["cookie"]);
}

#[test]
fn a_forwarding_field() {
    for (field, resolver) in [("x-forwarded-host", "subdomain"), ("forwarded", "domain")] {
        let setup = Setup::new(&[resolver])
            .resolution(&format!("forwarded_header = {field:?}"))
            .resolution("trusted_hops = 1");
        check_vary(&setup, &["authorization", field], &[field]);
    }
}

#[test]
fn all_of_them() {
    let setup = Setup::new(&["path", "header", "cookie", "jwt_claim"]);
    let all = ["authorization", "cookie", "x-tenant-id"];
    check_vary(&setup, &all, &all);
}
