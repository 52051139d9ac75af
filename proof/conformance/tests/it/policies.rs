//! Each access policy and its answers, alone and inside another.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Empty;
use tenancy_http::Tenancy;

use crate::client::{Answer, Client, Protocol, on_one_thread};
use crate::log::Log;
use crate::probe::{FIELDS, Signals, UNKNOWN};
use crate::server::{Application, Around, Serve, start};
use crate::{on_each_framework, tenants};

on_each_framework!(
    each_policy_has_its_answers,
    no_handler_runs_for_a_refused_request,
    what_is_extracted_under_no_policy_is_a_fault,
    a_required_tenant_on_an_optional_route_is_required,
    an_inner_policy_narrows_and_never_widens,
    an_inner_policy_never_replaces_the_tenant,
    an_admission_costs_one_look_up_and_a_refusal_before_it_none,
    every_response_varies_and_refusals_are_not_stored,
    a_head_is_a_get_without_a_body,
    every_method_is_enforced,
    unknown_paths_under_a_policy_are_enforced,
    the_path_is_the_clients_own,
    strangers_and_unknown_tenants_get_one_response,
);

/// Who asks for which tenant.
pub(crate) type Call<'c> = (Option<&'c str>, Option<&'c str>);

pub(crate) const NOBODY: Call<'_> = (None, None);
pub(crate) const ACME: Call<'_> = (None, Some("acme"));
const ALICE: Call<'_> = (Some("alice"), None);
pub(crate) const MEMBER: Call<'_> = (Some("alice"), Some("acme"));
pub(crate) const STRANGER: Call<'_> = (Some("alice"), Some("globex"));
const LOST: Call<'_> = (Some("alice"), Some("nobody"));
const MALFORMED: Call<'_> = (Some("alice"), Some("ACME"));

/// A server with one connection to it.
pub(crate) struct Asked {
    pub(crate) client: Client,
    pub(crate) signals: Signals,
}

impl Asked {
    pub(crate) async fn of(serve: Serve, tenancy: Tenancy, protocol: Protocol) -> Self {
        let signals = Signals::new();
        let application = Application {
            tenancy,
            around: Around::Nothing,
            signals: signals.clone(),
        };
        let client = Client::connect(start(serve, application).await, protocol).await;
        Self { client, signals }
    }

    async fn send(&mut self, method: Method, path: &str, (subject, tenant): Call<'_>) -> Answer {
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap();
        if let Some(subject) = subject {
            let bearer = format!("Bearer {subject}").parse().unwrap();
            request.headers_mut().insert("authorization", bearer);
        }
        if let Some(tenant) = tenant {
            request.headers_mut().insert("x-tenant-id", tenant.parse().unwrap());
        }
        self.client.send(request).await
    }

    pub(crate) async fn get(&mut self, path: &str, call: Call<'_>) -> Answer {
        self.send(Method::GET, path, call).await
    }

