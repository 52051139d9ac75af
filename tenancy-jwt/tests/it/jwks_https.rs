//! Key sets over real connections on this machine, to servers that are good, slow, down and hostile.

#![cfg(feature = "jwks")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use serde_json::json;
use tenancy_jwt::{
    AddressError, FetchJwksError, HttpsJwks, HttpsJwksBuilder, HttpsJwksError, JsonProblem, RemoteJwks,
    RemoteJwksBuilder, TokenError, TokenVerifier, TrustedIssuer,
};

use crate::jwks_server::{Reply, Server, at, fetch};
use crate::jwks_support::{ed25519, jwks, named, p256, rsa, secret, sign, with};
use crate::token_support::AUDIENCE;

const DISCOVERY: &str = "/.well-known/openid-configuration";

/// The verifier of an issuer's tokens, whose fetches are not spaced.
fn verifier(
    issuer: &str,
    fetcher: HttpsJwksBuilder,
    change: impl FnOnce(RemoteJwksBuilder<HttpsJwks>) -> RemoteJwksBuilder<HttpsJwks>,
) -> TokenVerifier {
    let keys = RemoteJwks::builder(fetcher.build().unwrap())
        .with_unknown_key_interval(Duration::ZERO)
        .with_wait(Duration::from_secs(60));
    let issuer = TrustedIssuer::new(issuer, change(keys).build().unwrap()).with_audience(AUDIENCE);
    TokenVerifier::builder().with_trusted_issuer(issuer).build().unwrap()
}

/// Whether a token is verified; `None` where nobody can tell.
async fn ask(verifier: &TokenVerifier, issuer: &str, alg: &str, kid: &str) -> Option<bool> {
    let token = sign(alg, Some(kid), &["exp=4000000000", &format!("iss=\"{issuer}\"")]);
    match verifier.verify_refreshing(token.as_bytes()).await {
        Err(TokenError::KeysUnavailable) => None,
        verified => Some(verified.is_ok()),
    }
}

#[tokio::test]
async fn keys_rotate() {
    let server = Server::tls().await;
    server.say("/keys", Reply::json(jwks(&[named(rsa(), "a")])));
    let verifier = verifier("i", at(&server, "/keys"), |keys| keys);
    assert_eq!(ask(&verifier, "i", "RS256", "a").await, Some(true));
    server.say("/keys", Reply::json(jwks(&[named(p256(), "b")])));
    assert_eq!(ask(&verifier, "i", "ES256", "b").await, Some(true));
    assert_eq!(ask(&verifier, "i", "RS256", "a").await, Some(false));
}

/// A key for signatures and one for encryption, under one name: at an address and by discovery, at the start and
/// at a rotation.
#[tokio::test]
async fn keys_of_one_name_rotate() {
    let server = Server::tls().await;
    let issuer = server.url("");
    let document = json!({ "issuer": issuer, "jwks_uri": server.url("/keys") });
    server.say(DISCOVERY, Reply::json(document.to_string()));
    let set = |key, kid: &str| {
        let other = json!({ "use": "enc", "alg": "ECDH-ES" });
        Reply::json(jwks(&[
            named(key, kid),
            with(named(p256(), kid), other),
            named(p256(), kid),
        ]))
    };
    server.say("/keys", set(rsa(), "a"));
    let discover = HttpsJwks::discover(&issuer).with_root_certificates(server.root.as_str());
    let verifiers = [at(&server, "/keys"), discover].map(|fetcher| verifier(&issuer, fetcher, |keys| keys));
    for verifier in &verifiers {
        assert_eq!(ask(verifier, &issuer, "RS256", "a").await, Some(true));
        assert_eq!(ask(verifier, &issuer, "ES256", "a").await, Some(true));
    }
    server.say("/keys", set(ed25519(), "b"));
    for verifier in &verifiers {
        assert_eq!(ask(verifier, &issuer, "EdDSA", "b").await, Some(true));
        assert_eq!(ask(verifier, &issuer, "ES256", "b").await, Some(true));
        assert_eq!(ask(verifier, &issuer, "RS256", "a").await, Some(false));
    }
}

#[tokio::test]
async fn an_issuer_says_where_its_keys_are() {
    let server = Server::tls().await;
    for (issuer, discovery) in [
        (server.url(""), DISCOVERY.to_owned()),
        (server.url("/"), DISCOVERY.to_owned()),
        (server.url("/realms/red"), format!("/realms/red{DISCOVERY}")),
    ] {
        let document = json!({ "issuer": issuer, "jwks_uri": server.url("/keys?a=b"), "other": [1] });
        server.say(&discovery, Reply::json(document.to_string()));
        server.say("/keys?a=b", Reply::json(jwks(&[named(rsa(), "a")])));
        let fetcher = HttpsJwks::discover(&issuer).with_root_certificates(server.root.as_str());
        let verifier = verifier(&issuer, fetcher, |keys| keys);
        assert_eq!(ask(&verifier, &issuer, "RS256", "a").await, Some(true), "{issuer}");
    }
}

