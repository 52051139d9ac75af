//! Members of a key set that are malformed: each is left out by itself, and the others serve.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use tenancy_jwt::KeyAlgorithm;

use crate::jwks_support::{check, jwks, named, p256, rsa, rsa_of, verifier, with};
use crate::log::Log;

/// A set of one good key and this member, in either order, serves the good key.
fn is_left_alone(member: &str) {
    let good = named(rsa(), "good");
    for (place, document) in [
        (1, format!(r#"{{"keys":[{good},{member}]}}"#)),
        (0, format!(r#"{{"keys":[{member},{good}]}}"#)),
    ] {
        let (log, _guard) = Log::capture();
        let verifier = verifier(&document, &KeyAlgorithm::PUBLIC);
        assert_eq!(check(&verifier, "RS256", Some("good")), Ok(()), "{member:.200}");
        let text = log.text();
        let told = format!("left out keys of the key set: keys[{place}]: ");
        assert!(text.contains(&told) && text.contains("keys=1"), "{text} {member:.200}");
    }
}

#[test]
fn a_member_of_another_kind_or_shape() {
    let odd = |changes: Value| with(named(p256(), "odd"), changes).to_string();
    for changes in [
        json!({ "kid": 7 }),
        json!({ "kid": ["odd"] }),
        json!({ "kid": { "odd": true } }),
        json!({ "kid": "" }),
        json!({ "kid": "x".repeat(129) }),
        json!({ "kty": 7 }),
        json!({ "kty": "ec" }),
        json!({ "crv": ["P-256"] }),
        json!({ "alg": { "ES256": 1 } }),
        json!({ "use": false }),
        json!({ "key_ops": { "verify": 1 } }),
        json!({ "x": "not base64!" }),
        json!({ "x": "AQAB" }),
        json!({ "y": 1e300 }),
        json!({ "issuer": [] }),
        json!({ "issuer": "{tenantid}" }),
    ] {
        is_left_alone(&odd(changes));
    }
    let crowd: serde_json::Map<_, _> = (0..20).map(|index| (format!("m{index}"), json!(index))).collect();
    is_left_alone(&Value::Object(crowd).to_string());
}

#[test]
fn numbers_that_are_no_key() {
    let odd = |changes: Value| with(named(rsa(), "odd"), changes).to_string();
    let even = rsa()["n"].as_str().unwrap_or_default().to_owned();
    let (head, _) = even.split_at(even.len() - 2);
    for changes in [
        json!({ "e": "AQ" }),
        json!({ "e": "Ag" }),
        json!({ "e": "BA" }),
        json!({ "e": "AA" }),
        json!({ "e": "AQAA" }),
        json!({ "e": 65537 }),
        json!({ "e": "A".repeat(400) }),
        json!({ "n": "not base64!" }),
        json!({ "n": 7 }),
        json!({ "n": [] }),
        json!({ "n": "AQAB" }),
        json!({ "n": format!("{head}AA") }),
    ] {
        is_left_alone(&odd(changes));
    }
    is_left_alone(&named(rsa_of("rsa-1024.public.pem"), "odd").to_string());
    is_left_alone(&named(rsa_of("roca-2048.public.pem"), "odd").to_string());
}

#[test]
fn what_is_no_key_at_all() {
    for member in [
        "null",
        "7",
        "-1e9",
        "true",
        r#""RSA""#,
        "[]",
        "[{}]",
        "{}",
        r#"{"":""}"#,
    ] {
        is_left_alone(member);
    }
}

/// RFC 7517 §4: a JWK with a name twice is no JWK. The set has each of its own names once.
#[test]
fn json_that_no_two_readers_read_alike() {
    let odd = named(p256(), "odd").to_string();
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    for more in [
        r#""kid":"odd""#,
        r#""kid":"other""#,
        r#""\u006bid":"odd""#,
        r#""x5c":[{"a":1,"a":2}]"#,
        r#""x5t":"\ud800""#,
        &format!(r#""x5c":{deep}"#),
    ] {
        is_left_alone(&odd.replacen('{', &format!("{{{more},"), 1));
    }
}

/// What is not used is not looked at, whatever it is.
#[test]
fn members_that_are_not_used_do_no_harm() {
    for more in [
        json!({ "x5c": ["!", 7, null] }),
        json!({ "x5c": "no array" }),
        json!({ "x5u": "http://[", "x5t": [], "x5t#S256": {} }),
        json!({ "jku": "https://evil.example", "exp": "soon" }),
    ] {
        let document = format!(
            r#" {{"k":7,"other":[1],"keys":[{}]}} "#,
            with(named(rsa(), "good"), more.clone())
        );
        let verifier = verifier(&document, &KeyAlgorithm::PUBLIC);
        assert_eq!(check(&verifier, "RS256", Some("good")), Ok(()), "{more}");
    }
}

fn part(jwk: &Value, name: &str) -> Value {
    jwk.get(name).cloned().unwrap_or_default()
}

/// Members made of names and values that are anything but a key of the good one's name.
fn soup() -> impl Strategy<Value = Value> {
    let texts = [
        "RSA", "EC", "OKP", "P-256", "RS256", "sig", "enc", "verify", "AQAB", "odd", "",
    ];
    let texts = texts.map(Value::from).into_iter().chain([
        part(&rsa(), "n"),
        part(&p256(), "x"),
        part(&p256(), "y"),
        json!(null),
        json!(7),
        json!(["verify"]),
        json!({ "kid": "odd" }),
    ]);
    let names = [
        "kid", "kty", "alg", "use", "key_ops", "crv", "n", "e", "x", "y", "issuer", "x5c",
    ];
    let member = (select(names.to_vec()), select(texts.collect::<Vec<_>>()));
    let object = vec(member, 0..8).prop_map(|members| {
        let members = members.into_iter().map(|(name, value)| (name.to_owned(), value));
        Value::Object(members.collect())
    });
    prop_oneof![9 => object, 1 => any::<u32>().prop_map(Value::from)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn whatever_stands_beside_it_a_good_key_serves(mut members in vec(soup(), 0..12), place in 0_usize..12) {
        members.insert(place.min(members.len()), named(rsa(), "good"));
        let verifier = verifier(&jwks(&members), &KeyAlgorithm::PUBLIC);
        prop_assert_eq!(check(&verifier, "RS256", Some("good")), Ok(()));
    }
}
