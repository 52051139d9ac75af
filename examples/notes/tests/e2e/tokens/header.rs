//! The shape of a token, and its header.

use serde_json::{Value, json};

use super::{BAD, OK, alice, check_tokens, get};
use crate::client::answer::{Row, check};
use crate::client::token::{Token, base64url, sign};
use crate::service::server::Server;
use crate::service::setup::{SECRET, Setup};

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
        let own = b"a secret that the callers made up";
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
