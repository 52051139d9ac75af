//! The table `[jwt]`, where it is wrong.

use crate::service::refused::{check_refused, header, refused};
use crate::service::server::Folder;
use crate::service::setup::SECRET;

/// Keys, issuer, audience, leeway.
#[test]
fn tokens() {
    let keys = |keys: &str| header().keys(keys).toml();
    let key = |lines: &str| keys(&format!("[[jwt.keys]]\nkid = \"dev\"\n{lines}\n"));
    let hs = r#"algorithm = "HS256""#;
    check_refused(&[
        (
            "no issuer",
            header().jwt_only(r#"audience = "notes""#).toml(),
            &["issuer"],
        ),
        (
            "no audience",
            header().jwt_only(r#"issuer = "x""#).toml(),
            &["audience"],
        ),
        (
            "an empty issuer",
            header().jwt_only("issuer = \"\"\naudience = \"notes\"").toml(),
            &["issuer"],
        ),
        (
            "an empty audience",
            header().jwt_only("issuer = \"x\"\naudience = \"\"").toml(),
            &["audience"],
        ),
        (
            "leeway",
            header().jwt("leeway_seconds = 61").toml(),
            &["leeway_seconds", "60"],
        ),
        (
            "negative leeway",
            header().jwt("leeway_seconds = -1").toml(),
            &["leeway_seconds"],
        ),
        ("no keys", keys(""), &["keys"]),
        ("a key without material", key(hs), &["secret"]),
        (
            "a short secret",
            key(&format!("{hs}\nsecret = \"{}\"", "x".repeat(31))),
            &["secret", "32"],
        ),
        ("an empty secret", key(&format!("{hs}\nsecret = \"\"")), &["secret"]),
        (
            "a short secret in a file",
            key(&format!("{hs}\nsecret_file = \"short.key\"")),
            &["secret_file|jwt.keys[0]"],
        ),
        (
            "a missing file",
            key(&format!("{hs}\nsecret_file = \"nosuch.key\"")),
            &["secret_file", "nosuch.key"],
        ),
        (
            "two secrets",
            key(&format!("{hs}\nsecret = {SECRET:?}\nsecret_file = \"dev.key\"")),
            &["secret"],
        ),
        ("no algorithm", key(&format!("secret = {SECRET:?}")), &["algorithm"]),
        (
            "a public key for HMAC",
            key(&format!("{hs}\npublic_key_file = \"rsa.pem\"")),
            &["public_key_file|secret"],
        ),
        (
            "a secret for RSA",
            key(&format!("algorithm = \"RS256\"\nsecret = {SECRET:?}")),
            &["secret|public_key_file"],
        ),
        (
            "a missing PEM",
            key("algorithm = \"RS256\"\npublic_key_file = \"nosuch.pem\""),
            &["public_key_file", "nosuch.pem"],
        ),
        (
            "a PEM that is none",
            key("algorithm = \"RS256\"\npublic_key_file = \"dev.key\""),
            &["public_key_file|jwt.keys[0]"],
        ),
        (
            "a short RSA key",
            key("algorithm = \"RS256\"\npublic_key_file = \"rsa-1024.pem\""),
            &["public_key_file|jwt.keys[0]", "2048"],
        ),
        (
            "a key of another kind",
            key("algorithm = \"RS256\"\npublic_key_file = \"ec.pem\""),
            &["public_key_file|jwt.keys[0]"],
        ),
        (
            "one kid twice",
            key(&format!(
                "{hs}\nsecret = {SECRET:?}\n[[jwt.keys]]\nkid = \"dev\"\n{hs}\nsecret_file = \"dev.key\""
            )),
            &["kid", "dev"],
        ),
        (
            "symmetric beside asymmetric",
            key(&format!(
                "{hs}\nsecret = {SECRET:?}\n[[jwt.keys]]\nkid = \"rsa\"\nalgorithm = \"RS256\"\npublic_key_file = \"rsa.pem\""
            )),
            &["keys"],
        ),
    ]);
}

/// A message never has the secret.
#[test]
fn secrets_are_not_told() {
    let secret = "a-secret-that-is-short";
    let keys = format!("[[jwt.keys]]\nkid = \"dev\"\nalgorithm = \"HS256\"\nsecret = \"{secret}\"\n");
    let message = refused(&Folder::new(&header().keys(&keys).toml())).unwrap();
    assert!(!message.contains(secret), "{message}");
    // Nor where the line that it stands on is wrong.
    let keys = format!("[[jwt.keys]]\nkid = \"dev\"\nalgorithm = \"HS256\"\nsecrets = \"{secret}\"\n");
    let message = refused(&Folder::new(&header().keys(&keys).toml())).unwrap();
    assert!(!message.contains(secret), "{message}");
    // Nor where it is of a type that no secret has.
    let number = "3133731337313373133";
    let keys = format!("[[jwt.keys]]\nkid = \"dev\"\nalgorithm = \"HS256\"\nsecret = {number}\n");
    let message = refused(&Folder::new(&header().keys(&keys).toml())).unwrap();
    assert!(
        message.contains("jwt.keys[0].secret") && !message.contains(number),
        "{message}"
    );
}
