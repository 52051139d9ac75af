//! "Which answer": each cell of both tables that a client can see.

use crate::answer::{Row, check};
use crate::raw::{Request, Response};
use crate::server::Server;
use crate::setup::Setup;
use crate::streams::Streams;
use crate::token::Token;

const ALL: [&str; 4] = ["header", "jwt_claim", "subdomain", "path"];
/// Tenants that are not there for anybody.
const ABSENT: [&str; 4] = ["nosuch", "suspended", "archived", "provisioning"];

fn of(tenant: &str) -> String {
    Token::of("alice").tenant(tenant).sign()
}

fn of_none() -> String {
    Token::of("alice").sign()
}

/// scoped × no tenant named: 401 `tenant_required`.
#[test]
fn scoped_without_a_tenant() {
    for server in Server::each(&Setup::new(&ALL)) {
        for target in ["/whoami", "/notes", "/notes/1"] {
            check(
                &server,
                &[
                    (Request::get(target), "401 tenant_required"),
                    (Request::get(target).bearer(&of_none()), "401 tenant_required"),
                ],
            );
        }
    }
}

/// scoped, optional × tenant named, no credentials: 401 `credentials_required`, whatever tenant that is.
#[test]
fn a_tenant_without_credentials() {
    for server in Server::each(&Setup::new(&ALL)) {
        for tenant in ["acme", "globex"].iter().chain(&ABSENT) {
            for target in ["/whoami", "/notes", "/notes/1", "/maybe"] {
                let in_path = format!("/api/v1/{tenant}{target}");
                let host = format!("{tenant}.app.example.com");
                check(
                    &server,
                    &[
                        (Request::get(target).tenant(tenant), "401 credentials_required"),
                        (Request::get(target).host(&host), "401 credentials_required"),
                        (Request::get(&in_path), "401 credentials_required"),
                    ],
                );
            }
        }
    }
}

/// scoped, optional × stranger, or tenant unknown, suspended, archived, provisioning: 403 `forbidden`.
#[test]
fn strangers_and_absent_tenants_are_forbidden() {
    for server in Server::each(&Setup::new(&ALL)) {
        for target in ["/whoami", "/notes", "/notes/1", "/maybe"] {
            for tenant in ABSENT {
                let request = Request::get(target).tenant(tenant);
                check(&server, &[(request.bearer(&of(tenant)), "403 forbidden")]);
                let by_claim = Request::get(target).bearer(&of(tenant));
                check(&server, &[(by_claim, "403 forbidden")]);
            }
            let strangers = [of("globex"), of("nosuch"), of_none()];
            for token in strangers {
                let request = Request::get(target).tenant("acme").bearer(&token);
                check(&server, &[(request, "403 forbidden")]);
            }
        }
    }
}

/// The 403s are byte-identical among themselves, less `Date`.
#[test]
fn forbidden_is_one_response() {
    for server in Server::each(&Setup::new(&ALL)) {
        let mut requests = Vec::new();
        for target in ["/whoami", "/notes", "/maybe"] {
            for tenant in ABSENT {
                requests.push(Request::get(target).tenant(tenant).bearer(&of(tenant)));
                requests.push(Request::get(target).tenant(tenant).bearer(&of("acme")));
                requests.push(Request::get(target).bearer(&of(tenant)));
            }
            // The foreign tenant.
            requests.push(Request::get(target).tenant("globex").bearer(&of("acme")));
            requests.push(
                Request::get(target)
                    .host("globex-shop.app.example.com")
                    .tenant("globex")
                    .bearer(&of_none()),
            );
        }
        // Nor does a stranger learn which routes there are, and which methods they have.
        for (method, target) in [
            ("POST", "/whoami"),
            ("OPTIONS", "/notes"),
            ("PATCH", "/notes/1"),
            ("GET", "/nosuch"),
            ("BREW", "/api/v1"),
        ] {
            let request = Request::new(method, target).tenant("acme");
            requests.push(request.bearer(&of("globex")));
        }
        assert_identical(&server, &requests, 403);
    }
}

