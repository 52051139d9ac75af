//! Key sets in files: what they may say, and that they are read again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use KeyAlgorithm::*;
use serde_json::json;
use tempfile::TempDir;
use tenancy_core::clock::ManualClock;
use tenancy_jwt::{
    AlgorithmsError, JsonProblem, JwksError, JwksFile, JwksFileError, KeyAlgorithm, TokenError, TokenVerifier,
    TrustedIssuer,
};

use crate::jwks_support::{ed25519, jwks, named, other_p256, p256, p384, rsa, rsa_of, secret, sign, with};
use crate::token_support::{AUDIENCE, ISSUER, NOW};

struct Fixture {
    folder: TempDir,
    clock: Arc<ManualClock>,
}

impl Fixture {
    fn new(document: impl AsRef<[u8]>) -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Arc::new(ManualClock::new());
        let fixture = Self { folder, clock };
        fixture.write(document);
        fixture
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("jwks.json")
    }

    fn write(&self, document: impl AsRef<[u8]>) {
        fs::write(self.path(), document).unwrap();
    }

    fn open(&self, algorithms: &[KeyAlgorithm]) -> Result<JwksFile, JwksFileError> {
        JwksFile::builder(self.path())
            .with_algorithms(algorithms.iter().copied())
            .with_clock(Arc::clone(&self.clock))
            .build()
    }

    fn verifier(&self, algorithms: &[KeyAlgorithm]) -> TokenVerifier {
        let issuer = TrustedIssuer::new(ISSUER, self.open(algorithms).unwrap()).with_audience(AUDIENCE);
        TokenVerifier::builder().with_trusted_issuer(issuer).build().unwrap()
    }
}

fn check(verifier: &TokenVerifier, alg: &str, kid: Option<&str>) -> Result<(), TokenError> {
    verifier.verify_at(sign(alg, kid, &[]).as_bytes(), NOW).map(drop)
}

#[test]
fn each_key_verifies_its_own_tokens() {
    let keys = [
        named(rsa(), "r"),
        named(p256(), "e"),
        named(p384(), "f"),
        named(ed25519(), "o"),
    ];
    let verifier = Fixture::new(jwks(&keys)).verifier(&KeyAlgorithm::PUBLIC);
    for (alg, kid) in [("RS256", "r"), ("ES256", "e"), ("ES384", "f"), ("EdDSA", "o")] {
        assert_eq!(check(&verifier, alg, Some(kid)), Ok(()), "{alg}");
    }
    assert_eq!(
        check(&verifier, "RS512", Some("r")),
        Err(TokenError::WrongAlgorithm { expected: Rs256 })
    );
    assert_eq!(
        check(&verifier, "ES256", Some("r")),
        Err(TokenError::WrongAlgorithm { expected: Rs256 })
    );
    assert_eq!(check(&verifier, "RS256", Some("x")), Err(TokenError::UnknownKid));
    assert_eq!(check(&verifier, "RS256", None), Err(TokenError::MissingKid));
}

#[test]
fn secrets_are_accepted_where_it_is_said() {
    let verifier = Fixture::new(jwks(&[secret(64)])).verifier(&[Hs256]);
    assert_eq!(check(&verifier, "HS256", None), Ok(()));
    let verifier = Fixture::new(jwks(&[named(secret(64), "s"), named(secret(63), "t")])).verifier(&[Hs256, Hs512]);
    assert_eq!(check(&verifier, "HS256", Some("s")), Ok(()));
    assert_eq!(
        check(&verifier, "HS512", Some("s")),
        Err(TokenError::WrongAlgorithm { expected: Hs256 })
    );
}

#[test]
fn keys_that_are_not_for_us_are_left_out() {
    for other in [
        with(named(p256(), "x"), json!({ "use": "enc" })),
        with(named(p256(), "x"), json!({ "kty": "new" })),
        with(named(p256(), "x"), json!({ "alg": "ES256K" })),
        with(named(p256(), "x"), json!({ "crv": "P-521" })),
        with(named(p256(), "x"), json!({ "kid": "x".repeat(129) })),
        with(p256(), json!({ "kid": 7 })),
        // Without a name it cannot be chosen.
        p256(),
        named(rsa_of("rsa-1024.public.pem"), "x"),
        json!({}),
    ] {
        let verifier = Fixture::new(jwks(&[other.clone(), named(rsa(), "r")])).verifier(&KeyAlgorithm::PUBLIC);
        assert_eq!(check(&verifier, "RS256", Some("r")), Ok(()), "{other}");
        assert_eq!(
            check(&verifier, "ES256", Some("x")),
            Err(TokenError::UnknownKid),
            "{other}"
        );
    }
}

