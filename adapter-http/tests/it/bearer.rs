//! The bearer token of a request, where its issuer's keys are there and where they are not.
#![cfg(feature = "jwks")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;
use std::sync::Arc;

use http::Request;
use http::request::Parts;
use tenancy_http::{Authenticator, Credentials, FetchedJwks, JwksFetcher, RemoteJwks, TokenVerifier, TrustedIssuer};
use tokio::sync::Notify;

use crate::jwks_support::{jwks, named, rsa, sign};
use crate::token_support::{AUDIENCE, ISSUER};

/// A key set that is there once it is let go.
#[derive(Default)]
struct Held(Notify);

impl JwksFetcher for Held {
    type Error = Infallible;

    fn name(&self) -> &str {
        "held"
    }

    async fn fetch(&self) -> Result<FetchedJwks, Infallible> {
        self.0.notified().await;
        Ok(FetchedJwks::new(jwks(&[named(rsa(), "a")]).into()))
    }
}

fn verifier(fetcher: Arc<Held>) -> TokenVerifier {
    let keys = RemoteJwks::builder(fetcher).build().unwrap();
    let issuer = TrustedIssuer::new(ISSUER, keys).with_audience(AUDIENCE);
    TokenVerifier::builder().with_trusted_issuer(issuer).build().unwrap()
}

fn parts(fields: &[&str]) -> Parts {
    let request = Request::get("/");
    let request = fields
        .iter()
        .fold(request, |request, field| request.header("authorization", *field));
    request.body(()).unwrap().into_parts().0
}

fn bearer(kid: &str) -> String {
    format!("Bearer {}", sign("RS256", Some(kid), &["exp=4000000000"]))
}

#[tokio::test(start_paused = true)]
async fn what_needs_no_key_is_answered_at_once() {
    let verifier = verifier(Arc::default());
    for (fields, expected) in [
        (&[][..], "Absent"),
        (&["Basic YTpi"], "Absent"),
        (&["Bearer"], "Invalid"),
        (&["Bearer a.b.c"], "Invalid"),
        (&["Bearer a", "Bearer a"], "Malformed"),
    ] {
        let parts = parts(fields);
        let now = verifier.authenticate_now(&parts).unwrap();
        assert_eq!(format!("{now:?}"), expected, "{fields:?}");
        let waited = verifier.authenticate(&parts).await.unwrap();
        assert_eq!(format!("{waited:?}"), expected, "{fields:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_for_the_key_set_and_is_verified_or_refused_with_it() {
    let fetcher = Arc::new(Held::default());
    let verifier = verifier(Arc::clone(&fetcher));
    for kid in ["a", "b"] {
        assert!(verifier.authenticate_now(&parts(&[&bearer(kid)])).is_none(), "{kid}");
    }
    // The wait is over before the issuer answers.
    assert!(verifier.authenticate(&parts(&[&bearer("a")])).await.is_err());
    fetcher.0.notify_one();
    let verified = verifier.authenticate(&parts(&[&bearer("a")])).await.unwrap();
    assert!(matches!(verified, Credentials::Verified(_)), "{verified:?}");
    let now = verifier.authenticate_now(&parts(&[&bearer("a")])).unwrap();
    assert!(matches!(now, Credentials::Verified(_)), "{now:?}");
    let unknown = verifier.authenticate(&parts(&[&bearer("b")])).await.unwrap();
    assert!(matches!(unknown, Credentials::Invalid), "{unknown:?}");
}
