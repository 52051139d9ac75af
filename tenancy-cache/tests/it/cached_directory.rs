//! The cache of a directory, over a directory that answers when a test lets it.

use std::sync::Arc;
use std::time::Duration;

use tenancy_cache::{CacheLimits, CachedDirectory};
use tenancy_core::clock::ManualClock;
use tenancy_core::directory::{Directory, TenantEntry, TenantStatus};
use tenancy_core::names::TenantKey;

use crate::cache_support::Down;
use crate::cache_support::directory::{ACTIVE, SUSPENDED, Scripted, asking, down, find, id, key, record};

#[tokio::test]
async fn a_thousand_concurrent_misses_are_one_look_up() {
    let scripted = Scripted::of(&["acme"]);
    let cached = CachedDirectory::new(scripted.clone());
    for (name, expected) in [("acme", ACTIVE), ("nosuch", Ok(None))] {
        let before = scripted.asked();
        let held = scripted.hold();
        let mut tasks = Vec::new();
        for _ in 0..1000 {
            tasks.push(asking(&cached, name).await);
        }
        assert!(tasks.iter().all(|task| !task.is_finished()), "all wait");
        drop(held);
        for task in tasks {
            assert_eq!(task.await.unwrap(), expected);
        }
        assert_eq!(scripted.asked(), before + 1);
        assert_eq!(find(&cached, name).await, expected);
        assert_eq!(scripted.asked(), before + 1, "kept");
    }
}

/// As where the answer comes between `peek` and `find`.
#[tokio::test]
async fn what_is_kept_is_not_asked() {
    let scripted = Scripted::of(&["acme"]);
    let cached = CachedDirectory::new(scripted.clone());
    for name in ["acme", "nosuch"] {
        let key = key(name);
        let found = [cached.find(&key), cached.find(&key)];
        for found in found {
            assert_eq!(found.await.unwrap().is_some(), name == "acme");
        }
    }
    assert_eq!(scripted.asked(), 2);
}

#[tokio::test]
async fn different_keys_do_not_wait_for_each_other() {
    let scripted = Scripted::of(&["acme", "globex"]);
    let cached = CachedDirectory::new(scripted.clone());
    let held = scripted.hold();
    let tasks = [asking(&cached, "acme").await, asking(&cached, "globex").await];
    assert_eq!(scripted.asked(), 2);
    drop(held);
    for task in tasks {
        assert_eq!(task.await.unwrap(), ACTIVE);
    }
}

#[tokio::test]
async fn an_error_is_told_to_all_and_not_kept() {
    let scripted = Scripted::of(&["acme"]);
    let cached = CachedDirectory::new(scripted.clone());
    scripted.answer_next(Err(Down));
    let held = scripted.hold();
    let tasks = [asking(&cached, "acme").await, asking(&cached, "acme").await];
    drop(held);
    for task in tasks {
        assert_eq!(task.await.unwrap(), down());
    }
    assert_eq!(scripted.asked(), 1);
    assert_eq!(find(&cached, "acme").await, ACTIVE, "asked again");
    assert_eq!(scripted.asked(), 2);
}

#[tokio::test]
async fn times_to_live() {
    let scripted = Scripted::of(&["acme"]);
    let clock = Arc::new(ManualClock::new());
    let limits = CacheLimits::new()
        .with_time_to_live(Duration::from_secs(30))
        .with_miss_time_to_live(Duration::from_secs(3))
        .with_clock(Arc::clone(&clock));
    let cached = CachedDirectory::builder(scripted.clone()).with_limits(limits).build();
    assert_eq!(find(&cached, "acme").await, ACTIVE);
    assert_eq!(find(&cached, "later").await, Ok(None));
    scripted.set(record("acme").with_status(TenantStatus::Suspended));
    scripted.set(record("later"));

    clock.advance(Duration::from_millis(2_999));
    assert_eq!(find(&cached, "later").await, Ok(None));
    clock.advance(Duration::from_millis(1));
    assert_eq!(find(&cached, "later").await, ACTIVE, "a miss is short");

    clock.advance(Duration::from_millis(26_999));
    assert_eq!(find(&cached, "acme").await, ACTIVE);
    clock.advance(Duration::from_millis(1));
    assert_eq!(find(&cached, "acme").await, SUSPENDED);

    // Nothing is served beyond its time, also where there is nothing better.
    clock.advance(Duration::from_secs(30));
    scripted.answer_next(Err(Down));
    assert_eq!(find(&cached, "acme").await, down());
}

/// An answer is as old as its question, however long it took.
#[tokio::test]
async fn the_time_begins_with_the_question() {
    let scripted = Scripted::of(&["acme"]);
    let clock = Arc::new(ManualClock::new());
    let cached = CachedDirectory::builder(scripted.clone())
        .with_limits(CacheLimits::new().with_clock(Arc::clone(&clock)))
        .build();
    for (name, answer, seconds) in [("acme", ACTIVE, 60), ("nosuch", Ok(None), 5)] {
        let held = scripted.hold();
        let task = asking(&cached, name).await;
        clock.advance(Duration::from_secs(seconds - 1));
        drop(held);
        assert_eq!(task.await.unwrap(), answer);
        assert!(cached.peek(&key(name), |_| ()).is_some());
        clock.advance(Duration::from_secs(1));
        assert!(cached.peek(&key(name), |_| ()).is_none(), "{name}");
    }
}

