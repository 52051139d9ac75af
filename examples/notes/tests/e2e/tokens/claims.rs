//! The registered claims: times, issuer, audience, subject.

use serde_json::{Value, json};

use super::{BAD, OK, alice, check_tokens, get};
use crate::client::answer::check;
use crate::client::token::{now_plus, sign};
use crate::service::server::Server;
use crate::service::setup::{AUDIENCE, ISSUER, SECRET, Setup};

/// `exp` is required, `nbf` and `iat` are honoured, with 30 seconds of leeway.
#[test]
fn times() {
    for server in Server::each(&Setup::new(&["jwt_claim"])) {
        check_tokens(
            &server,
            &[
                (alice().without_claim("exp"), BAD),
                (alice().claim("exp", now_plus(-10)), OK),
                (alice().claim("exp", now_plus(-60)), BAD),
                (alice().claim("exp", 0), BAD),
                (alice().claim("exp", -1), BAD),
                (alice().claim("exp", now_plus(300).to_string()), BAD),
                (alice().claim("exp", Value::Null), BAD),
                (alice().claim("exp", json!([now_plus(300)])), BAD),
                (alice().claim("nbf", now_plus(-5)), OK),
                (alice().claim("nbf", now_plus(10)), OK),
                (alice().claim("nbf", now_plus(90)), BAD),
                (alice().claim("nbf", "now"), BAD),
                (alice().claim("iat", now_plus(-5)), OK),
                (alice().claim("iat", now_plus(10)), OK),
                (alice().claim("iat", now_plus(90)), BAD),
            ],
        );
        // Without leeway.
        for server in Server::each(&Setup::new(&["jwt_claim"]).jwt("leeway_seconds = 0")) {
            check_tokens(
                &server,
                &[
                    (alice(), OK),
                    (alice().claim("exp", now_plus(-10)), BAD),
                    (alice().claim("nbf", now_plus(20)), BAD),
                    (alice().claim("iat", now_plus(20)), BAD),
                ],
            );
        }
    }
}

/// `iss` is a string; `aud` a string or an array that has ours; `sub` a string of 1 to 255 bytes without controls.
#[test]
fn issuer_audience_subject() {
    for server in Server::each(&Setup::new(&["jwt_claim"])) {
        check_tokens(
            &server,
            &[
                (alice().without_claim("iss"), BAD),
                (alice().claim("iss", "https://other.example.com"), BAD),
                (alice().claim("iss", format!("{ISSUER}/")), BAD),
                (alice().claim("iss", json!([ISSUER])), BAD),
                (alice().claim("iss", Value::Null), BAD),
                (alice().claim("iss", ""), BAD),
                (alice().without_claim("aud"), BAD),
                (alice().claim("aud", "other"), BAD),
                (alice().claim("aud", "Notes"), BAD),
                (alice().claim("aud", json!(["other", AUDIENCE])), OK),
                (alice().claim("aud", json!(["other"])), BAD),
                (alice().claim("aud", json!([])), BAD),
                (alice().claim("aud", Value::Null), BAD),
                (alice().claim("aud", 1), BAD),
                (alice().claim("aud", json!([1, AUDIENCE])), BAD),
                (alice().claim("aud", json!({AUDIENCE: true})), BAD),
                (alice().without_claim("sub"), BAD),
                (alice().claim("sub", ""), BAD),
                (alice().claim("sub", "x".repeat(255)), OK),
                (alice().claim("sub", "x".repeat(256)), BAD),
                (alice().claim("sub", "a\nb"), BAD),
                (alice().claim("sub", "a\u{0}"), BAD),
                (alice().claim("sub", "a\u{7f}"), BAD),
                (alice().claim("sub", 1), BAD),
                (alice().claim("sub", Value::Null), BAD),
            ],
        );
        let token = alice().claim("sub", "auth0|\u{dc}nal \"x\"").sign();
        let response = server.exchange(&get(&token));
        assert_eq!(response.json()["subject"], "auth0|\u{dc}nal \"x\"");
    }
}

/// A name twice in the payload: 401.
#[test]
fn a_claim_twice() {
    for server in Server::each(&Setup::new(&["jwt_claim"])) {
        let header = r#"{"alg":"HS256","kid":"dev"}"#;
        let payload = alice().payload();
        let with = |more: &str| {
            let payload = format!("{},{more}}}", payload.strip_suffix('}').unwrap());
            get(&sign(header, &payload, SECRET.as_bytes()))
        };
        check(
            &server,
            &[
                (with(r#""x":1"#), OK),
                (with(r#""tenant_id":"globex""#), BAD),
                (with(r#""tenant_id":"acme""#), BAD),
                (with(r#""tenant\u005fid":"acme""#), BAD),
                (with(r#""sub":"alice""#), BAD),
                (with(r#""exp":9999999999"#), BAD),
                (with(r#""x":1,"x":1"#), BAD),
            ],
        );
    }
}