/// The public 404s are byte-identical among themselves, less `Date`.
#[test]
fn public_not_found_is_one_response() {
    for server in Server::each(&Setup::new(&ALL)) {
        let mut requests = vec![Request::get("/portal"), Request::get("/portal").bearer(&of_none())];
        for tenant in ABSENT {
            requests.push(Request::get("/portal").tenant(tenant));
            requests.push(Request::get("/portal").tenant(tenant).bearer(&of(tenant)));
            requests.push(Request::get(&format!("/api/v1/{tenant}/portal")));
            requests.push(Request::get("/portal").host(&format!("{tenant}.app.example.com")));
        }
        assert_identical(&server, &requests, 404);
    }
}

/// By HTTP/1.1 and by HTTP/2, each among themselves.
fn assert_identical(server: &Server, requests: &[Request], status: u16) {
    let streams = Streams::open(server.address);
    let by_http1 = requests.iter().map(|request| server.exchange(request)).collect();
    let by_http2 = requests
        .iter()
        .map(|request| streams.exchange(request.by_http2()).unwrap());
    for responses in [by_http1, by_http2.collect::<Vec<Response>>()] {
        for (request, response) in requests.iter().zip(&responses) {
            assert_eq!(response.status, status, "{request}");
            assert_eq!(response.value("cache-control"), Some("no-store"), "{request}");
            assert_eq!(
                response.raw_less_date.escape_ascii().to_string(),
                responses[0].raw_less_date.escape_ascii().to_string(),
                "{request}"
            );
        }
    }
}

/// scoped × member of an active tenant: admitted.
#[test]
fn scoped_members_are_admitted() {
    for server in Server::each(&Setup::new(&ALL)) {
        check(
            &server,
            &[
                (
                    Request::get("/whoami").tenant("acme").bearer(&of("acme")),
                    "200 acme header",
                ),
                (Request::get("/whoami").bearer(&of("acme")), "200 acme jwt_claim"),
                (Request::get("/notes").tenant("acme").bearer(&of("acme")), "200"),
                (Request::get("/api/v1/globex-shop/notes").bearer(&of("globex")), "200"),
            ],
        );
        let response = server.exchange(&Request::get("/whoami").tenant("acme").bearer(&of("acme")));
        let expected = serde_json::json!({"tenant": "acme", "resolver": "header", "subject": "alice"});
        assert_eq!(response.json(), expected);
    }
}

/// optional: no tenant; or 401, 403 and admitted as for scoped.
#[test]
fn optional() {
    for server in Server::each(&Setup::new(&ALL)) {
        check(
            &server,
            &[
                (Request::get("/maybe"), "200 -"),
                (Request::get("/maybe").bearer(&of_none()), "200 -"),
                (Request::get("/maybe").tenant("acme"), "401 credentials_required"),
                (
                    Request::get("/maybe").tenant("globex").bearer(&of("acme")),
                    "403 forbidden",
                ),
                (Request::get("/maybe").tenant("acme").bearer(&of("acme")), "200 acme"),
                (Request::get("/api/v1/acme-inc/maybe").bearer(&of("acme")), "200 acme"),
                (Request::get("/maybe").tenant(""), "400 malformed_tenant"),
                (Request::get("/maybe").bearer("a.b.c"), "401 invalid_token"),
            ],
        );
    }
}

/// public: a visit to an active tenant, membership not asked; else 404 `not_found`.
#[test]
fn public() {
    for server in Server::each(&Setup::new(&ALL)) {
        let mut rows: Vec<Row<'_>> = vec![
            (Request::get("/portal"), "404 not_found"),
            (Request::get("/portal").tenant("acme"), "200 acme"),
            (Request::get("/portal").tenant("acme").bearer(&of("acme")), "200 acme"),
            (Request::get("/portal").tenant("acme").bearer(&of("globex")), "200 acme"),
            (Request::get("/portal").bearer(&of("acme")), "200 acme"),
            (
                Request::get("/portal").host("globex-shop.app.example.com"),
                "200 globex",
            ),
            (Request::get("/api/v1/globex-shop/portal"), "200 globex"),
            (Request::get("/portal").tenant("Acme"), "400 malformed_tenant"),
        ];
        for tenant in ABSENT {
            rows.push((Request::get("/portal").tenant(tenant), "404 not_found"));
            rows.push((
                Request::get("/portal").tenant(tenant).bearer(&of(tenant)),
                "404 not_found",
            ));
        }
        check(&server, &rows);
    }
}

