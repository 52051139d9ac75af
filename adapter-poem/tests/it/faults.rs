//! Directories and authorizers that fail, that hang, that make everyone wait, that count.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::common;

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{ask, directory, enforcer, is, request, send, whoami};
use poem::{EndpointExt, get};
use tenancy_core::directory::{Authorizer, Decision, Directory, TenantRecord};
use tenancy_core::enforce::Authorize;
use tenancy_core::names::TenantKey;
use tenancy_core::request::Claims;
use tenancy_http::ClaimsFromExtension;
use tenancy_poem::Tenancy;

#[tokio::test]
async fn a_failing_directory_or_authorizer_is_a_503_and_never_admits() {
    for (directory, authorizer) in [
        (Fails::Now, Fails::Never),
        (Fails::Never, Fails::Now),
        (Fails::Hangs, Fails::Never),
        (Fails::Never, Fails::Hangs),
    ] {
        let tenancy = Tenancy::builder(enforcer(), ClaimsFromExtension::<Claims>::new(), directory)
            .with_authorizer(authorizer)
            .with_timeout(Duration::from_millis(1))
            .build();
        let app = get(whoami).with(tenancy.scoped());
        let answer = send(&app, request("/", Some("alice"), Some("acme"))).await;
        assert_eq!(answer.status, 503, "{directory:?} {authorizer:?}");
        assert_eq!(answer.headers["retry-after"], "1");
        assert_eq!(
            answer.body,
            r#"{"type":"about:blank","title":"Service Unavailable","status":503,"code":"unavailable"}"#
        );
    }
}

#[tokio::test]
async fn a_directory_that_answers_with_another_tenant_is_a_503() {
    let tenancy = Tenancy::builder(enforcer(), ClaimsFromExtension::<Claims>::new(), Fails::AnswersAnother)
        .with_authorizer(Fails::Never)
        .build();
    let app = get(whoami).with(tenancy.scoped());
    assert_eq!(
        ask(&app, "/", Some("alice"), Some("acme")).await,
        is(503, "unavailable")
    );
    assert_eq!(
        ask(&app, "/", Some("alice"), Some("globex")).await,
        is(200, "globex header alice")
    );
}

#[tokio::test]
async fn answers_that_must_be_waited_for_are_the_same() {
    let tenancy = Tenancy::builder(enforcer(), ClaimsFromExtension::<Claims>::new(), Fails::Never)
        .with_authorizer(Fails::Never)
        .build();
    let app = get(whoami).with(tenancy.scoped());
    assert_eq!(
        ask(&app, "/", Some("alice"), Some("acme")).await,
        is(200, "acme header alice")
    );
    assert_eq!(
        ask(&app, "/t/globex", Some("bob"), None).await,
        is(200, "globex path bob")
    );
    assert_eq!(
        ask(&app, "/", None, Some("acme")).await,
        is(401, "credentials_required")
    );
}

#[tokio::test]
async fn an_admission_costs_one_look_up_and_a_refusal_before_it_none() {
    #[derive(Clone, Default)]
    struct Counts(Arc<AtomicUsize>);
    impl Directory for Counts {
        type Entry = TenantRecord;
        type Error = Infallible;
        async fn find(&self, key: &TenantKey) -> Result<Option<TenantRecord>, Infallible> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Some(TenantRecord::new(
                key.as_str().parse().unwrap(),
                "row".parse().unwrap(),
            )))
        }
    }
    let counts = Counts::default();
    let tenancy = Tenancy::builder(enforcer(), ClaimsFromExtension::<Claims>::new(), counts.clone())
        .with_authorizer(directory())
        .build();
    let app = get(whoami)
        .with(tenancy.scoped())
        .with(tenancy.scoped())
        .with(tenancy.scoped());
    let look_ups = || counts.0.swap(0, Ordering::Relaxed);
    assert_eq!(ask(&app, "/", Some("alice"), Some("acme")).await.0, 200);
    assert_eq!(look_ups(), 1, "also inside layers of the same set-up");
    assert_eq!(ask(&app, "/", Some("alice"), Some("globex")).await.0, 403);
    assert_eq!(look_ups(), 1);
    for (subject, tenant) in [
        (None, None),
        (None, Some("acme")),
        (Some("alice"), None),
        (Some("alice"), Some("A")),
    ] {
        assert!(ask(&app, "/", subject, tenant).await.0 < 403);
        assert_eq!(look_ups(), 0, "{subject:?} {tenant:?}");
    }
}

/// A directory and authorizer that fails in a chosen way, and makes everyone wait.
#[derive(Clone, Copy, Debug)]
enum Fails {
    Never,
    Now,
    Hangs,
    AnswersAnother,
}

#[derive(Debug)]
struct Down;

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("down")
    }
}

impl std::error::Error for Down {}

impl Directory for Fails {
    type Entry = TenantRecord;
    type Error = Down;

    async fn find(&self, key: &TenantKey) -> Result<Option<TenantRecord>, Down> {
        tokio::task::yield_now().await;
        let record = |id: &str| Ok(Some(TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap())));
        match self {
            Self::Never => record(key.as_str()),
            Self::Now => Err(Down),
            Self::Hangs => std::future::pending().await,
            Self::AnswersAnother => record("globex"),
        }
    }
}

impl Authorizer for Fails {
    type Error = Down;

    async fn authorize(&self, _: &Authorize<'_>) -> Result<Decision, Down> {
        tokio::task::yield_now().await;
        match self {
            Self::Never | Self::AnswersAnother => Ok(Decision::allow_if(true)),
            Self::Now => Err(Down),
            Self::Hangs => std::future::pending().await,
        }
    }
}
