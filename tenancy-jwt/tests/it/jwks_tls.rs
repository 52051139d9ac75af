//! Servers that show another certificate than they should, and what is reported of it.

#![cfg(feature = "jwks")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use rcgen::{CertificateParams, SanType, date_time_ymd};
use tenancy_jwt::{FetchJwksError, FetchedJwks, HttpsJwks, JwksFetcher, RemoteJwks};

use crate::jwks_server::{Reply, Server};
use crate::jwks_support::{jwks, rsa};
use crate::log::Log;

/// What comes of asking a server that shows this certificate, which itself is trusted.
async fn fetch(address: &str, certificate: CertificateParams) -> Result<FetchedJwks, FetchJwksError> {
    let server = Server::listen(address, certificate, true).await;
    server.say("/keys", Reply::json(jwks(&[rsa()])));
    let fetched = HttpsJwks::at(server.url("/keys")).with_root_certificates(server.root.as_str());
    let fetched = fetched.build().unwrap().fetch().await;
    assert_eq!(
        server.asked().len(),
        usize::from(fetched.is_ok()),
        "told nothing before it is trusted"
    );
    fetched
}

fn named(name: &str) -> CertificateParams {
    CertificateParams::new([name.to_owned()]).unwrap()
}

#[tokio::test]
async fn certificates_hold_in_their_time() {
    for (from, to, expected) in [
        (2020, 2100, None),
        (2020, 2021, Some("expired")),
        (2090, 2100, Some("not valid yet")),
    ] {
        let mut certificate = named("127.0.0.1");
        (certificate.not_before, certificate.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        let error = fetch("127.0.0.1:0", certificate)
            .await
            .err()
            .map(|error| error.to_string());
        match (&error, expected) {
            (None, None) => {}
            (Some(error), Some(part)) if error.contains(part) => {}
            _ => panic!("{expected:?}, not {error:?}"),
        }
    }
}

#[tokio::test]
async fn an_address_of_version_6_is_a_name_as_well() {
    assert!(fetch("[::1]:0", named("::1")).await.is_ok());
    assert!(matches!(
        fetch("[::1]:0", named("::2")).await,
        Err(FetchJwksError::Connect(_))
    ));
}

/// A name in a certificate is text that the server chose, line ends and all.
#[tokio::test]
async fn nothing_that_a_certificate_says_is_logged() {
    let mut certificate = CertificateParams::default();
    certificate.subject_alt_names = vec![SanType::DnsName("x\r\nERROR forged \u{1b}[31m".try_into().unwrap())];
    let server = Server::listen("127.0.0.1:0", certificate, true).await;
    let (log, _guard) = Log::capture();
    let fetcher = HttpsJwks::at(server.url("/keys")).with_root_certificates(server.root.as_str());
    let error = fetcher.clone().build().unwrap().fetch().await.unwrap_err();
    let _keys = RemoteJwks::builder(fetcher.build().unwrap()).build().unwrap();
    log.contains("failed to fetch the key set").await;
    for told in [format!("{error:?} {error:#}"), log.text()] {
        assert!(told.contains("the certificate is for other names"), "{told}");
        assert!(!told.contains("forged"), "{told}");
    }
}
