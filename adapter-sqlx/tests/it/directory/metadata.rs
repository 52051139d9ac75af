//! The application's own data of a tenant.

use serde_json::{Map, Value, json};
use tenancy_core::directory::TenantStatus;
use tenancy_sqlx::{DirectoryDatabase, DirectoryError, MetadataError, SqlDirectory, TenantMetadata};

use super::{active, id, on_both};

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other}"),
    }
}

async fn read<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>, tenant: &str) -> (Value, i64) {
    let metadata = directory.metadata(&id(tenant)).await.unwrap().unwrap();
    let revision = metadata.revision();
    (Value::Object(metadata.into_object()), revision)
}

async fn is_written_and_read<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    let acme = id("acme");
    assert_eq!(directory.metadata(&acme).await.unwrap(), None);
    let unknown = directory.set_metadata(&acme, &Map::new()).await;
    assert!(matches!(
        unknown,
        Err(MetadataError::Directory(DirectoryError::UnknownTenant { .. }))
    ));
    for revision in [0, 1] {
        let unknown = directory.compare_and_set_metadata(&acme, revision, &Map::new()).await;
        let is_unknown = matches!(
            unknown,
            Err(MetadataError::Directory(DirectoryError::UnknownTenant { .. }))
        );
        assert!(is_unknown, "{revision}");
    }

    for tenant in ["acme", "globex"] {
        directory.upsert(&active(tenant)).await.unwrap();
    }
    assert_eq!(read(directory, "acme").await, (json!({}), 0));
    let first =
        json!({"plan": "team", "quota": 18_446_744_073_709_551_615_u64, "odd": "\u{0}'; drop table x --", "n": null});
    assert_eq!(directory.set_metadata(&acme, &object(first.clone())).await.unwrap(), 1);
    assert_eq!(read(directory, "acme").await, (first, 1));
    assert_eq!(read(directory, "globex").await, (json!({}), 0), "another tenant's");

    // Of two who have read one revision, the second is refused, and what the first has written stays.
    let (one, two) = (object(json!({"by": 1})), object(json!({"by": 2})));
    assert_eq!(directory.compare_and_set_metadata(&acme, 1, &one).await.unwrap(), 2);
    for stale in [0, 1, 3, -1, i64::MAX] {
        let refused = directory
            .compare_and_set_metadata(&acme, stale, &two)
            .await
            .unwrap_err();
        assert!(
            matches!(refused, MetadataError::Conflict { current: 2, .. }),
            "{stale}: {refused:?}"
        );
    }
    assert_eq!(read(directory, "acme").await, (json!({"by": 1}), 2));
    assert_eq!(
        directory
            .compare_and_set_metadata(&id("globex"), 0, &two)
            .await
            .unwrap(),
        1
    );
    let refused = directory.compare_and_set_metadata(&id("globex"), 0, &two).await;
    assert!(matches!(refused, Err(MetadataError::Conflict { current: 1, .. })));

    // Emptied, it counts on: a revision never comes back.
    assert_eq!(directory.set_metadata(&acme, &Map::new()).await.unwrap(), 3);
    assert_eq!(read(directory, "acme").await, (json!({}), 3));

    // Renaming and changing the tenant do not touch it; removing it does, and a tenant of a new id has none.
    directory
        .upsert(&active("acme").with_slug("shop".parse().unwrap()))
        .await
        .unwrap();
    assert_eq!(read(directory, "acme").await.1, 3);
    assert!(directory.set_status(&acme, TenantStatus::Archived).await.unwrap());
    assert!(directory.remove(&acme).await.unwrap());
    assert_eq!(directory.metadata(&acme).await.unwrap(), None);
}

on_both!(metadata_is_written_and_read, super::is_written_and_read);

async fn is_bounded<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    let acme = id("acme");
    directory.upsert(&active("acme")).await.unwrap();
    // `{"t":""}` is 8 bytes. Counted in bytes of JSON, so a character of two counts for two.
    let of = |text: String| object(json!({ "t": text }));
    let largest = of("x".repeat(TenantMetadata::MAX_BYTES - 8));
    assert_eq!(directory.set_metadata(&acme, &largest).await.unwrap(), 1);
    for large in [
        of("x".repeat(TenantMetadata::MAX_BYTES - 7)),
        of("ä".repeat(TenantMetadata::MAX_BYTES / 2)),
        of("\u{1}".repeat(TenantMetadata::MAX_BYTES / 6)),
    ] {
        let refused = directory.set_metadata(&acme, &large).await;
        assert!(matches!(refused, Err(MetadataError::TooLarge { .. })), "{refused:?}");
        let refused = directory.compare_and_set_metadata(&acme, 1, &large).await;
        assert!(matches!(refused, Err(MetadataError::TooLarge { .. })), "{refused:?}");
    }
    // What nests more deeply than a reader takes would be written, and never be read again.
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    let refused = directory.set_metadata(&acme, &object(json!({ "deep": deep }))).await;
    assert!(matches!(refused, Err(MetadataError::Invalid(_))), "{refused:?}");
    assert_eq!(directory.metadata(&acme).await.unwrap().unwrap().object(), &largest);
}

on_both!(metadata_is_bounded, super::is_bounded);

async fn is_changed_at_once<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    let acme = id("acme");
    directory.upsert(&active("acme")).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (directory, acme) = (directory.clone(), acme.clone());
        tasks.spawn(async move {
            let mut written = 0;
            while written < 5 {
                let read = directory.metadata(&acme).await.unwrap().unwrap();
                let count = read.object().get("count").and_then(Value::as_i64).unwrap_or(0);
                let next = object(json!({ "count": count + 1 }));
                match directory.compare_and_set_metadata(&acme, read.revision(), &next).await {
                    Ok(_) => written += 1,
                    Err(MetadataError::Conflict { .. } | MetadataError::Directory(DirectoryError::Busy(_))) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(read(directory, "acme").await, (json!({ "count": 40 }), 40));
}

on_both!(no_change_by_revision_is_lost, super::is_changed_at_once);