#[tokio::test]
async fn discovery_is_of_the_issuer_and_leads_to_https() {
    let server = Server::tls().await;
    let issuer = server.url("/red");
    let keys = server.url("/keys");
    let document = |issuer: &str, jwks_uri: &str| json!({ "issuer": issuer, "jwks_uri": jwks_uri }).to_string();
    let path = format!("/red{DISCOVERY}");
    server.say("/keys", Reply::json(jwks(&[rsa()])));
    for (document, expected) in [
        (document(&server.url("/green"), &keys), FetchJwksError::AnotherIssuer),
        (document(&format!("{issuer}/"), &keys), FetchJwksError::AnotherIssuer),
        (
            document(&issuer.replace("https", "HTTPS"), &keys),
            FetchJwksError::AnotherIssuer,
        ),
        (json!({ "jwks_uri": keys }).to_string(), FetchJwksError::AnotherIssuer),
        (
            json!({ "issuer": [issuer], "jwks_uri": keys }).to_string(),
            FetchJwksError::AnotherIssuer,
        ),
        (
            document(&issuer, &keys.replace("https", "http")),
            FetchJwksError::KeySetAddress(AddressError::NotHttps),
        ),
        (
            document(&issuer, "file:///etc/keys"),
            FetchJwksError::KeySetAddress(AddressError::Malformed),
        ),
        (
            document(&issuer, "/keys"),
            FetchJwksError::KeySetAddress(AddressError::Malformed),
        ),
        (
            document(&issuer, "https://u:p@127.0.0.1/"),
            FetchJwksError::KeySetAddress(AddressError::Malformed),
        ),
        (
            json!({ "issuer": issuer }).to_string(),
            FetchJwksError::KeySetAddress(AddressError::Malformed),
        ),
        ("[]".to_owned(), FetchJwksError::Discovery(JsonProblem::NotObject)),
        (
            format!(r#"{{"issuer":"x","issuer":"{issuer}","jwks_uri":"{keys}"}}"#),
            FetchJwksError::Discovery(JsonProblem::RepeatedName),
        ),
    ] {
        server.say(&path, Reply::json(&document));
        let fetcher = HttpsJwks::discover(&issuer).with_root_certificates(server.root.as_str());
        let error = fetch(fetcher).await.unwrap_err();
        assert_eq!(error.to_string(), expected.to_string(), "{document}");
    }
    assert!(
        !server.asked().contains(&"/keys".to_owned()),
        "nothing is fetched from there"
    );
}

#[tokio::test]
async fn a_server_that_is_not_trusted_is_not_asked() {
    let (server, other) = (Server::tls().await, Server::tls().await);
    let misnamed = Server::start("elsewhere.example", true).await;
    let plain = Server::start("127.0.0.1", false).await;
    for server in [&server, &misnamed, &plain] {
        server.say("/keys", Reply::json(jwks(&[rsa()])));
    }
    let by = |server: &Server, root: &str| HttpsJwks::at(server.url("/keys")).with_root_certificates(root);
    assert!(fetch(by(&server, &server.root)).await.is_ok());
    for fetcher in [
        by(&server, &other.root),
        by(&misnamed, &misnamed.root),
        by(&plain, &plain.root),
    ] {
        let error = fetch(fetcher).await.unwrap_err();
        assert!(matches!(error, FetchJwksError::Connect(_)), "{error}");
    }
    assert_eq!((misnamed.asked().len(), plain.asked().len()), (0, 0));
}

#[tokio::test]
async fn http_is_for_tests_only() {
    let plain = Server::start("127.0.0.1", false).await;
    let url = plain.url("/keys").replace("https", "http");
    let fetcher = HttpsJwks::at(&url).with_root_certificates(plain.root.as_str());
    let error = fetcher.clone().build().unwrap_err();
    assert!(matches!(error, HttpsJwksError::Address(AddressError::NotHttps)));
    plain.say("/keys", Reply::json(jwks(&[rsa()])));
    assert!(fetch(fetcher.dangerously_allow_http()).await.is_ok());
}

#[tokio::test]
async fn a_server_that_is_down_or_fails_leaves_the_keys_as_they_were() {
    let server = Server::tls().await;
    server.say("/keys", Reply::json(jwks(&[named(rsa(), "a")])));
    let verifier = verifier("i", at(&server, "/keys"), |keys| keys);
    assert_eq!(ask(&verifier, "i", "RS256", "a").await, Some(true));
    for reply in [
        Reply::with("500 Error", "", ""),
        Reply::json(jwks(&[named(p256(), "b"), named(secret(64), "c")])),
        Reply::Bytes(b"SSH-2.0\r\n".to_vec()),
    ] {
        server.say("/keys", reply);
        assert_eq!(ask(&verifier, "i", "ES256", "b").await, Some(false));
        assert_eq!(ask(&verifier, "i", "RS256", "a").await, Some(true));
    }
    // Nobody listens there any more.
    drop(server);
    assert_eq!(ask(&verifier, "i", "ES256", "b").await, Some(false));
    assert_eq!(ask(&verifier, "i", "RS256", "a").await, Some(true));
}

#[tokio::test]
async fn a_server_that_never_comes_to_an_end_is_left() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 60000\r\n\r\n".to_vec();
    for reply in [
        Reply::Nothing,
        Reply::Drip(head),
        Reply::Drip(b"HTTP/1.1 200 OK\r\nx:".to_vec()),
    ] {
        let server = Server::tls().await;
        server.say("/keys", reply);
        let timeout = Duration::from_millis(100);
        let verifier = verifier("i", at(&server, "/keys"), |keys| keys.with_timeout(timeout));
        // A second fetch begins only when the first has been given up.
        server.requests(2).await;
        server.say("/keys", Reply::json(jwks(&[named(rsa(), "a")])));
        server.requests(3).await;
        assert_eq!(ask(&verifier, "i", "RS256", "a").await, Some(true));
    }
}

