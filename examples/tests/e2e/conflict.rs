//! `on_conflict = "reject"`: all configured resolvers are read, and must agree.

use crate::answer::check;
use crate::raw::Request;
use crate::server::Server;
use crate::setup::Setup;
use crate::token::Token;

fn reject(resolvers: &[&str]) -> Setup {
    Setup::new(resolvers).resolution(r#"on_conflict = "reject""#)
}

/// Two keys of one form must be equal, else 400; the first in order is reported.
#[test]
fn keys_of_one_form() {
    let token = Token::of("alice").tenant("acme").sign();
    for server in Server::each(&reject(&["header", "jwt_claim"])) {
        let get = |target: &str| Request::get(target).bearer(&token);
        check(
            &server,
            &[
                (get("/whoami").tenant("acme"), "200 acme header"),
                (get("/whoami").tenant("globex"), "400 conflicting_tenants"),
                (get("/maybe").tenant("globex"), "400 conflicting_tenants"),
                (get("/portal").tenant("globex"), "400 conflicting_tenants"),
                (get("/whoami").tenant("nosuch"), "400 conflicting_tenants"),
                (get("/whoami"), "200 acme jwt_claim"),
            ],
        );
        for server in Server::each(&reject(&["path", "subdomain"])) {
            let path = || get("/api/v1/acme-inc/whoami");
            check(
                &server,
                &[
                    (path().host("acme-inc.app.example.com"), "200 acme path"),
                    (path().host("ACME-inc.app.example.com."), "200 acme path"),
                    (path().host("globex-shop.app.example.com"), "400 conflicting_tenants"),
                    (path().host("www.app.example.com"), "200 acme path"),
                    (path().host("app.example.com"), "200 acme path"),
                    // A conflict is told before credentials are missed.
                    (
                        Request::get("/api/v1/acme-inc/whoami").host("globex-shop.app.example.com"),
                        "400 conflicting_tenants",
                    ),
                ],
            );
        }
    }
}

/// Keys of different forms must be answered by one record, else 403; on a public route 404.
#[test]
fn keys_of_different_forms() {
    let token = Token::of("alice").tenant("acme").sign();
    for server in Server::each(&reject(&["header", "path", "domain"])) {
        // The base domain is no match for `domain`; any other name would be a key of its own.
        let visit = |target: &str| Request::get(target).host("app.example.com");
        let get = |target: &str| visit(target).bearer(&token);
        check(
            &server,
            &[
                (get("/api/v1/acme-inc/whoami").tenant("acme"), "200 acme header"),
                (get("/api/v1/globex-shop/whoami").tenant("acme"), "403 forbidden"),
                (get("/api/v1/nosuch/whoami").tenant("acme"), "403 forbidden"),
                (get("/api/v1/acme-inc/whoami").tenant("nosuch"), "403 forbidden"),
                (
                    get("/api/v1/acme-inc/whoami").tenant("acme").host("acme-corp.example"),
                    "200 acme header",
                ),
                (
                    get("/api/v1/acme-inc/whoami").tenant("acme").host("globex.example"),
                    "403 forbidden",
                ),
                (get("/api/v1/acme-inc/whoami").host("globex.example"), "403 forbidden"),
                (get("/api/v1/globex-shop/maybe").tenant("acme"), "403 forbidden"),
                (visit("/api/v1/acme-inc/portal").tenant("acme"), "200 acme"),
                (visit("/api/v1/globex-shop/portal").tenant("acme"), "404 not_found"),
                (
                    visit("/api/v1/globex-shop/whoami").tenant("acme"),
                    "401 credentials_required",
                ),
            ],
        );
    }
}

/// The 403 of a disagreement is the 403 of a stranger.
#[test]
fn a_disagreement_looks_like_a_stranger() {
    let token = Token::of("alice").tenant("acme").sign();
    for server in Server::each(&reject(&["header", "path"])) {
        let conflict = server.exchange(&Request::get("/api/v1/globex-shop/whoami").tenant("acme").bearer(&token));
        let stranger = server.exchange(&Request::get("/whoami").tenant("globex").bearer(&token));
        assert_eq!(conflict.raw_less_date, stranger.raw_less_date);
        assert_eq!(conflict.status, 403);
    }
}

/// Malformed beats conflict, and under `reject` every source is read.
#[test]
fn malformed_beats_conflict() {
    let token = Token::of("alice").tenant("acme").sign();
    for server in Server::each(&reject(&["header", "jwt_claim", "cookie"])) {
        let get = || Request::get("/whoami").bearer(&token);
        check(
            &server,
            &[
                (
                    get().tenant("globex").field("Cookie", "tenant="),
                    "400 malformed_tenant",
                ),
                (get().tenant("acme").field("Cookie", "tenant="), "400 malformed_tenant"),
                (
                    get().tenant("acme").field("Cookie", "tenant=acme-inc"),
                    "200 acme header",
                ),
                (get().field("Cookie", "tenant=globex-shop"), "403 forbidden"),
            ],
        );
    }
}

/// Under `first` later sources are not read, however malformed.
#[test]
fn first_reads_no_further() {
    let token = Token::of("alice").tenant("acme").sign();
    for server in Server::each(&Setup::new(&["header", "cookie"]).resolution(r#"on_conflict = "first""#)) {
        let get = || Request::get("/whoami").bearer(&token).tenant("acme");
        check(
            &server,
            &[
                (get().field("Cookie", "tenant="), "200 acme header"),
                (get().field("Cookie", "tenant=globex-shop; tenant=x"), "200 acme header"),
            ],
        );
    }
}
