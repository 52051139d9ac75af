//! Names and placements over the life of a tenant.

use crate::sqlite::lifecycle::{new, open};
use std::time::Duration;
use tenancy_core::directory::{Directory, TenantEntry, TenantStatus};
use tenancy_core::names::{PlacementName, TenantKey};
use tenancy_sqlx::UpsertError;

#[tokio::test]
async fn names_of_the_removed_are_not_handed_out() {
    let dir = tempfile::tempdir().unwrap();
    let (_, directory) = open(&dir).await;
    let gone = new("acme", "row")
        .with_slug("shop".parse().unwrap())
        .with_external_id("org_1".parse().unwrap())
        .with_domain("acme.example".parse().unwrap())
        .with_status(TenantStatus::Archived);
    directory.upsert(&gone).await.unwrap();
    directory.remove(&"acme".parse().unwrap()).await.unwrap();
    let other = || new("other", "row");
    let claims = [
        (new("acme", "row"), "acme"),
        (other().with_slug("shop".parse().unwrap()), "shop"),
        (other().with_external_id("org_1".parse().unwrap()), "org_1"),
        (other().with_domain("acme.example".parse().unwrap()), "acme.example"),
    ];
    for (claim, name) in &claims {
        match directory.upsert(claim).await {
            Err(UpsertError::Quarantined { key }) => assert_eq!(key.as_str(), *name),
            other => panic!("{name}: {other:?}"),
        }
    }
    // The slug `acme` and the id `shop` were nobody's.
    directory
        .upsert(&new("shop", "row").with_slug("acme".parse().unwrap()))
        .await
        .unwrap();
    // A quarantine that is over: all but the id.
    let directory = directory.with_quarantine(Duration::ZERO);
    for (claim, name) in claims {
        let done = directory.upsert(&claim).await;
        match (name, done) {
            ("acme", Err(UpsertError::Quarantined { key })) => assert!(matches!(*key, TenantKey::Id(_))),
            ("shop" | "org_1" | "acme.example", Ok(_)) => {}
            (name, other) => panic!("{name}: {other:?}"),
        }
    }
}

/// A request by a name that a tenant gave up must not reach another.
#[tokio::test]
async fn a_name_that_a_tenant_gave_up_is_kept_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let (_, directory) = open(&dir).await;
    let acme = || new("acme", "row");
    let named = acme()
        .with_slug("shop".parse().unwrap())
        .with_external_id("org_1".parse().unwrap())
        .with_domain("acme.example".parse().unwrap())
        .with_domain("stays.example".parse().unwrap());
    let renamed = acme()
        .with_slug("store".parse().unwrap())
        .with_external_id("org_2".parse().unwrap())
        .with_domain("stays.example".parse().unwrap());
    directory.upsert(&named).await.unwrap();
    directory.upsert(&renamed).await.unwrap();
    let other = || new("other", "row");
    let claims = [
        (other().with_slug("shop".parse().unwrap()), "shop"),
        (other().with_external_id("org_1".parse().unwrap()), "org_1"),
        (other().with_domain("acme.example".parse().unwrap()), "acme.example"),
    ];
    let refused = async || {
        for (claim, name) in &claims {
            match directory.upsert(claim).await {
                Err(UpsertError::Quarantined { key }) => assert_eq!(key.as_str(), *name),
                other => panic!("{name}: {other:?}"),
            }
        }
    };
    refused().await;
    // It takes them back, is known by them, and gives them up again: then they are kept as before.
    directory.upsert(&named).await.unwrap();
    let found = directory.find(&TenantKey::Slug("shop".parse().unwrap())).await.unwrap();
    assert_eq!(found.unwrap().record().id, "acme");
    for (claim, name) in &claims {
        let taken = directory.upsert(claim).await;
        assert!(matches!(taken, Err(UpsertError::Conflict { .. })), "{name}: {taken:?}");
    }
    let claim = directory.upsert(&other().with_slug("store".parse().unwrap())).await;
    assert!(matches!(claim, Err(UpsertError::Quarantined { .. })), "{claim:?}");
    directory.upsert(&renamed).await.unwrap();
    refused().await;
    // Nor do they come free by the tenant's removal.
    let id = "acme".parse().unwrap();
    directory.set_status(&id, TenantStatus::Archived).await.unwrap();
    directory.remove(&id).await.unwrap();
    refused().await;
    let over = directory.clone().with_quarantine(Duration::ZERO);
    for (claim, name) in &claims {
        over.upsert(claim)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[tokio::test]
async fn a_quarantine_ends_by_its_own_call_only() {
    let dir = tempfile::tempdir().unwrap();
    let (_, directory) = open(&dir).await;
    let domain = || "acme.example".parse().unwrap();
    directory
        .upsert(&new("acme", "row").with_domain(domain()))
        .await
        .unwrap();
    // Both in one change: given up by the one, and not yet the other's.
    let moved = [new("acme", "row"), new("globex", "row").with_domain(domain())];
    let refused = directory.upsert_all(&moved).await.unwrap_err();
    assert!(
        matches!(refused.reason(), UpsertError::Quarantined { .. }),
        "{refused:?}"
    );
    directory.upsert(&moved[0]).await.unwrap();
    let key = TenantKey::Domain(domain());
    assert!(directory.dangerously_end_quarantine(&key).await.unwrap());
    assert!(!directory.dangerously_end_quarantine(&key).await.unwrap());
    directory.upsert(&moved[1]).await.unwrap();
    // An id's does not end.
    let id = "acme".parse().unwrap();
    directory.set_status(&id, TenantStatus::Archived).await.unwrap();
    directory.remove(&id).await.unwrap();
    assert!(!directory.dangerously_end_quarantine(&TenantKey::Id(id)).await.unwrap());
    let again = directory.upsert(&new("acme", "row")).await;
    assert!(matches!(again, Err(UpsertError::Quarantined { .. })), "{again:?}");
}

#[tokio::test]
async fn a_placement_is_kept_and_changes_by_its_own_call_only() {
    let dir = tempfile::tempdir().unwrap();
    let (_, directory) = open(&dir).await;
    let placed = |place: &str| new("acme", "row").with_placement(place.parse().unwrap());
    let entry = directory.upsert(&placed("eu-1")).await.unwrap();
    assert_eq!(entry.record().placement.as_ref().unwrap(), "eu-1");
    // No word about it is no change.
    let entry = directory.upsert(&new("acme", "row")).await.unwrap();
    assert_eq!(entry.record().placement.as_ref().unwrap(), "eu-1");
    let refused = directory.upsert(&placed("us-1")).await;
    assert!(
        matches!(refused, Err(UpsertError::PlacementChanged { .. })),
        "{refused:?}"
    );
    for place in [Some("us-1"), None] {
        let place: Option<PlacementName> = place.map(|place| place.parse().unwrap());
        assert!(
            directory
                .dangerously_set_placement(&entry.record().id, place.as_ref())
                .await
                .unwrap()
        );
        let entry = directory.find_by_id(&entry.record().id).await.unwrap().unwrap();
        assert_eq!(entry.record().placement, place);
    }
}
