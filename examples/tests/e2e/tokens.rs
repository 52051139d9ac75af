//! Bearer tokens.

use serde_json::{Value, json};

use crate::answer::{Row, check};
use crate::raw::Request;
use crate::server::Server;
use crate::setup::{AUDIENCE, ISSUER, RSA_PUBLIC, SECRET, Setup};
use crate::token::{Token, base64url, now_plus, sign};

const OK: &str = "200 acme jwt_claim";
const BAD: &str = "401 invalid_token";

fn alice() -> Token {
    Token::of("alice").tenant("acme")
}

fn get(token: &str) -> Request {
    Request::get("/whoami").bearer(token)
}

fn check_tokens(server: &Server, rows: &[(Token, &str)]) {
    let rows: Vec<Row<'_>> = rows
        .iter()
        .map(|(token, expected)| (get(&token.sign()), *expected))
        .collect();
    check(server, &rows);
}

/// One field, scheme `Bearer` in any case, one space, one token.
#[test]
fn the_authorization_field() {
    for server in Server::each(&Setup::new(&["header"])) {
        let token = alice().sign();
        let with = |value: String| Request::get("/whoami").tenant("acme").field("Authorization", value);
        let admitted = "200 acme header";
        check(
            &server,
            &[
                (with(format!("Bearer {token}")), admitted),
                (with(format!("bearer {token}")), admitted),
                (with(format!("BEARER {token}")), admitted),
                (with(format!("  Bearer {token}\t")), admitted),
                (with(format!("Bearer  {token}")), BAD),
                (with(format!("Bearer\t{token}")), BAD),
                (with(format!("Bearer {token} x")), BAD),
                (with(format!("Bearer {token},")), BAD),
                (with(format!("Bearer {token}, Basic x")), BAD),
                (with("Bearer".into()), BAD),
                (with("Bearer ".into()), BAD),
                (with(String::new()), BAD),
                (with(" ".into()), BAD),
                (with(format!("Bearer \"{token}\"")), BAD),
                (
                    with(format!("Bearer {token}, Bearer {token}")),
                    "400 malformed_credentials",
                ),
                (
                    with(format!("Bearer {token},bearer {token}")),
                    "400 malformed_credentials",
                ),
                (
                    with(format!("Bearer {token}")).bearer(&token),
                    "400 malformed_credentials",
                ),
                (
                    with("Basic dXNlcjpwdw==".into()).bearer(&token),
                    "400 malformed_credentials",
                ),
                (with(String::new()).bearer(&token), "400 malformed_credentials"),
                // Another scheme is no credential, whatever follows it.
                (with("Basic dXNlcjpwdw==".into()), "401 credentials_required"),
                (with(format!("Basic a, Bearer {token}")), "401 credentials_required"),
                (
                    with("Digest username=\"a\", realm=\"b\"".into()),
                    "401 credentials_required",
                ),
                (with(format!("Bearerx {token}")), "401 credentials_required"),
                (with(format!("Token {token}")), "401 credentials_required"),
            ],
        );
    }
}

/// A token in a cookie or a query parameter is not read.
#[test]
fn tokens_elsewhere() {
    for server in Server::each(&Setup::new(&["header"])) {
        let token = alice().sign();
        let get = |target: &str| Request::get(target).tenant("acme");
        check(
            &server,
            &[
                (
                    get(&format!("/whoami?access_token={token}")),
                    "401 credentials_required",
                ),
                (
                    get("/whoami").field("Cookie", format!("token={token}; access_token={token}")),
                    "401 credentials_required",
                ),
                (
                    get("/whoami").field("Proxy-Authorization", format!("Bearer {token}")),
                    "401 credentials_required",
                ),
                (
                    get("/whoami").field("X-Authorization", format!("Bearer {token}")),
                    "401 credentials_required",
                ),
            ],
        );
    }
}

