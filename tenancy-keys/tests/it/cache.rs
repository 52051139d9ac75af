//! The cache of `moka`.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use tenancy_keys::{CacheKey, TenantCache};
use tokio::runtime::Builder;

use crate::hostile::{key, tenant};
use crate::member;

#[tokio::test]
async fn each_tenant_sees_its_own_values() {
    let cache = TenantCache::<String, u32>::new(1_000);
    let (acme, globex) = (member("acme"), member("globex"));
    cache.of(&acme).insert("a".to_owned(), 1).await;
    assert_eq!(cache.of(&acme).get("a").await, Some(1));
    assert_eq!(cache.of(&globex).get("a").await, None);
    assert_eq!(cache.of(&globex).get_with("a".to_owned(), async { 2 }).await, 2);
    assert_eq!(cache.of(&acme).get_with("a".to_owned(), async { 3 }).await, 1, "cached");
    assert_eq!(cache.of(&acme).get("a").await, Some(1));
    assert_eq!(cache.of(&globex).remove("a").await, Some(2));
    assert_eq!(cache.of(&globex).remove("a").await, None);
    assert_eq!(cache.of(&acme).get("a").await, Some(1));
    let failed = cache
        .of(&acme)
        .try_get_with("b".to_owned(), async { Err("down") })
        .await;
    assert_eq!(*failed.unwrap_err(), "down");
    let computed = cache
        .of(&acme)
        .try_get_with("b".to_owned(), async { Ok::<_, Infallible>(4) })
        .await;
    assert_eq!(computed.unwrap(), 4, "a failure is not cached");
    assert_eq!(
        cache.clone().of(&acme).get("b").await,
        Some(4),
        "clones share one cache"
    );
}

#[tokio::test]
async fn a_tenant_is_deleted_alone() {
    let cache = TenantCache::<u32, u32>::new(10_000);
    let tenants = ["acme", "acme2", "globex"].map(member);
    for tenant in &tenants {
        for number in 0..100 {
            cache.of(tenant).insert(number, number).await;
        }
    }
    cache.delete_tenant(tenants[0].id());
    for number in 0..100 {
        assert_eq!(cache.of(&tenants[0]).get(&number).await, None);
        assert_eq!(cache.of(&tenants[1]).get(&number).await, Some(number));
        assert_eq!(cache.of(&tenants[2]).get(&number).await, Some(number));
    }
    // What is cached after that stays.
    cache.of(&tenants[0]).insert(1, 7).await;
    assert_eq!(cache.of(&tenants[0]).get(&1).await, Some(7));
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while cache.entry_count() != 201 {
        assert!(
            tokio::time::Instant::now() < deadline,
            "{} are left",
            cache.entry_count()
        );
        cache.run_pending_tasks().await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    cache.delete_all();
    assert_eq!(cache.of(&tenants[2]).get(&1).await, None);
}

/// Also where nothing was asked for when it was built.
#[tokio::test]
async fn a_builders_cache_deletes_tenants() {
    let builder = moka::future::Cache::builder().max_capacity(10).name("reports");
    let cache = TenantCache::<String, u32>::build(builder);
    let (acme, globex) = (member("acme"), member("globex"));
    cache.of(&acme).insert(String::new(), 1).await;
    cache.of(&globex).insert(String::new(), 2).await;
    cache.delete_tenant(acme.id());
    assert_eq!(cache.of(&acme).get("").await, None);
    assert_eq!(cache.of(&globex).get("").await, Some(2));
}

#[tokio::test]
async fn a_value_is_computed_once() {
    let cache = TenantCache::<String, usize>::new(10);
    let computed = std::sync::Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..100 {
        let (cache, computed) = (cache.clone(), std::sync::Arc::clone(&computed));
        tasks.spawn(async move {
            let tenant = member(if number % 2 == 0 { "acme" } else { "globex" });
            let compute = async {
                tokio::task::yield_now().await;
                computed.fetch_add(1, Ordering::Relaxed)
            };
            cache.of(&tenant).get_with("a".to_owned(), compute).await
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(computed.load(Ordering::Relaxed), 2, "once for each tenant");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// As a map of maps does it.
    #[test]
    fn it_is_a_map_for_each_tenant(values in proptest::collection::vec((tenant(), key(), any::<u8>()), 0..40)) {
        let runtime = Builder::new_current_thread().build().unwrap();
        let cache = TenantCache::<String, u8>::new(10_000);
        let mut model = HashMap::new();
        for (tenant, key, value) in &values {
            runtime.block_on(cache.of(&member(tenant)).insert(key.clone(), *value));
            model.insert((tenant, key), *value);
        }
        for (tenant, _, _) in &values {
            for (_, key, _) in &values {
                let found = runtime.block_on(cache.of(&member(tenant)).get(key));
                prop_assert_eq!(found, model.get(&(tenant, key)).copied());
            }
        }
    }
}

#[test]
fn a_key_shows_its_parts() {
    let key = CacheKey::new(&member("acme"), 7);
    assert_eq!((key.tenant().as_str(), key.key()), ("acme", &7));
}