#[test]
fn a_file_that_was_not_written_with_care_is_refused() {
    let keys = |count: usize| jwks(&(0..count).map(|n| named(ed25519(), &n.to_string())).collect::<Vec<_>>());
    let padded = |length: usize| {
        let document = jwks(&[rsa()]);
        document.clone() + &" ".repeat(length - document.len())
    };
    for (document, expected) in [
        (padded(64 * 1024), None),
        (padded(64 * 1024 + 1), Some(JwksError::TooLong)),
        (keys(64), None),
        (keys(65), Some(JwksError::TooManyKeys)),
        (String::new(), Some(JwksError::Json(JsonProblem::Syntax))),
        (rsa().to_string(), Some(JwksError::NoKeys)),
        (
            json!([rsa()]).to_string(),
            Some(JwksError::Json(JsonProblem::NotObject)),
        ),
        (json!({ "keys": rsa() }).to_string(), Some(JwksError::NoKeys)),
        (json!({ "keys": [rsa(), 1] }).to_string(), None),
        (json!({ "keys": null }).to_string(), Some(JwksError::NoKeys)),
        (
            format!(r#"{{"keys":[],"keys":[{}]}}"#, rsa()),
            Some(JwksError::Json(JsonProblem::RepeatedName)),
        ),
        (
            jwks(&[rsa()]).replacen(r#""kty""#, r#""kty":"RSA","kty""#, 1),
            Some(JwksError::NoUsableKey),
        ),
        (jwks(&[named(rsa(), "a"), named(p256(), "b"), named(p384(), "a")]), None),
        (
            jwks(&[named(rsa(), "a"), named(secret(64), "b")]),
            Some(JwksError::MixedKeys),
        ),
        (
            jwks(&[named(rsa(), "a"), with(named(p256(), "b"), json!({ "d": "AQAB" }))]),
            Some(JwksError::PrivateKey),
        ),
        (
            jwks(&[named(rsa(), "a"), json!({ "kty": "new", "kid": "b", "d": "AQAB" })]),
            Some(JwksError::PrivateKey),
        ),
        (jwks(&[]), Some(JwksError::NoUsableKey)),
        (jwks(&[p256(), p384()]), Some(JwksError::NoUsableKey)),
        (jwks(&[secret(64)]), Some(JwksError::NoUsableKey)),
    ] {
        let error = Fixture::new(&document).open(&KeyAlgorithm::PUBLIC).err();
        match (&error, expected) {
            (None, None) => {}
            (Some(JwksFileError::Document(problem)), Some(expected)) if *problem == expected => {}
            _ => panic!("{expected:?}, not {error:?}: {document:.200}"),
        }
    }
}

#[test]
fn algorithms_go_together() {
    let fixture = Fixture::new(jwks(&[rsa()]));
    for (algorithms, expected) in [
        (&[][..], AlgorithmsError::Empty),
        (&[Hs256, Rs256], AlgorithmsError::Mixed),
        (&[Es256, Hs512], AlgorithmsError::Mixed),
    ] {
        let error = fixture.open(algorithms).unwrap_err();
        assert!(
            matches!(error, JwksFileError::Algorithms(found) if found == expected),
            "{error}"
        );
    }
}

#[test]
fn a_file_that_is_missing_refuses_to_start() {
    let fixture = Fixture::new("");
    fs::remove_file(fixture.path()).unwrap();
    assert!(matches!(fixture.open(&[Rs256]), Err(JwksFileError::Read(_))));
}

#[test]
fn a_file_that_changes_is_read_again_after_a_while() {
    let fixture = Fixture::new(jwks(&[named(rsa(), "a")]));
    let verifier = fixture.verifier(&KeyAlgorithm::PUBLIC);
    let known = |alg, kid| match check(&verifier, alg, Some(kid)) {
        Ok(()) => true,
        Err(TokenError::UnknownKid) => false,
        Err(error) => panic!("{error}"),
    };
    fixture.write(jwks(&[named(p256(), "b")]));
    fixture.clock.advance(Duration::from_millis(9_999));
    assert!(known("RS256", "a") && !known("ES256", "b"));
    fixture.clock.advance(Duration::from_millis(1));
    assert!(known("ES256", "b") && !known("RS256", "a"));

    // As long as before, and written at any time.
    fixture.write(jwks(&[named(p256(), "c")]));
    fixture.clock.advance(Duration::from_secs(10));
    assert!(known("ES256", "c") && !known("ES256", "b"));
}

#[test]
fn a_rotation_that_repeats_a_kid_leaves_out_no_more_than_that() {
    let fixture = Fixture::new(jwks(&[named(rsa(), "a")]));
    let verifier = fixture.verifier(&KeyAlgorithm::PUBLIC);
    for (keys, [rs, es, ed]) in [
        (vec![named(rsa(), "a"), named(p256(), "a")], [true, true, false]),
        (
            vec![with(named(p256(), "a"), json!({ "use": "enc" })), named(rsa(), "a")],
            [true, false, false],
        ),
        (
            vec![named(p256(), "a"), named(other_p256(), "a"), named(ed25519(), "a")],
            [false, false, true],
        ),
        (vec![named(rsa(), "a"), named(rsa(), "a")], [true, false, false]),
    ] {
        fixture.write(jwks(&keys));
        fixture.clock.advance(Duration::from_secs(10));
        for (alg, is_served) in [("RS256", rs), ("ES256", es), ("EdDSA", ed)] {
            assert_eq!(check(&verifier, alg, Some("a")).is_ok(), is_served, "{alg}: {keys:?}");
        }
    }
}

#[test]
fn a_bad_change_leaves_the_keys_as_they_were() {
    let fixture = Fixture::new(jwks(&[named(rsa(), "a")]));
    let verifier = fixture.verifier(&KeyAlgorithm::PUBLIC);
    let bad: [&dyn Fn(); 7] = [
        &|| fixture.write("{"),
        &|| fixture.write(jwks(&[])),
        &|| fixture.write(jwks(&[named(p256(), "b"), named(secret(64), "c")])),
        &|| fixture.write(jwks(&[named(p256(), "b"), named(other_p256(), "b")])),
        &|| fixture.write(jwks(&[with(named(p256(), "b"), json!({ "d": "AQAB" }))])),
        &|| fixture.write(vec![b' '; 1 << 20]),
        &|| fs::remove_file(fixture.path()).unwrap(),
    ];
    for change in bad {
        change();
        for _ in 0..2 {
            fixture.clock.advance(Duration::from_secs(10));
            assert_eq!(check(&verifier, "RS256", Some("a")), Ok(()));
        }
    }
    fixture.write(jwks(&[named(p256(), "b")]));
    fixture.clock.advance(Duration::from_secs(10));
    assert_eq!(check(&verifier, "ES256", Some("b")), Ok(()));
    assert_eq!(check(&verifier, "RS256", Some("a")), Err(TokenError::UnknownKid));
}

/// Nobody writes to the pipe: to open it is to wait for ever.
#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_not_waited_for() {
    let fixture = Fixture::new(jwks(&[named(rsa(), "a")]));
    let verifier = fixture.verifier(&KeyAlgorithm::PUBLIC);
    fs::remove_file(fixture.path()).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(fixture.path())
        .status()
        .unwrap();
    assert!(made.success());
    fixture.clock.advance(Duration::from_secs(10));
    let (tell, told) = std::sync::mpsc::channel();
    let path = fixture.path();
    std::thread::spawn(move || {
        let kept = check(&verifier, "RS256", Some("a"));
        let opened = JwksFile::builder(path).build().map(drop);
        tell.send((kept, opened.map_err(|error| error.to_string())))
    });
    let (kept, opened) = told.recv_timeout(Duration::from_secs(10)).expect("an answer");
    assert_eq!(kept, Ok(()));
    assert!(opened.unwrap_err().contains("no regular file"));
}

/// As Kubernetes replaces the files of a volume: all at once, by one link among those on the way.
#[cfg(unix)]
#[test]
fn a_link_that_leads_elsewhere_is_followed() {
    let fixture = Fixture::new("");
    let folder = fixture.folder.path();
    let link = |name: &str, alg: serde_json::Value| {
        fs::create_dir(folder.join(name)).unwrap();
        fs::write(folder.join(name).join("jwks.json"), jwks(&[alg])).unwrap();
        std::os::unix::fs::symlink(name, folder.join("..next")).unwrap();
        fs::rename(folder.join("..next"), folder.join("..data")).unwrap();
    };
    fs::remove_file(fixture.path()).unwrap();
    std::os::unix::fs::symlink("..data/jwks.json", fixture.path()).unwrap();
    link("..1", named(rsa(), "a"));
    let verifier = fixture.verifier(&KeyAlgorithm::PUBLIC);
    assert_eq!(check(&verifier, "RS256", Some("a")), Ok(()));
    link("..2", named(p256(), "b"));
    fs::remove_dir_all(folder.join("..1")).unwrap();
    fixture.clock.advance(Duration::from_secs(10));
    assert_eq!(check(&verifier, "ES256", Some("b")), Ok(()));
    assert_eq!(check(&verifier, "RS256", Some("a")), Err(TokenError::UnknownKid));
}

#[test]
fn debug_shows_no_key() {
    let fixture = Fixture::new(jwks(&[secret(64)]));
    let shown = format!("{:?}", fixture.verifier(&[Hs256]));
    assert!(
        shown.contains("jwks.json") && !shown.contains("BwcH") && !shown.contains("7, 7"),
        "{shown}"
    );
}

/// A report prints each error of a chain once.
#[test]
fn a_file_s_error_is_told_once() {
    use std::error::Error;

    for (error, expected) in [
        (
            JwksFileError::from(std::io::Error::other("the disk is gone")),
            "failed to read the key set: the disk is gone",
        ),
        (
            JwksFileError::from(JwksError::NoKeys),
            "the key set is refused: its `keys` is missing or no array",
        ),
    ] {
        assert_eq!(error.to_string(), expected);
        assert!(error.source().is_none(), "{error:?}");
    }
    let algorithms = JwksFileError::from(AlgorithmsError::Empty);
    assert_eq!(algorithms.to_string(), AlgorithmsError::Empty.to_string());
    assert!(algorithms.source().is_none());
}