/// At most 8 KiB, three non-empty base64url parts, no padding, no white space.
#[test]
fn the_shape() {
    for server in Server::each(&Setup::new(&["jwt_claim"])) {
        let token = alice().sign();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let (header, payload) = message.split_once('.').unwrap();
        let long = |filler: usize| alice().claim("filler", "x".repeat(filler)).sign();
        let just_fits = (0..6144).rev().map(long).find(|token| token.len() <= 8192).unwrap();
        let too_long = alice().claim("filler", "x".repeat(6200)).sign();
        assert!(too_long.len() > 8192 && just_fits.len() > 8188);
        let tampered = format!(
            "{message}.{}{}",
            if signature.starts_with('A') { 'B' } else { 'A' },
            &signature[1..]
        );
        let hs512 = alice().header("alg", "HS512").sign();
        let other_payload = base64url(Token::of("alice").tenant("globex").payload().as_bytes());
        let mut rows: Vec<Row<'_>> = vec![(get(&token), OK), (get(&just_fits), OK), (get(&too_long), BAD)];
        for bad in [
            "a".into(),
            "a.b.c".into(),
            "..".into(),
            message.to_owned(),
            format!("{message}."),
            format!(".{payload}.{signature}"),
            format!("{header}..{signature}"),
            format!("{token}."),
            format!("{token}.{signature}"),
            format!(".{token}"),
            format!("{token}="),
            format!("{header}=.{payload}.{signature}"),
            format!("{header}.{payload}==.{signature}"),
            format!("{header}.{payload}.{}+", &signature[1..]),
            format!("{header}.{payload}.{}/", &signature[1..]),
            format!("{header}%2e{payload}.{signature}"),
            tampered,
            hs512,
            format!("{header}.{other_payload}.{signature}"),
            // Whole and rightly signed, but no JSON objects.
            sign("{", &alice().payload(), SECRET.as_bytes()),
            sign("[]", &alice().payload(), SECRET.as_bytes()),
            sign("", &alice().payload(), SECRET.as_bytes()),
            sign(r#"{"alg":"HS256"}"#, "[]", SECRET.as_bytes()),
            sign(r#"{"alg":"HS256"}"#, "null", SECRET.as_bytes()),
            sign(r#"{"alg":"HS256"}"#, "{", SECRET.as_bytes()),
            sign(r#"{"alg":"HS256"}"#, "\u{0}", SECRET.as_bytes()),
            alice().sign_with(b"another secret of thirty-two byte"),
        ] {
            rows.push((get(&bad), BAD));
        }
        check(&server, &rows);
    }
}

/// A key has one algorithm; `kid` is only a key of a map; `crit` is never understood; keys in a token are never used.
#[test]
fn the_header() {
    for server in Server::each(&Setup::new(&["jwt_claim"])) {
        let none = |signature: &str| {
            let header = base64url(br#"{"alg":"none","kid":"dev"}"#);
            format!("{header}.{}.{signature}", base64url(alice().payload().as_bytes()))
        };
        check(
            &server,
            &[
                (get(&none("")), BAD),
                (get(&none("x")), BAD),
                (get(&alice().header("kid", "d".repeat(128)).sign()), BAD),
            ],
        );
        check_tokens(
            &server,
            &[
                (alice(), OK),
                (alice().without_header("typ"), OK),
                // The only key needs no name.
                (alice().without_header("kid"), OK),
                (alice().header("alg", "none"), BAD),
                (alice().header("alg", "None"), BAD),
                (alice().header("alg", "hs256"), BAD),
                (alice().header("alg", "HS384"), BAD),
                (alice().header("alg", "RS256"), BAD),
                (alice().header("alg", "ES256"), BAD),
                (alice().header("alg", ""), BAD),
                (alice().header("alg", Value::Null), BAD),
                (alice().header("alg", 1), BAD),
                (alice().header("alg", json!(["HS256"])), BAD),
                (alice().without_header("alg"), BAD),
                (alice().header("kid", "nosuch"), BAD),
                (alice().header("kid", ""), BAD),
                (alice().header("kid", "DEV"), BAD),
                (alice().header("kid", "../dev"), BAD),
                (alice().header("kid", 1), BAD),
                (alice().header("kid", Value::Null), BAD),
                (alice().header("kid", json!(["dev"])), BAD),
                (alice().header("kid", "x".repeat(129)), BAD),
                (alice().header("crit", json!(["exp"])), BAD),
                (alice().header("crit", json!([])), BAD),
                (alice().header("crit", Value::Null), BAD),
                (alice().header("b64", false).header("crit", json!(["b64"])), BAD),
                (alice().header("jku", "https://evil.example/jwks"), OK),
                (
                    alice().header("jwk", json!({"kty": "oct", "k": base64url(SECRET.as_bytes())})),
                    OK,
                ),
            ],
        );
        // A key in the token is not the key that verifies it.
        let own = b"a secret that the caller made up himself";
        let token = alice().header("jwk", json!({"kty": "oct", "k": base64url(own)}));
        check(&server, &[(get(&token.sign_with(own)), BAD)]);
        // A name twice in the header: which one was meant?
        let twice = sign(
            r#"{"alg":"HS256","kid":"nosuch","kid":"dev"}"#,
            &alice().payload(),
            SECRET.as_bytes(),
        );
        check(&server, &[(get(&twice), BAD)]);
    }
}

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

/// The tenant claim is a string that parses in its form, or absent: anything else is 401 wherever the token is read.
#[test]
fn the_tenant_claim() {
    let by_claim = Server::start(&Setup::new(&["jwt_claim"]));
    let by_header = Server::start(&Setup::new(&["header"]));
    check_tokens(
        &by_claim,
        &[
            (Token::of("alice"), "401 tenant_required"),
            (alice().claim("Tenant_id", "globex").claim("tenantId", 1), OK),
        ],
    );
    for malformed in [
        Value::Null,
        json!(1),
        json!(true),
        json!(["acme"]),
        json!({"id": "acme"}),
        json!(""),
        json!(" acme"),
        json!("acme "),
        json!("acme\n"),
        json!("acme\u{0}"),
        json!("Acme"),
        json!("a.b"),
        json!("x".repeat(64)),
    ] {
        let token = Token::of("alice").claim("tenant_id", malformed).sign();
        check(
            &by_claim,
            &[
                (get(&token), BAD),
                (Request::get("/maybe").bearer(&token), BAD),
                (Request::get("/portal").bearer(&token), BAD),
            ],
        );
        check(&by_header, &[(get(&token).tenant("acme"), BAD), (get(&token), BAD)]);
    }
}

/// A claim's name that is a string is literal; a list of names nests.
#[test]
fn names_of_the_claim() {
    let literal = Setup::new(&["jwt_claim"]).resolution(r#"jwt_claim = "https://example.com/tenant""#);
    let of = |claim: &str, value: Value| Token::of("alice").claim(claim, value);
    check_tokens(
        &Server::start(&literal),
        &[
            (of("https://example.com/tenant", json!("acme")), OK),
            (alice(), "401 tenant_required"),
            (
                of("https://example", json!({"com/tenant": "acme"})),
                "401 tenant_required",
            ),
        ],
    );
    let dotted = Setup::new(&["jwt_claim"]).resolution(r#"jwt_claim = "org.tenant""#);
    check_tokens(
        &Server::start(&dotted),
        &[
            (of("org.tenant", json!("acme")), OK),
            (of("org", json!({"tenant": "acme"})), "401 tenant_required"),
        ],
    );
    let nested = Setup::new(&["jwt_claim"]).resolution(r#"jwt_claim = ["org", "tenant"]"#);
    check_tokens(
        &Server::start(&nested),
        &[
            (of("org", json!({"tenant": "acme", "name": "Acme"})), OK),
            (of("org.tenant", json!("acme")), "401 tenant_required"),
            (of("org", json!({"name": "Acme"})), "401 tenant_required"),
            (of("org", json!({"tenant": 1})), BAD),
        ],
    );
}

/// RS256 by a public key. Its text is no HMAC secret.
#[test]
fn rs256() {
    let keys = "[[jwt.keys]]\nkid = \"rsa\"\nalgorithm = \"RS256\"\npublic_key_file = \"rsa.pem\"\n";
    for server in Server::each(&Setup::new(&["jwt_claim"]).keys(keys)) {
        let rsa = |token: Token| token.header("alg", "RS256").header("kid", "rsa");
        let confused = alice().header("kid", "rsa");
        check(
            &server,
            &[
                (get(&rsa(alice()).sign_rsa()), OK),
                (get(&rsa(alice()).without_header("kid").sign_rsa()), OK),
                (
                    get(&rsa(Token::of("alice").tenant("globex")).sign_rsa()),
                    "200 globex jwt_claim",
                ),
                (get(&rsa(alice()).header("alg", "RS512").sign_rsa()), BAD),
                (get(&rsa(alice()).header("alg", "PS256").sign_rsa()), BAD),
                (get(&rsa(alice()).claim("exp", now_plus(-60)).sign_rsa()), BAD),
                (get(&rsa(alice()).sign()), BAD),
                (get(&confused.sign_with(RSA_PUBLIC.as_bytes())), BAD),
                (get(&confused.sign_with(RSA_PUBLIC.trim_end().as_bytes())), BAD),
                (get(&alice().sign()), BAD),
            ],
        );
    }
}

/// Among several keys `kid` chooses; without one there is no choice.
#[test]
fn several_keys() {
    const OTHER: &str = "fedcba9876543210fedcba9876543210";
    let keys = format!(
        "[[jwt.keys]]\nkid = \"dev\"\nalgorithm = \"HS256\"\nsecret_file = \"dev.key\"\n\
         [[jwt.keys]]\nkid = \"next\"\nalgorithm = \"HS256\"\nsecret = \"{OTHER}\"\n"
    );
    for server in Server::each(&Setup::new(&["jwt_claim"]).keys(&keys)) {
        check(
            &server,
            &[
                (get(&alice().sign()), OK),
                (get(&alice().header("kid", "next").sign_with(OTHER.as_bytes())), OK),
                (get(&alice().header("kid", "next").sign()), BAD),
                (get(&alice().sign_with(OTHER.as_bytes())), BAD),
                (get(&alice().without_header("kid").sign()), BAD),
                // The final newline of the file is no part of the secret.
                (get(&alice().sign_with(format!("{SECRET}\n").as_bytes())), BAD),
            ],
        );
    }
}
