//! Callers without a tenant: alone, and inside and around every other access policy.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Empty;

use crate::client::Answer;
use crate::log::Log;
use crate::on_each_framework;
use crate::policies::{Asked, told, with_each};
use crate::server::Serve;

on_each_framework!(
    a_caller_is_admitted_and_nothing_else_is_read,
    a_caller_is_confirmed_inside_and_around_every_policy,
    another_caller_is_refused_inside_and_around_every_policy,
    subjects_of_two_issuers_are_two_callers,
    a_caller_has_no_tenant,
    what_is_extracted_where_no_caller_is_verified_is_a_fault,
    a_payload_is_extracted_in_its_type,
    responses_vary_by_what_is_read,
    every_method_of_a_caller_is_enforced,
);

/// Header fields of a request.
type Fields<'f> = &'f [(&'f str, &'f str)];

const ALICE: (&str, &str) = ("authorization", "Bearer alice");
const STAFF: (&str, &str) = ("authorization", "Bearer staff@platform");
const BAD: (&str, &str) = ("authorization", "Bearer bad");
const ACME: (&str, &str) = ("x-tenant-id", "acme");
const GLOBEX: (&str, &str) = ("x-tenant-id", "globex");
const MALFORMED: (&str, &str) = ("x-tenant-id", "ACME");
const USER_ALICE: (&str, &str) = ("x-user", "alice");
const USER_BOB: (&str, &str) = ("x-user", "bob");

async fn send(asked: &mut Asked, method: Method, path: &str, fields: Fields<'_>) -> Answer {
    let request = Request::builder().method(method).uri(format!("/callers/{path}"));
    let request = fields
        .iter()
        .fold(request, |request, (name, value)| request.header(*name, *value));
    asked.client.send(request.body(Empty::<Bytes>::new()).unwrap()).await
}

