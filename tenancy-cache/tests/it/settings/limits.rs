//! Limits of each tenant by its settings, and what is read without waiting.

use std::sync::Arc;
use std::time::Duration;

use tenancy_cache::{CacheLimits, CurrentSettings, TenantSettings};
use tenancy_core::clock::ManualClock;
use tenancy_limits::{Limits, Rate, TenantLimiter};
use tokio::task::yield_now;

use super::{Documents, Plan, member};
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