#[tokio::test]
async fn addresses_are_checked_at_the_start() {
    let server = Server::tls().await;
    let root = server.root.as_str();
    let (malformed, not_https) = (Some(AddressError::Malformed), Some(AddressError::NotHttps));
    for (address, as_url, as_issuer) in [
        ("https://login.example", None, None),
        ("https://login.example:8443/a/", None, None),
        ("HTTPS://login.example", None, None),
        ("https://login.example/keys?a=b", None, malformed),
        ("https://login.example/#a", malformed, malformed),
        ("https://user@login.example/", malformed, malformed),
        ("http://login.example/", not_https, not_https),
        ("ftp://login.example/", not_https, not_https),
        ("login.example", malformed, malformed),
        ("/keys", malformed, malformed),
        ("https:///keys", malformed, malformed),
        ("https://login.example:/", None, None),
        ("https://login.example:65536/", malformed, malformed),
        ("https://login.example:99999999999", malformed, malformed),
        ("", malformed, malformed),
    ] {
        for (builder, expected) in [
            (HttpsJwks::at(address), as_url),
            (HttpsJwks::discover(address), as_issuer),
        ] {
            let found = match builder.with_root_certificates(root).build() {
                Ok(_) => None,
                Err(HttpsJwksError::Address(problem)) => Some(problem),
                Err(error) => panic!("{error}"),
            };
            assert_eq!(found, expected, "{address}");
        }
    }
    for roots in [
        "",
        "no certificate",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let error = HttpsJwks::at("https://login.example")
            .with_root_certificates(roots)
            .build();
        assert!(
            matches!(error, Err(HttpsJwksError::Roots | HttpsJwksError::Tls(_))),
            "{roots}"
        );
    }
}

/// Each issuer is asked for its own keys, and only for these: one that is unknown, down or slow is nothing
/// to the others.
#[tokio::test]
async fn issuers_do_not_get_in_each_others_way() {
    let (red, green) = (Server::tls().await, Server::tls().await);
    red.say("/keys", Reply::json(jwks(&[named(rsa(), "1")])));
    green.say("/keys", Reply::json(jwks(&[named(p256(), "1")])));
    let trusted = |server: &Server, issuer: &str| {
        let keys = RemoteJwks::builder(at(server, "/keys").build().unwrap()).with_wait(Duration::from_secs(60));
        TrustedIssuer::new(issuer, keys.build().unwrap()).with_audience(AUDIENCE)
    };
    let verifier = TokenVerifier::builder()
        .with_trusted_issuer(trusted(&red, "red"))
        .with_trusted_issuer(trusted(&green, "green"))
        .build()
        .unwrap();
    for (issuer, alg, expected) in [
        ("red", "RS256", true),
        ("green", "ES256", true),
        // By the other's key of that name.
        ("red", "ES256", false),
        ("green", "RS256", false),
    ] {
        assert_eq!(ask(&verifier, issuer, alg, "1").await, Some(expected), "{issuer} {alg}");
    }
    assert_eq!((red.asked().len(), green.asked().len()), (1, 1));
    assert_eq!(ask(&verifier, "red", "RS256", "2").await, Some(false));
    assert_eq!((red.asked().len(), green.asked().len()), (2, 1));
    // Never by any other name, whatever the header says.
    assert_eq!(ask(&verifier, "blue", "RS256", "3").await, Some(false));
    assert_eq!((red.asked().len(), green.asked().len()), (2, 1));
    drop(green);
    assert_eq!(ask(&verifier, "green", "ES256", "2").await, Some(false));
    assert_eq!(ask(&verifier, "green", "ES256", "1").await, Some(true));
    assert_eq!(ask(&verifier, "red", "RS256", "1").await, Some(true));
}