/// Sends each request, expects the answer in one line, and a run of the handler where it is not refused.
async fn check(asked: &mut Asked, rows: &[(&str, Fields<'_>, &str)]) {
    for (path, fields, expected) in rows {
        let answer = send(asked, Method::GET, path, fields).await;
        assert_eq!(told(&answer), *expected, "{path} {fields:?}");
        let runs = usize::from(answer.status == 200);
        assert_eq!(asked.signals.take_runs(), runs, "{path} {fields:?}");
    }
}

fn a_caller_is_admitted_and_nothing_else_is_read(serve: Serve) {
    with_each(serve, async |mut asked| {
        check(
            &mut asked,
            &[
                ("alone", &[], "401 credentials_required"),
                ("alone", &[ACME], "401 credentials_required"),
                ("alone", &[MALFORMED], "401 credentials_required"),
                ("alone", &[BAD], "401 invalid_token"),
                ("alone", &[ALICE], "200 alice - alone"),
                ("alone", &[ALICE, ACME], "200 alice - alone"),
                ("alone", &[ALICE, GLOBEX], "200 alice - alone"),
                ("alone", &[ALICE, MALFORMED], "200 alice - alone"),
                ("alone", &[ALICE, ACME, GLOBEX], "200 alice - alone"),
                ("alone", &[STAFF], "200 staff platform staff alone"),
                ("thrice", &[ALICE], "200 alice - alone"),
                ("thrice", &[], "401 credentials_required"),
                ("scoped", &[ALICE, ACME], "200 alice - in acme"),
                ("scoped", &[ALICE], "401 tenant_required"),
                ("optional", &[ALICE, ACME], "200 alice - in acme"),
                ("optional", &[ALICE], "200 alice - in none"),
                ("optional", &[], "401 credentials_required"),
            ],
        )
        .await;
    });
}

fn a_caller_is_confirmed_inside_and_around_every_policy(serve: Serve) {
    with_each(serve, async |mut asked| {
        check(
            &mut asked,
            &[
                ("in-scoped", &[ALICE, ACME], "200 alice - in acme"),
                ("in-scoped", &[ALICE, GLOBEX], "403 forbidden"),
                ("in-scoped", &[ACME], "401 credentials_required"),
                ("in-scoped", &[], "401 tenant_required"),
                ("in-optional", &[ALICE, ACME], "200 alice - in acme"),
                ("in-optional", &[ALICE], "200 alice - in none"),
                ("in-optional", &[], "401 credentials_required"),
                ("in-optional", &[ALICE, MALFORMED], "400 malformed_tenant"),
                ("in-public", &[ALICE, ACME], "200 alice - visits acme"),
                ("in-public", &[ALICE, GLOBEX], "200 alice - visits globex"),
                ("in-public", &[ACME], "401 credentials_required"),
                ("in-public", &[BAD, ACME], "401 invalid_token"),
                ("in-public", &[ALICE], "404 not_found"),
                ("around-scoped", &[ALICE, ACME], "200 alice - in acme"),
                ("around-scoped", &[ALICE, GLOBEX], "403 forbidden"),
                ("around-scoped", &[ALICE], "401 tenant_required"),
                ("around-scoped", &[], "401 credentials_required"),
                ("around-scoped", &[MALFORMED], "401 credentials_required"),
                ("around-optional", &[ALICE, ACME], "200 alice - in acme"),
                ("around-optional", &[ALICE], "200 alice - in none"),
                ("around-optional", &[], "401 credentials_required"),
                ("around-public", &[ALICE, ACME], "200 alice - visits acme"),
                ("around-public", &[ACME], "401 credentials_required"),
                ("around-public", &[ALICE], "404 not_found"),
                ("between", &[ALICE, ACME], "200 alice - in acme"),
                ("between", &[ALICE, GLOBEX], "403 forbidden"),
                ("between", &[ACME], "401 credentials_required"),
                ("between", &[ALICE], "404 not_found"),
                ("on-both-sides", &[ALICE, ACME], "200 alice - in acme"),
                ("on-both-sides", &[ALICE, GLOBEX], "403 forbidden"),
            ],
        )
        .await;
    });
}

/// Routes under two layers that authenticate each in its own way, and what a caller of acme is bound to there.
const TWO_AUTHENTICATIONS: [(&str, &str); 9] = [
    ("other-in-alone", "alone"),
    ("other-in-scoped", "in acme"),
    ("other-in-optional", "in acme"),
    ("other-around-scoped", "in acme"),
    ("other-around-optional", "in acme"),
    ("other-scoped-in-alone", "in acme"),
    ("other-scoped-in-scoped", "in acme"),
    ("other-scoped-in-optional", "in acme"),
    ("other-between", "alone"),
];

/// One layer knows the caller by a token, the other by the field `x-user`.
fn another_caller_is_refused_inside_and_around_every_policy(serve: Serve) {
    with_each(serve, async |mut asked| {
        for (path, bound) in TWO_AUTHENTICATIONS {
            let same = format!("200 alice - {bound}");
            check(
                &mut asked,
                &[
                    (path, &[ALICE, ACME, USER_ALICE], &same),
                    (path, &[ALICE, ACME, USER_BOB], "403 forbidden"),
                    (path, &[ALICE, ACME], "401 credentials_required"),
                ],
            )
            .await;
        }
        check(
            &mut asked,
            &[
                // Without a tenant, the caller of an optional route is one all the same.
                ("other-in-optional", &[ALICE, USER_ALICE], "200 alice - in none"),
                ("other-in-optional", &[ALICE, USER_BOB], "403 forbidden"),
                ("other-in-optional", &[USER_BOB], "200 bob - in none"),
                ("other-around-optional", &[ALICE, USER_BOB], "403 forbidden"),
                ("other-around-optional", &[USER_BOB], "200 bob - in none"),
                // A visit has no caller but the one that is demanded.
                ("other-in-public", &[ALICE, ACME, USER_BOB], "200 bob - visits acme"),
                ("other-around-public", &[ALICE, ACME, USER_BOB], "200 bob - visits acme"),
                ("other-around-public", &[ALICE, ACME], "401 credentials_required"),
            ],
        )
        .await;
    });
}

fn subjects_of_two_issuers_are_two_callers(serve: Serve) {
    const ONE: (&str, &str) = ("authorization", "Bearer alice@one");
    const USER_ONE: (&str, &str) = ("x-user", "alice@one");
    const USER_TWO: (&str, &str) = ("x-user", "alice@two");
    with_each(serve, async |mut asked| {
        for (path, bound) in TWO_AUTHENTICATIONS {
            let same = format!("200 alice one {bound}");
            check(
                &mut asked,
                &[
                    (path, &[ONE, ACME, USER_ONE], &same),
                    (path, &[ONE, ACME, USER_TWO], "403 forbidden"),
                ],
            )
            .await;
        }
        // What one layer knows of the issuer does not get lost in the other.
        check(
            &mut asked,
            &[
                ("other-in-alone", &[ALICE, USER_ONE], "200 alice one alone"),
                ("other-in-alone", &[ONE, USER_ALICE], "200 alice one alone"),
                ("other-around-scoped", &[ALICE, ACME, USER_ONE], "200 alice one in acme"),
                ("other-in-scoped", &[ALICE, ACME, USER_ONE], "200 alice one in acme"),
            ],
        )
        .await;
    });
}

fn a_caller_has_no_tenant(serve: Serve) {
    with_each(serve, async |mut asked| {
        check(
            &mut asked,
            &[
                ("member-alone", &[ALICE, ACME], "500 internal"),
                ("maybe-alone", &[ALICE, ACME], "500 internal"),
                ("visitor-alone", &[ALICE, ACME], "500 internal"),
                ("member-alone", &[ACME], "401 credentials_required"),
                ("member-in-scoped", &[ALICE, ACME], "200 acme header alice"),
                ("member-around-scoped", &[ALICE, ACME], "200 acme header alice"),
                ("maybe-in-optional", &[ALICE, ACME], "200 acme"),
                ("maybe-in-optional", &[ALICE], "200 none"),
                ("maybe-around-optional", &[ALICE, ACME], "200 acme"),
                ("maybe-around-optional", &[ALICE], "200 none"),
                ("visitor-in-public", &[ALICE, ACME], "200 acme"),
                ("visitor-around-public", &[ALICE, ACME], "200 acme"),
            ],
        )
        .await;
    });
}

/// The client does not learn what is missing; the log of the server does.
fn what_is_extracted_where_no_caller_is_verified_is_a_fault(serve: Serve) {
    const CALLER: &str = "put `authenticated()`, `scoped()` or `optional()` around the route";
    const TENANT: &str = "on a route under `authenticated()`, which names none";
    with_each(serve, async |mut asked| {
        for (path, logged) in [
            ("unguarded", CALLER),
            ("public", CALLER),
            ("payload-public", CALLER),
            ("member-alone", TENANT),
            ("visitor-alone", TENANT),
        ] {
            let log = Log::start();
            let answer = send(&mut asked, Method::GET, path, &[ALICE, ACME]).await;
            let log = log.end();
            assert!(log.contains("ERROR") && log.contains(logged), "{path}: {log}");
            assert_eq!(told(&answer), "500 internal", "{path}");
            assert!(!answer.body.contains("layer"), "{path}: {answer:?}");
            assert_eq!(answer.field("cache-control"), Some("no-store"), "{path}");
        }
    });
}

fn a_payload_is_extracted_in_its_type(serve: Serve) {
    with_each(serve, async |mut asked| {
        check(
            &mut asked,
            &[
                ("payload", &[ALICE], "200 a note of alice"),
                ("payload", &[], "401 credentials_required"),
                ("payload-scoped", &[ALICE, ACME], "200 a note of alice"),
                ("payload-scoped", &[ALICE, GLOBEX], "403 forbidden"),
                ("payload-optional", &[ALICE, ACME], "200 a note of alice"),
                ("payload-optional", &[ALICE], "200 a note of alice"),
                ("payload-optional", &[], "401 credentials_required"),
                ("payload-public", &[ALICE, ACME], "500 internal"),
            ],
        )
        .await;
        let log = Log::start();
        check(
            &mut asked,
            &[("payload-of-another-type", &[USER_ALICE], "500 internal")],
        )
        .await;
        let log = log.end();
        assert!(log.contains("ERROR") && log.contains("probe::Note"), "{log}");
    });
}

fn responses_vary_by_what_is_read(serve: Serve) {
    with_each(serve, async |mut asked| {
        for (path, fields, expected) in [
            ("alone", &[][..], &["authorization"][..]),
            ("alone", &[ALICE, ACME], &["authorization"]),
            ("thrice", &[ALICE], &["authorization"]),
            ("in-scoped", &[ALICE, ACME], &["authorization", "x-tenant-id"]),
            ("in-public", &[ALICE, ACME], &["authorization", "x-tenant-id"]),
            ("in-public", &[ACME], &["authorization", "x-tenant-id"]),
            ("around-public", &[ALICE, ACME], &["authorization", "x-tenant-id"]),
            // What is inside is not reached.
            ("around-public", &[ACME], &["authorization"]),
            ("other-in-alone", &[ALICE, USER_ALICE], &["authorization", "x-user"]),
        ] {
            let answer = send(&mut asked, Method::GET, path, fields).await;
            assert_eq!(answer.varies_by(), expected, "{path} {fields:?}");
            let is_refused = answer.status != 200;
            assert_eq!(
                answer.field("cache-control"),
                is_refused.then_some("no-store"),
                "{path} {fields:?}"
            );
            let challenge = (answer.status == 401).then_some("Bearer");
            assert_eq!(answer.field("www-authenticate"), challenge, "{path} {fields:?}");
        }
        let bad = send(&mut asked, Method::GET, "alone", &[BAD]).await;
        assert_eq!(bad.field("www-authenticate"), Some(r#"Bearer error="invalid_token""#));
    });
}

fn every_method_of_a_caller_is_enforced(serve: Serve) {
    with_each(serve, async |mut asked| {
        for method in [Method::OPTIONS, Method::POST, Method::DELETE] {
            let refused = send(&mut asked, method.clone(), "alone", &[ACME]).await;
            assert_eq!(told(&refused), "401 credentials_required", "{method}");
            let admitted = send(&mut asked, method.clone(), "alone", &[ALICE]).await;
            assert_eq!(admitted.status, 405, "{method}");
        }
        let get = send(&mut asked, Method::GET, "alone", &[ACME]).await;
        let head = send(&mut asked, Method::HEAD, "alone", &[ACME]).await;
        assert_eq!((head.status, head.body.as_str()), (401, ""));
        let length = get.body.len().to_string();
        assert_eq!(head.field("content-length"), Some(&*length));
    });
}
