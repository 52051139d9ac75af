//! Limits of each tenant by its settings, and what is read without waiting.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tenancy_cache::{CacheLimits, CurrentSettings, TenantSettings, check_settings_key};
use tenancy_core::clock::ManualClock;
use tenancy_core::directory::{Change, Invalidate};
use tenancy_limits::{LimitSettings, Limits, Rate, TenantLimiter};
use tokio::task::yield_now;

use super::{Documents, Plan, member, object};
use crate::cache_support::directory::{id, record};

fn revision(settings: &TenantSettings<Plan>, tenant: &str) -> Option<u64> {
    let latest = settings.latest(&id(tenant));
    latest.as_ref().map(CurrentSettings::revision)
}

async fn settle(documents: &Documents, asked: usize) {
    while documents.asked() < asked {
        yield_now().await;
    }
    // The one who asked stores the answer.
    for _ in 0..10 {
        yield_now().await;
    }
}

#[tokio::test]
async fn a_tenant_has_the_limits_of_its_settings() {
    let documents = Documents::default();
    documents.set("acme", r#"{"per_second": 2}"#, 1);
    documents.set("globex", "{}", 0);
    let settings = TenantSettings::<Plan>::new(documents.clone()).unwrap();
    let one = Rate::per_second(1).unwrap();
    let limiter = TenantLimiter::new(Limits::none().with_rate(one))
        .with_clock(ManualClock::new())
        .with_limits_of({
            let settings = settings.clone();
            move |tenant| {
                let plan = settings.latest(&tenant.id)?;
                let rate = Rate::per_second(plan.per_second?)?;
                Some(Limits::none().with_rate(rate))
            }
        });
    for tenant in ["acme", "globex"] {
        settings.of(&member(tenant)).await.unwrap();
    }
    let begun = |tenant: &str| (0..5).filter(|_| limiter.enter(&record(tenant)).is_ok()).count();
    assert_eq!((begun("acme"), begun("globex")), (2, 1));
}

fn key_of_limits(documents: &Documents) -> TenantSettings<LimitSettings> {
    let builder = TenantSettings::<LimitSettings>::builder(documents.clone());
    builder.with_key("limits").build().unwrap()
}

/// How many requests of the tenant are let in at a time.
fn at_once(limiter: &TenantLimiter, tenant: &str) -> usize {
    let entered: Vec<_> = (0..100).map_while(|_| limiter.enter(&record(tenant)).ok()).collect();
    entered.len()
}

#[tokio::test]
async fn limits_are_one_key_of_the_settings_and_follow_its_changes() {
    let documents = Documents::default();
    documents.set("acme", r#"{"seats": 7, "limits": {"requests_under_way": 3}}"#, 1);
    documents.set("globex", r#"{"seats": 7}"#, 1);
    let settings = key_of_limits(&documents);
    let limiter = settings.limiter(Limits::none().with_under_way(2));
    assert_eq!(at_once(&limiter, "acme"), 2, "before they are read");
    for (changed, expected) in [
        (r#"{"limits": {"requests_under_way": 5}}"#, 5),
        (r#"{"limits": {}}"#, 2),
        (r#"{"limits": {"requests_per_second": 1}}"#, 1),
        ("{}", 2),
    ] {
        documents.set("acme", changed, 2);
        settings.invalidate(&Change::Settings { tenant: id("acme") });
        settings.of(&member("acme")).await.unwrap();
        assert_eq!(at_once(&limiter, "acme"), expected, "{changed}");
    }
    settings.of(&member("globex")).await.unwrap();
    assert_eq!(at_once(&limiter, "globex"), 2);
}

/// However what is stored is wrong, the tenant has the limits of every tenant, and never none.
#[tokio::test]
async fn limits_that_are_not_valid_are_those_of_every_tenant() {
    for stored in [
        r#"{"limits": {"requests_under_way": 0}}"#,
        r#"{"limits": {"requests_under_way": -1}}"#,
        r#"{"limits": {"requests_under_way": 1000001}}"#,
        r#"{"limits": {"requests_under_way": 99999999999999999999}}"#,
        r#"{"limits": {"requests_under_way": 5.0}}"#,
        r#"{"limits": {"requests_under_way": "50"}}"#,
        r#"{"limits": {"requests_under_way": [50]}}"#,
        r#"{"limits": {"requests_under_way": null}}"#,
        r#"{"limits": {"requests_underway": 50}}"#,
        r#"{"limits": {"requests_under_way": 50, "burst": 5}}"#,
        r#"{"limits": {"requests_under_way": 50, "burst": 0, "requests_per_second": 60}}"#,
        r#"{"limits": 50}"#,
        r#"{"limits": null}"#,
        r#"{"limits": []}"#,
        r#"{"limits": [50, 50, 50]}"#,
        r#"{"Limits": {"requests_under_way": 50}}"#,
        "[]",
        "null",
        "",
    ] {
        let documents = Documents::default();
        documents.set("acme", stored, 1);
        let settings = key_of_limits(&documents);
        let limiter = settings.limiter(Limits::none().with_under_way(2));
        let _ = settings.of(&member("acme")).await;
        assert_eq!(at_once(&limiter, "acme"), 2, "{stored}");
        assert_eq!(documents.asked(), 1, "it is read once: {stored}");
    }
}

#[test]
fn limits_that_are_not_valid_are_refused_when_they_are_set() {
    let settings = key_of_limits(&Documents::default());
    let problem = |value| {
        let object = object(value);
        let problem = settings.check(&object).err().map(|problem| problem.to_string());
        let free = check_settings_key::<LimitSettings>(&object, "limits").err();
        assert_eq!(problem, free.map(|problem| problem.to_string()));
        problem.unwrap_or_default()
    };
    assert_eq!(
        problem(json!({"limits": {"requests_per_second": 1_000_000, "burst": 1}})),
        ""
    );
    assert_eq!(problem(json!({"seats": 5})), "");
    for (value, expected) in [
        (
            json!({"requests_per_secnd": 5}),
            "unknown key `limits.requests_per_secnd`, did you mean `requests_per_second`?",
        ),
        (
            json!({"requests_per_second": 1_000_001}),
            "`limits.requests_per_second` is an integer that is not valid, expected a whole number from 1 to 1000000",
        ),
        (
            json!({"requests_per_second": "hunter2"}),
            "`limits.requests_per_second` is a string, expected a whole number from 1 to 1000000",
        ),
        (
            json!({"burst": 5}),
            "`limits` is an object that is not valid, expected `requests_per_second` beside `burst`",
        ),
        (json!("hunter2"), "`limits` is a string, expected an object of limits"),
    ] {
        assert_eq!(problem(json!({ "limits": value })), expected);
    }
}

#[tokio::test]
async fn the_latest_are_read_in_the_background() {
    let documents = Documents::default();
    documents.set("acme", "{}", 1);
    let clock = Arc::new(ManualClock::new());
    let limits = CacheLimits::new()
        .with_time_to_live(Duration::from_secs(30))
        .with_clock(Arc::clone(&clock));
    let builder = TenantSettings::<Plan>::builder(documents.clone());
    let settings: TenantSettings<Plan> = builder.with_limits(limits).build().unwrap();
    assert_eq!(revision(&settings, "acme"), None);
    settle(&documents, 1).await;
    assert_eq!(revision(&settings, "acme"), Some(1));

    // Once they have expired, the former ones are served until the new ones are there.
    documents.set("acme", "{}", 2);
    clock.advance(Duration::from_secs(30));
    let held = documents.hold();
    for _ in 0..1000 {
        assert_eq!(revision(&settings, "acme"), Some(1));
    }
    assert_eq!(
        tokio::runtime::Handle::current().metrics().num_alive_tasks(),
        1,
        "once at a time"
    );
    settle(&documents, 2).await;
    drop(held);
    settle(&documents, 2).await;
    assert_eq!(revision(&settings, "acme"), Some(2));
    assert_eq!(documents.asked(), 2, "once, however many ask");

    // A source that fails is asked again, and the former ones stay.
    documents.set_down(true);
    clock.advance(Duration::from_secs(30));
    for asked in 3..6 {
        assert_eq!(revision(&settings, "acme"), Some(2));
        settle(&documents, asked).await;
    }
}

#[tokio::test]
async fn what_is_forgotten_is_not_the_latest() {
    let documents = Documents::default();
    documents.set("acme", "{}", 1);
    let settings = TenantSettings::<Plan>::new(documents.clone()).unwrap();
    settings.of(&member("acme")).await.unwrap();
    documents.set("acme", r#"{"seat": 1}"#, 2);
    settings.forget(&id("acme"));
    assert_eq!(revision(&settings, "acme"), None);
    settle(&documents, 2).await;
    assert_eq!(revision(&settings, "acme"), None, "what does not fit the type");
    documents.remove("acme");
    settings.forget(&id("acme"));
    settle(&documents, 2).await;
    assert_eq!(revision(&settings, "acme"), None);
    settle(&documents, 3).await;
    assert_eq!(revision(&settings, "acme"), None, "a tenant that is gone");
    assert_eq!(documents.asked(), 3);
}

#[test]
fn outside_of_a_runtime_nothing_is_read() {
    let documents = Documents::default();
    let settings = TenantSettings::<Plan>::new(documents.clone()).unwrap();
    assert_eq!(revision(&settings, "acme"), None);
    assert_eq!(documents.asked(), 0);
}