    /// Asks each, and expects the answer in one line.
    async fn check(&mut self, rows: &[(&str, Call<'_>, &str)]) {
        for (path, call, expected) in rows {
            assert_eq!(told(&self.get(path, *call).await), *expected, "{path} {call:?}");
        }
    }
}

/// The status, and the body or the code of a refusal.
pub(crate) fn told(answer: &Answer) -> String {
    let body = match answer.body.split_once(r#""code":""#) {
        Some((_, code)) => code.trim_end_matches(['"', '}']),
        None => &answer.body,
    };
    format!("{} {body}", answer.status)
}

/// Runs a test over each version of HTTP, on the tenancy whose answers are available at once and on the other one.
pub(crate) fn with_each(serve: Serve, test: impl AsyncFn(Asked)) {
    on_one_thread(async {
        for protocol in Protocol::ALL {
            for tenancy in [tenants::prompt(), tenants::waiting()] {
                test(Asked::of(serve, tenancy, protocol).await).await;
            }
        }
    });
}

fn each_policy_has_its_answers(serve: Serve) {
    with_each(serve, async |mut asked| {
        asked
            .check(&[
                ("/central", MALFORMED, "200 central"),
                ("/scoped", NOBODY, "401 tenant_required"),
                ("/scoped", ALICE, "401 tenant_required"),
                ("/scoped", ACME, "401 credentials_required"),
                ("/scoped", STRANGER, "403 forbidden"),
                ("/scoped", LOST, "403 forbidden"),
                ("/scoped", MALFORMED, "400 malformed_tenant"),
                ("/scoped", MEMBER, "200 acme header alice"),
                ("/public", NOBODY, "404 not_found"),
                ("/public", LOST, "404 not_found"),
                ("/public", MALFORMED, "400 malformed_tenant"),
                ("/public", ACME, "200 acme"),
                ("/public", STRANGER, "200 globex"),
                ("/public", MEMBER, "200 acme"),
                ("/optional", NOBODY, "200 none"),
                ("/optional", ALICE, "200 none"),
                ("/optional", ACME, "401 credentials_required"),
                ("/optional", STRANGER, "403 forbidden"),
                ("/optional", LOST, "403 forbidden"),
                ("/optional", MALFORMED, "400 malformed_tenant"),
                ("/optional", MEMBER, "200 acme"),
            ])
            .await;
    });
}

fn no_handler_runs_for_a_refused_request(serve: Serve) {
    with_each(serve, async |mut asked| {
        for path in [
            "/scoped",
            "/public",
            "/optional",
            "/scoped-in-public",
            "/public-in-scoped",
            "/scoped-in-optional",
            "/optional-in-scoped",
            "/scoped-three-times",
            "/another-public-in-scoped",
            "/varied",
            "/table/member",
        ] {
            for call in [NOBODY, ALICE, ACME, STRANGER, LOST, MALFORMED, MEMBER] {
                let answer = asked.get(path, call).await;
                let expected = usize::from(answer.status == 200);
                assert_eq!(asked.signals.take_runs(), expected, "{path} {call:?}: {answer:?}");
            }
        }
        for path in ["/unguarded/member", "/unguarded/maybe", "/unguarded/visitor"] {
            assert_eq!(asked.get(path, MEMBER).await.status, 500, "{path}");
            assert_eq!(asked.signals.take_runs(), 0, "{path}");
        }
    });
}

/// The client does not learn what is missing; the log of the server does.
fn what_is_extracted_under_no_policy_is_a_fault(serve: Serve) {
    const INTERNAL: &str = r#"{"type":"about:blank","title":"Internal Server Error","status":500,"code":"internal"}"#;
    const UNGUARDED: &str = "under no tenancy layer: put `scoped()`, `optional()` or `public()` around the route";
    const PUBLIC: &str = "on a public route: put `scoped()` around the route";
    with_each(serve, async |mut asked| {
        for (path, logged) in [
            ("/unguarded/member", UNGUARDED),
            ("/unguarded/maybe", UNGUARDED),
            ("/unguarded/visitor", UNGUARDED),
            ("/member-in-public", PUBLIC),
            ("/maybe-in-public", PUBLIC),
        ] {
            let log = Log::start();
            let answer = asked.get(path, MEMBER).await;
            let log = log.end();
            assert!(log.contains("ERROR") && log.contains(logged), "{path}: {log}");
            assert_eq!((answer.status, answer.body.as_str()), (500, INTERNAL), "{path}");
            assert_eq!(answer.field("content-type"), Some("application/problem+json"), "{path}");
            assert_eq!(answer.field("cache-control"), Some("no-store"), "{path}");
        }
    });
}

fn a_required_tenant_on_an_optional_route_is_required(serve: Serve) {
    with_each(serve, async |mut asked| {
        asked
            .check(&[
                ("/member-in-optional", NOBODY, "401 tenant_required"),
                ("/member-in-optional", ACME, "401 credentials_required"),
                ("/member-in-optional", MEMBER, "200 acme header alice"),
            ])
            .await;
    });
}

fn an_inner_policy_narrows_and_never_widens(serve: Serve) {
    with_each(serve, async |mut asked| {
        asked
            .check(&[
                ("/scoped-in-public", NOBODY, "404 not_found"),
                ("/scoped-in-public", ACME, "401 credentials_required"),
                ("/scoped-in-public", STRANGER, "403 forbidden"),
                ("/scoped-in-public", MEMBER, "200 acme"),
                ("/public-in-scoped", NOBODY, "401 tenant_required"),
                ("/public-in-scoped", ACME, "401 credentials_required"),
                ("/public-in-scoped", STRANGER, "403 forbidden"),
                ("/public-in-scoped", MEMBER, "200 acme"),
                ("/scoped-in-optional", NOBODY, "401 tenant_required"),
                ("/scoped-in-optional", ACME, "401 credentials_required"),
                ("/scoped-in-optional", STRANGER, "403 forbidden"),
                ("/scoped-in-optional", MEMBER, "200 acme"),
                ("/optional-in-scoped", NOBODY, "401 tenant_required"),
                ("/optional-in-scoped", STRANGER, "403 forbidden"),
                ("/optional-in-scoped", MEMBER, "200 acme"),
                ("/optional-in-public", NOBODY, "404 not_found"),
                ("/optional-in-public", ACME, "401 credentials_required"),
                ("/optional-in-public", MEMBER, "200 acme"),
                ("/scoped-three-times", NOBODY, "401 tenant_required"),
                ("/scoped-three-times", STRANGER, "403 forbidden"),
                ("/scoped-three-times", MEMBER, "200 acme header alice"),
                ("/another-public-in-scoped", ACME, "401 credentials_required"),
                ("/another-public-in-scoped", STRANGER, "403 forbidden"),
                ("/another-public-in-scoped", MEMBER, "200 acme"),
            ])
            .await;
    });
}

/// The header names a tenant outside, the path one inside, where everyone is a member.
fn an_inner_policy_never_replaces_the_tenant(serve: Serve) {
    with_each(serve, async |mut asked| {
        asked
            .check(&[
                ("/t/acme/public", MEMBER, "200 acme"),
                ("/t/globex/public", MEMBER, "403 forbidden"),
                ("/t/nobody/public", MEMBER, "403 forbidden"),
                ("/t/globex/public", STRANGER, "403 forbidden"),
            ])
            .await;
    });
}

fn an_admission_costs_one_look_up_and_a_refusal_before_it_none(serve: Serve) {
    on_one_thread(async {
        let look_ups = Arc::new(AtomicUsize::new(0));
        let tenancy = tenants::counting(Arc::clone(&look_ups));
        let mut asked = Asked::of(serve, tenancy, Protocol::Http1).await;
        for (path, call, expected) in [
            ("/central", MEMBER, 0),
            ("/scoped", MEMBER, 1),
            ("/scoped", STRANGER, 1),
            ("/optional", MEMBER, 1),
            ("/public", ACME, 1),
            ("/t/acme", ALICE, 1),
            // Also inside policies of the same tenancy, unless they ask for more than the outer one.
            ("/scoped-three-times", MEMBER, 1),
            ("/public-in-scoped", MEMBER, 1),
            ("/optional-in-scoped", MEMBER, 1),
            ("/scoped", NOBODY, 0),
            ("/scoped", ALICE, 0),
            ("/scoped", ACME, 0),
            ("/scoped", MALFORMED, 0),
            ("/scoped-three-times", ACME, 0),
            ("/optional", NOBODY, 0),
            ("/public", NOBODY, 0),
        ] {
            asked.get(path, call).await;
            assert_eq!(look_ups.swap(0, Ordering::Relaxed), expected, "{path} {call:?}");
        }
    });
}

fn every_response_varies_and_refusals_are_not_stored(serve: Serve) {
    with_each(serve, async |mut asked| {
        let admitted = asked.get("/varied", MEMBER).await;
        assert_eq!(admitted.field("vary"), Some("accept, X-Tenant-Id, authorization"));
        assert_eq!(admitted.field("x-handler"), Some(FIELDS[1].1));
        assert_eq!(admitted.field("cache-control"), None);
        for (path, call) in [("/varied", NOBODY), ("/varied", STRANGER), ("/scoped-in-public", ACME)] {
            let refused = asked.get(path, call).await;
            assert_eq!(refused.varies_by(), ["authorization", "x-tenant-id"], "{path} {call:?}");
            assert_eq!(refused.field("cache-control"), Some("no-store"), "{path} {call:?}");
            assert_eq!(refused.field("x-handler"), None, "{path} {call:?}");
            let challenge = (refused.status == 401).then_some("Bearer");
            assert_eq!(refused.field("www-authenticate"), challenge, "{path} {call:?}");
        }
        for call in [NOBODY, MEMBER] {
            let optional = asked.get("/optional", call).await;
            assert_eq!(optional.varies_by(), ["authorization", "x-tenant-id"], "{call:?}");
            // Without the resolver `jwt_claim` a public route reads no credentials.
            let public = asked.get("/public", call).await;
            assert_eq!(public.varies_by(), ["x-tenant-id"], "{call:?}");
            let central = asked.get("/central", call).await;
            assert_eq!(central.varies_by(), [""; 0], "{call:?}");
        }
    });
}

fn a_head_is_a_get_without_a_body(serve: Serve) {
    with_each(serve, async |mut asked| {
        for (path, call) in [
            ("/scoped", NOBODY),
            ("/scoped", ACME),
            ("/scoped", STRANGER),
            ("/scoped", MALFORMED),
            ("/optional", ACME),
            ("/public", NOBODY),
            ("/public", LOST),
            ("/scoped-in-public", ACME),
        ] {
            let mut get = asked.get(path, call).await;
            let mut head = asked.send(Method::HEAD, path, call).await;
            assert_eq!((head.status, head.body.as_str()), (get.status, ""), "{path} {call:?}");
            let length = get.body.len().to_string();
            assert_eq!(head.field("content-length"), Some(&*length), "{path} {call:?}");
            get.headers.remove("date");
            head.headers.remove("date");
            assert_eq!(head.headers, get.headers, "{path} {call:?}");
        }
    });
}

/// A method that the route does not have is enforced before it is refused.
fn every_method_is_enforced(serve: Serve) {
    with_each(serve, async |mut asked| {
        for method in [Method::OPTIONS, Method::POST, Method::DELETE, Method::TRACE] {
            for (call, expected) in [
                (NOBODY, "401 tenant_required"),
                (ACME, "401 credentials_required"),
                (STRANGER, "403 forbidden"),
                (MALFORMED, "400 malformed_tenant"),
            ] {
                let answer = asked.send(method.clone(), "/scoped", call).await;
                assert_eq!(told(&answer), expected, "{method} {call:?}");
            }
            let answer = asked.send(method.clone(), "/scoped", MEMBER).await;
            assert_eq!(answer.status, 405, "{method}");
            assert_eq!(asked.signals.take_runs(), 0, "{method}");
        }
    });
}

fn unknown_paths_under_a_policy_are_enforced(serve: Serve) {
    with_each(serve, async |mut asked| {
        let unknown = format!("404 {UNKNOWN}");
        asked
            .check(&[
                ("/table/member", MEMBER, "200 acme header alice"),
                ("/table/x", NOBODY, "401 tenant_required"),
                ("/table/x", ACME, "401 credentials_required"),
                ("/table/x", STRANGER, "403 forbidden"),
                ("/table/x", MEMBER, &unknown),
                ("/table/x/y", STRANGER, "403 forbidden"),
                ("/table/x/y", MEMBER, &unknown),
            ])
            .await;
    });
}

fn the_path_is_the_clients_own(serve: Serve) {
    with_each(serve, async |mut asked| {
        asked
            .check(&[
                ("/t/acme", ALICE, "200 acme path alice"),
                ("/t/%61cme", ALICE, "200 acme path alice"),
                ("/t/acme?tenant=globex", ALICE, "200 acme path alice"),
                ("/t/globex", ALICE, "403 forbidden"),
                ("/t/a%2Fb", ALICE, "400 malformed_tenant"),
                ("/t/acme", NOBODY, "401 credentials_required"),
            ])
            .await;
    });
}

/// A stranger cannot tell a tenant that exists from one that does not.
fn strangers_and_unknown_tenants_get_one_response(serve: Serve) {
    with_each(serve, async |mut asked| {
        for path in ["/scoped", "/optional", "/scoped-in-public", "/table/x"] {
            let [mut stranger, mut lost] = [asked.get(path, STRANGER).await, asked.get("/scoped", LOST).await];
            assert_eq!((stranger.status, &stranger.body), (403, &lost.body), "{path}");
            stranger.headers.remove("date");
            lost.headers.remove("date");
            assert_eq!(stranger.headers, lost.headers, "{path}");
        }
    });
}