/// Public reads credentials only when `jwt_claim` is a configured resolver.
#[test]
fn public_reads_credentials_only_for_the_claim() {
    let request = || Request::get("/portal").tenant("acme");
    let rows = |two: &'static str, bad: &'static str| {
        [
            (request().bearer("a").bearer("b"), two),
            (request().field("Authorization", "Bearer a, Bearer b"), two),
            (request().bearer("a.b.c"), bad),
            (request().bearer(&Token::of("alice").claim("tenant_id", 1).sign()), bad),
        ]
    };
    for with_claim in Server::each(&Setup::new(&["header", "jwt_claim"])) {
        check(&with_claim, &rows("400 malformed_credentials", "401 invalid_token"));
    }
    for without in Server::each(&Setup::new(&["header"])) {
        check(&without, &rows("200 acme", "200 acme"));
    }
}

/// A route under no mark is central: nothing is read, and nothing is told to caches.
#[test]
fn central_reads_nothing() {
    for server in Server::each(&Setup::new(&ALL)) {
        let everything_wrong = Request::get("/healthz?tenant=%ff")
            .host("a..b")
            .tenant("")
            .tenant("Acme")
            .bearer("a")
            .bearer("b");
        check(&server, &[(Request::get("/healthz"), "200"), (everything_wrong, "200")]);
        let response = server.exchange(&Request::get("/healthz").tenant("acme"));
        assert_eq!(response.values("vary").count(), 0, "{response:?}");
        // Not under the path template either.
        let nested = server.exchange(&Request::get("/api/v1/acme-inc/healthz"));
        assert_ne!(nested.status, 200, "{nested:?}");
    }
}

/// On any mark: two credentials 400, an invalid one 401, a malformed source 400, a malformed host 400.
#[test]
fn on_any_mark() {
    for server in Server::each(&Setup::new(&["header", "subdomain", "jwt_claim", "path"])) {
        for target in ["/whoami", "/maybe", "/portal"] {
            let get = || Request::get(target);
            let good = of("acme");
            check(
                &server,
                &[
                    (
                        get().tenant("acme").bearer(&good).bearer(&good),
                        "400 malformed_credentials",
                    ),
                    (
                        get()
                            .tenant("acme")
                            .field("Authorization", format!("Bearer {good}, Bearer {good}")),
                        "400 malformed_credentials",
                    ),
                    (get().tenant("acme").bearer("not.a.token"), "401 invalid_token"),
                    (get().bearer("not.a.token"), "401 invalid_token"),
                    (get().tenant("").bearer(&good), "400 malformed_tenant"),
                    (get().tenant("").tenant("acme").bearer(&good), "400 malformed_tenant"),
                    (get().host("a..b").bearer(&good), "400 malformed_host"),
                    (get().host("_x.app.example.com").bearer(&good), "400 malformed_tenant"),
                ],
            );
            // The host is judged only when a host resolver is reached.
            let reached_first = get().tenant("acme").host("a..b").bearer(&good);
            let found = server.exchange(&reached_first).status;
            assert_eq!(found, 200, "{reached_first}");
        }
    }
}

/// Order: credentials, resolvers, nothing matched, no credentials, look-up.
#[test]
fn the_order_of_judgement() {
    for server in Server::each(&Setup::new(&ALL)) {
        let get = || Request::get("/whoami");
        check(
            &server,
            &[
                (get().tenant("").bearer("a").bearer("b"), "400 malformed_credentials"),
                (get().tenant("").bearer("a.b.c"), "401 invalid_token"),
                (get().tenant(""), "400 malformed_tenant"),
                (get().bearer("a.b.c"), "401 invalid_token"),
                (get().tenant("nosuch"), "401 credentials_required"),
            ],
        );
    }
}
