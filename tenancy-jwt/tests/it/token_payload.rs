//! The payload in a type of the application.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Deserializer};
use tenancy_core::request::VerifiedClaims;
use tenancy_jwt::{TokenError, TokenVerifier};

use crate::log::Log;
use crate::token_support::{HEADER, NOW, hmac_key, keyless, payload, sign, sign_with};

#[derive(Debug, Deserialize)]
struct User {
    email: String,
    #[serde(default)]
    plan: Option<Plan>,
    #[serde(default)]
    limits: BTreeMap<String, u32>,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
struct Plan {
    name: String,
    seats: u32,
}

fn typed() -> TokenVerifier {
    let builder = keyless().with_key(hmac_key(Some("main"))).with_payload::<User>();
    builder.build().unwrap()
}

fn verify(changes: &[&str]) -> Result<tenancy_core::request::Claims, TokenError> {
    typed().verify_at(sign(HEADER, payload(changes)).as_bytes(), NOW)
}

#[test]
fn a_payload_that_fits_is_there_in_its_type() {
    let claims = verify(&[
        r#"email="a@example.org""#,
        r#"plan={"name":"pro","seats":7}"#,
        r#"limits={"notes":3}"#,
    ])
    .unwrap();
    let user: &User = claims.payload().unwrap().get().unwrap();
    let plan = Plan {
        name: "pro".to_owned(),
        seats: 7,
    };
    assert_eq!((user.email.as_str(), &user.plan), ("a@example.org", &Some(plan)));
    assert_eq!(user.limits.get("notes"), Some(&3));
    assert!(claims.payload().unwrap().get::<Plan>().is_none());
    assert_eq!(claims.subject().as_str(), "alice");
}

#[test]
fn without_a_type_there_is_no_payload() {
    let claims = crate::token_support::verify_payload(&[r#"email="a@example.org""#]).unwrap();
    assert!(claims.payload().is_none());
}

/// The log names the field, and nothing of what it holds.
#[test]
fn a_payload_that_does_not_fit_is_an_invalid_token() {
    let long = format!(r#"limits={{"{}":"secret-value"}}"#, "n".repeat(4_000));
    for (changes, field) in [
        (&["x=1"][..], "email"),
        (&[r#"email=["secret-value"]"#], "email"),
        (&["email=null"], "email"),
        (&["email=4242424242"], "email"),
        (&[r#"email="a""#, r#"plan={"name":"secret-value"}"#], "plan.seats"),
        (
            &[r#"email="a""#, r#"plan={"name":"n","seats":"secret-value"}"#],
            "plan.seats",
        ),
        (
            &[r#"email="a""#, r#"plan={"name":"n","seats":-4242424242}"#],
            "plan.seats",
        ),
        (&[r#"email="a""#, r#"plan="secret-value""#], "plan"),
        (&[r#"email="a""#, r#"limits={"a":"secret-value"}"#], "limits.a"),
        // The names of a map are the token's own, and parsed by nobody.
        (&[r#"email="a""#, r#"limits={"a\nb":"secret-value"}"#], r"limits.a\\nb"),
        (&[r#"email="a""#, &long], "limits.nnn"),
    ] {
        let (log, _guard) = Log::capture_at(tracing::Level::DEBUG);
        let error = verify(changes).unwrap_err();
        assert_eq!(error, TokenError::Payload, "{changes:?}");
        let text = log.text();
        assert!(text.contains(field), "{changes:?}: {text}");
        assert!(!text.contains("secret-value") && !text.contains("4242424242"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.len() < 500, "{text}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("secret-value"), "{shown}");
    }
}

/// What is refused for another reason never reaches the application's type.
#[test]
fn the_type_sees_valid_tokens_alone() {
    static PARSED: AtomicUsize = AtomicUsize::new(0);

    struct Counts;

    impl<'de> Deserialize<'de> for Counts {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            PARSED.fetch_add(1, Ordering::Relaxed);
            serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
        }
    }

    let builder = keyless().with_key(hmac_key(Some("main"))).with_payload::<Counts>();
    let verifier = builder.build().unwrap();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let token = |changes: &[&str]| {
        let exp = format!("exp={}", now + 600);
        let mut changes = changes.to_vec();
        changes.push(&exp);
        sign(HEADER, payload(&changes))
    };
    let other_key = jsonwebtoken::EncodingKey::from_secret(b"another secret of thirty-two bytes");
    let forged = sign_with(
        HEADER.as_bytes(),
        payload(&[]).as_bytes(),
        &other_key,
        jsonwebtoken::Algorithm::HS256,
    );
    for refused in [
        forged,
        sign(HEADER, payload(&["exp=1"])),
        token(&["sub=7"]),
        token(&[r#"aud="another""#]),
        token(&["tenant_id=7"]),
        sign(HEADER, r#"{"a":1,"a":2}"#),
    ] {
        verifier.verify(refused.as_bytes()).unwrap_err();
    }
    assert_eq!(PARSED.load(Ordering::Relaxed), 0);
    // Cached with its claims: what is found there is not parsed again.
    let token = token(&[]);
    let first = verifier.verify_cached(token.as_bytes()).unwrap();
    let second = verifier.verify_cached(token.as_bytes()).unwrap();
    assert_eq!(PARSED.load(Ordering::Relaxed), 1);
    assert_eq!(first.payload(), second.payload());
    assert!(second.payload().unwrap().get::<Counts>().is_some());
}
