//! When settings are read, from where, and for how long they are served.

use std::sync::Arc;
use std::time::Duration;

use tenancy_cache::{CacheLimits, CurrentSettings, LocalChanges, ReadSettingsError, TenantSettings, follow};
use tenancy_core::clock::ManualClock;
use tenancy_core::directory::{Change, Invalidate};
use tokio::task::yield_now;

use super::{Documents, Plan, member};
use crate::cache_support::directory::id;

fn settings(documents: &Documents) -> TenantSettings<Plan> {
    TenantSettings::new(documents.clone()).unwrap()
}

/// The seats of a tenant and the revision of its settings, or what is wrong, with its causes.
async fn seats(settings: &TenantSettings<Plan>, tenant: &str) -> Result<(u32, u64), String> {
    match settings.of(&member(tenant)).await {
        Ok(plan) => Ok((plan.seats, CurrentSettings::revision(&plan))),
        Err(error) => {
            let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
            Err(format!("{error}{}", source.unwrap_or_default()))
        }
    }
}

#[tokio::test]
async fn they_are_read_and_parsed_once() {
    let documents = Documents::default();
    documents.set("acme", r#"{"seats": 20}"#, 3);
    documents.set("globex", "{}", 0);
    let settings = settings(&documents);
    for _ in 0..100 {
        assert_eq!(seats(&settings, "acme").await, Ok((20, 3)));
        assert_eq!(seats(&settings, "globex").await, Ok((5, 0)), "another tenant's");
    }
    assert_eq!(documents.asked(), 2);
}

#[tokio::test]
async fn all_that_come_at_once_make_one_query() {
    let documents = Documents::default();
    documents.set("acme", r#"{"seats": 20}"#, 3);
    let settings = settings(&documents);
    let held = documents.hold();
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let settings = settings.clone();
            tokio::spawn(async move { seats(&settings, "acme").await })
        })
        .collect();
    while documents.asked() == 0 {
        yield_now().await;
    }
    drop(held);
    for task in tasks {
        assert_eq!(task.await.unwrap(), Ok((20, 3)));
    }
    assert_eq!(documents.asked(), 1);
}