/// The look-up under way has read the tenant before it was suspended.
#[tokio::test]
async fn forgetting_wins_over_a_look_up_under_way() {
    let scripted = Scripted::of(&["acme"]);
    let cached = CachedDirectory::new(scripted.clone());
    let held = scripted.hold();
    let older = asking(&cached, "acme").await;
    scripted.set(record("acme").with_status(TenantStatus::Suspended));
    cached.forget(&id("acme"));
    let newer = asking(&cached, "acme").await;
    assert_eq!(
        scripted.asked(),
        2,
        "who asks from now on does not wait for the older answer"
    );
    drop(held);
    assert_eq!(older.await.unwrap(), ACTIVE, "it asked before");
    assert_eq!(newer.await.unwrap(), SUSPENDED);
    assert_eq!(find(&cached, "acme").await, SUSPENDED);
    assert_eq!(scripted.asked(), 2, "the newer answer is kept");
}

/// The older answer must not come back either when it is the last to come.
#[tokio::test]
async fn an_older_answer_does_not_overwrite_a_newer() {
    let scripted = Scripted::of(&["acme"]);
    let cached = CachedDirectory::new(scripted.clone());
    let held = scripted.hold();
    let older = asking(&cached, "acme").await;
    cached.forget_all();
    assert!(cached.peek(&key("acme"), |_| ()).is_none());
    drop(held);
    assert_eq!(older.await.unwrap(), ACTIVE);
    assert!(cached.peek(&key("acme"), |_| ()).is_none(), "not kept");
}

#[tokio::test]
async fn forgetting_a_tenant_forgets_all_its_names_and_all_misses() {
    let scripted = Scripted::of(&["acme", "globex"]);
    let cached = CachedDirectory::new(scripted.clone());
    let slug = TenantKey::Slug("acme-inc".parse().unwrap());
    let renamed = record("acme").with_slug("acme-inc".parse().unwrap());
    assert!(cached.find(&slug).await.unwrap().is_none());
    scripted.tenants.lock().unwrap().insert(slug.clone(), renamed);
    for name in ["acme", "globex"] {
        assert_eq!(find(&cached, name).await, ACTIVE);
    }
    cached.forget(&id("acme"));
    assert!(cached.find(&slug).await.unwrap().is_some(), "the miss is forgotten");
    cached.forget(&id("acme"));
    assert!(cached.peek(&slug, |_| ()).is_none());
    assert!(cached.peek(&key("acme"), |_| ()).is_none());
    assert!(cached.peek(&key("globex"), |_| ()).is_some(), "another tenant is not");
}

#[tokio::test]
async fn a_flood_of_unknown_names_evicts_nobody() {
    let scripted = Scripted::of(&["acme", "globex"]);
    let limits = CacheLimits::new().with_capacity(2).with_miss_capacity(100);
    let cached = CachedDirectory::builder(scripted.clone()).with_limits(limits).build();
    for name in ["acme", "globex"] {
        assert_eq!(find(&cached, name).await, ACTIVE);
    }
    for number in 0..10_000 {
        assert!(cached.find(&key(&format!("nosuch-{number}"))).await.unwrap().is_none());
    }
    let kept = (0..10_000).filter(|number| cached.peek(&key(&format!("nosuch-{number}")), |_| ()).is_some());
    assert!(kept.count() <= 100, "the misses are bounded");
    for name in ["acme", "globex"] {
        assert!(cached.peek(&key(name), |_| ()).is_some(), "{name}");
    }
}

#[tokio::test]
async fn the_hits_are_bounded() {
    let ids: Vec<_> = (0..1000).map(|number| format!("tenant-{number}")).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    let cached = CachedDirectory::builder(Scripted::of(&ids))
        .with_limits(CacheLimits::new().with_capacity(100))
        .build();
    for id in &ids {
        assert_eq!(find(&cached, id).await, ACTIVE);
    }
    let kept = ids.iter().filter(|id| cached.peek(&key(id), |_| ()).is_some()).count();
    assert!((1..=100).contains(&kept), "{kept}");
}

/// The one that asks goes away; those that wait ask again, and one of them is enough.
#[tokio::test]
async fn a_cancelled_look_up_is_taken_over() {
    let scripted = Scripted::of(&["acme"]);
    let cached = CachedDirectory::new(scripted.clone());
    let held = scripted.hold();
    let first = asking(&cached, "acme").await;
    let waiting = [asking(&cached, "acme").await, asking(&cached, "acme").await];
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    drop(held);
    for task in waiting {
        assert_eq!(task.await.unwrap(), ACTIVE);
    }
    assert_eq!(scripted.asked(), 2);
}

/// Else a tenant would be refused with 503 until the wrong answer's time is over.
#[tokio::test]
async fn an_answer_to_another_question_is_not_kept() {
    let scripted = Scripted::of(&["acme"]);
    let cached = CachedDirectory::new(scripted.clone());
    scripted.answer_next(Ok(Some(record("globex"))));
    let wrong = cached.find(&key("acme")).await.unwrap().unwrap();
    assert_eq!(wrong.record().id, id("globex"), "the enforcer refuses it");
    assert!(cached.peek(&key("acme"), |_| ()).is_none());
    assert_eq!(find(&cached, "acme").await, ACTIVE);
}