/// What an operator has mistyped costs one query, too.
#[tokio::test]
async fn what_does_not_fit_is_an_error_and_cached() {
    let documents = Documents::default();
    let settings = settings(&documents);
    for (number, (document, expected)) in [
        (r#"{"seat": 20}"#, "unknown key `seat`, did you mean `seats`?"),
        (r#"{"seats": "hunter2"}"#, "`seats` is a string, expected u32"),
        ("[]", "the document is an array, expected struct Plan"),
        ("hunter2", "the document is no JSON, as line 1 and column 1 show"),
        ("", "the document is no JSON, as line 1 and column 0 show"),
    ]
    .into_iter()
    .enumerate()
    {
        documents.set("acme", document, 1);
        settings.forget(&id("acme"));
        for _ in 0..3 {
            let expected = format!("the settings of the tenant `acme` are not valid: {expected}");
            assert_eq!(seats(&settings, "acme").await, Err(expected));
        }
        assert_eq!(documents.asked(), number + 1);
    }
}

#[tokio::test]
async fn a_tenant_that_is_gone_has_none() {
    let documents = Documents::default();
    let settings = settings(&documents);
    for _ in 0..3 {
        let unknown = settings.of(&member("gone")).await.unwrap_err();
        assert!(matches!(unknown, ReadSettingsError::UnknownTenant { tenant } if tenant == id("gone")));
    }
    assert_eq!(documents.asked(), 1);
    documents.set("gone", "{}", 0);
    settings.invalidate(&Change::tenant(id("gone")));
    assert_eq!(seats(&settings, "gone").await, Ok((5, 0)));
}

#[tokio::test]
async fn while_the_source_fails_they_are_served_until_they_expire() {
    let documents = Documents::default();
    documents.set("acme", r#"{"seats": 20}"#, 3);
    let clock = Arc::new(ManualClock::new());
    let limits = CacheLimits::new()
        .with_time_to_live(Duration::from_secs(30))
        .with_clock(Arc::clone(&clock));
    let builder = TenantSettings::<Plan>::builder(documents.clone());
    let settings: TenantSettings<Plan> = builder.with_limits(limits).build().unwrap();
    assert_eq!(seats(&settings, "acme").await, Ok((20, 3)));
    documents.set_down(true);
    clock.advance(Duration::from_millis(29_999));
    assert_eq!(seats(&settings, "acme").await, Ok((20, 3)));
    clock.advance(Duration::from_millis(1));
    let failed = Err("failed to query the settings of a tenant: down".to_owned());
    assert_eq!(
        seats(&settings, "acme").await,
        failed,
        "no default in place of settings that are not known"
    );
    documents.set_down(false);
    assert_eq!(seats(&settings, "acme").await, Ok((20, 3)), "the error is not cached");
}

#[tokio::test]
async fn a_change_forgets_its_tenant_alone() {
    let documents = Documents::default();
    let settings = settings(&documents);
    for (change, forgets) in [
        (Change::Settings { tenant: id("acme") }, 1),
        (Change::tenant(id("acme")), 1),
        (
            Change::Member {
                tenant: id("acme"),
                subject: "alice".parse().unwrap(),
            },
            0,
        ),
        (
            Change::Subject {
                issuer: None,
                subject: "alice".parse().unwrap(),
            },
            0,
        ),
        (Change::Everything, 2),
    ] {
        for tenant in ["acme", "globex"] {
            documents.set(tenant, r#"{"seats": 1}"#, 1);
            settings.forget(&id(tenant));
            assert_eq!(seats(&settings, tenant).await, Ok((1, 1)));
            documents.set(tenant, r#"{"seats": 2}"#, 2);
        }
        settings.invalidate(&change);
        let before = documents.asked();
        let acme = if forgets > 0 { (2, 2) } else { (1, 1) };
        let globex = if forgets > 1 { (2, 2) } else { (1, 1) };
        assert_eq!(seats(&settings, "acme").await, Ok(acme), "{change}");
        assert_eq!(seats(&settings, "globex").await, Ok(globex), "{change}");
        assert_eq!(documents.asked(), before + forgets, "{change}");
    }
}

/// The query under way may have read what was there before the change.
#[tokio::test]
async fn what_is_read_during_a_change_is_not_cached() {
    let documents = Documents::default();
    documents.set("acme", r#"{"seats": 1}"#, 1);
    let settings = settings(&documents);
    let held = documents.hold();
    let older = {
        let settings = settings.clone();
        tokio::spawn(async move { seats(&settings, "acme").await })
    };
    while documents.asked() == 0 {
        yield_now().await;
    }
    documents.set("acme", r#"{"seats": 2}"#, 2);
    settings.forget(&id("acme"));
    drop(held);
    assert_eq!(older.await.unwrap(), Ok((1, 1)));
    assert_eq!(seats(&settings, "acme").await, Ok((2, 2)));
}

#[tokio::test]
async fn they_follow_a_feed() {
    let documents = Documents::default();
    documents.set("acme", r#"{"seats": 1}"#, 1);
    let settings = settings(&documents);
    let changes = LocalChanges::new();
    tokio::spawn(follow(changes.subscribe(), settings.clone()));
    yield_now().await;
    assert_eq!(seats(&settings, "acme").await, Ok((1, 1)));
    documents.set("acme", r#"{"seats": 2}"#, 2);
    changes.publish(Change::Settings { tenant: id("acme") });
    yield_now().await;
    assert_eq!(seats(&settings, "acme").await, Ok((2, 2)));
}

#[tokio::test]
async fn they_are_bounded() {
    let documents = Documents::default();
    let limits = CacheLimits::new().with_capacity(8);
    let builder = TenantSettings::<Plan>::builder(documents.clone());
    let settings: TenantSettings<Plan> = builder.with_limits(limits).build().unwrap();
    for round in 1..=2 {
        for number in 0..100 {
            let tenant = format!("t{number}");
            documents.set(&tenant, "{}", 0);
            assert_eq!(seats(&settings, &tenant).await, Ok((5, 0)));
        }
        assert!(
            documents.asked() >= round * 92,
            "{} of {}",
            documents.asked(),
            round * 100
        );
    }
}

#[tokio::test]
async fn settings_in_hand_do_not_change() {
    let documents = Documents::default();
    documents.set("acme", r#"{"seats": 1}"#, 1);
    let settings = settings(&documents);
    let before = settings.of(&member("acme")).await.unwrap();
    documents.set("acme", r#"{"seats": 2}"#, 2);
    settings.forget(&id("acme"));
    let after = settings.of(&member("acme")).await.unwrap();
    assert_eq!((before.seats, after.seats), (1, 2));
    assert_eq!(format!("{after:?}"), "CurrentSettings { revision: 2, .. }");
}
