//! The settings of a tenant, as the directory has them.

use serde_json::{Map, Value, json};
use tenancy_core::directory::{SettingsDocument, SettingsSource, TenantStatus};
use tenancy_sqlx::{Attribution, DirectoryDatabase, DirectoryError, SettingsError, SqlDirectory, StoredSettings};

use super::{active, id, on_both};

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other}"),
    }
}

async fn read<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>, tenant: &str) -> (Value, u64) {
    let stored = directory.settings(&id(tenant)).await.unwrap().unwrap();
    let document = directory.settings_of(&id(tenant)).await.unwrap().unwrap();
    let (parsed, revision) = (
        serde_json::from_str::<Value>(document.json()).unwrap(),
        stored.revision(),
    );
    let object = Value::Object(stored.into_object());
    assert_eq!((parsed, document.revision()), (object.clone(), revision));
    (object, revision)
}

async fn set<DB: DirectoryDatabase>(
    directory: &SqlDirectory<DB>,
    tenant: &str,
    revision: u64,
    value: Value,
) -> Result<u64, SettingsError> {
    directory
        .compare_and_set_settings(&id(tenant), revision, &object(value))
        .await
}

/// The last events of settings: keys before, keys after, by whom.
async fn events<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>, tenant: &str) -> Vec<String> {
    let events = directory
        .events_of(&id(tenant), 0, 1_000.try_into().unwrap())
        .await
        .unwrap();
    let of_settings = events.iter().filter(|event| event.kind.as_str() == "settings.changed");
    let text = |text: &Option<String>| text.as_deref().unwrap_or("-").replace('\n', "+");
    of_settings
        .map(|event| format!("{} {} {}", text(&event.before), text(&event.after), event.actor))
        .collect()
}

async fn are_written_and_read<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    assert_eq!(directory.settings(&id("acme")).await.unwrap(), None);
    assert_eq!(directory.settings_of(&id("acme")).await.unwrap(), None);
    for revision in [0, 1] {
        let unknown = set(directory, "acme", revision, json!({})).await;
        let is_unknown = matches!(
            unknown,
            Err(SettingsError::Directory(DirectoryError::UnknownTenant { .. }))
        );
        assert!(is_unknown, "{revision}");
    }
    for tenant in ["acme", "globex"] {
        directory.upsert(&active(tenant)).await.unwrap();
    }
    assert_eq!(read(directory, "acme").await, (json!({}), 0));
    let empty = directory.settings_of(&id("acme")).await.unwrap();
    assert_eq!(empty, Some(SettingsDocument::empty()));

    let first = json!({"plan": "team", "quota": u64::MAX, "odd": "\u{0}'; drop table x --", "n": null});
    assert_eq!(set(directory, "acme", 0, first.clone()).await.unwrap(), 1);
    assert_eq!(read(directory, "acme").await, (first, 1));
    assert_eq!(read(directory, "globex").await, (json!({}), 0), "another tenant's");

    // Of two who have read one revision, the second is refused, and what the first has written stays.
    assert_eq!(set(directory, "acme", 1, json!({"by": 1})).await.unwrap(), 2);
    for stale in [0, 1, 3, u64::MAX] {
        let refused = set(directory, "acme", stale, json!({"by": 2})).await.unwrap_err();
        assert!(
            matches!(refused, SettingsError::Conflict { current: 2, .. }),
            "{stale}: {refused:?}"
        );
    }
    assert_eq!(read(directory, "acme").await, (json!({"by": 1}), 2));

    // The same again is no change. Emptied, they count on: a revision never comes back.
    assert_eq!(set(directory, "acme", 2, json!({"by": 1})).await.unwrap(), 2);
    assert_eq!(set(directory, "acme", 2, json!({})).await.unwrap(), 3);
    assert_eq!(read(directory, "acme").await, (json!({}), 3));

    // They are apart from the metadata, and a rename does not touch them; removing the tenant does.
    assert_eq!(
        directory
            .set_metadata(&id("acme"), &object(json!({"m": 1})))
            .await
            .unwrap(),
        1
    );
    directory
        .upsert(&active("acme").with_slug("shop".parse().unwrap()))
        .await
        .unwrap();
    assert_eq!(read(directory, "acme").await, (json!({}), 3));
    assert!(directory.set_status(&id("acme"), TenantStatus::Archived).await.unwrap());
    assert!(directory.remove(&id("acme")).await.unwrap());
    assert_eq!(directory.settings(&id("acme")).await.unwrap(), None);
}
on_both!(settings_are_written_and_read, super::are_written_and_read);

async fn a_change_is_an_event_without_values<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    directory.upsert(&active("acme")).await.unwrap();
    let by = directory
        .clone()
        .by(Attribution::new("ops:carol".parse().unwrap()).with_reason("a trial".parse().unwrap()));
    for (revision, value) in [
        json!({"seats": 1, "token": "hunter2"}),
        json!({"seats": 1, "token": "hunter2"}),
        json!({"seats": 2, "token": "hunter2", "beta": true}),
        json!({"beta": true}),
    ]
    .into_iter()
    .enumerate()
    {
        let current = directory.settings(&id("acme")).await.unwrap().unwrap().revision();
        set(&by, "acme", current, value).await.unwrap();
        let refused = set(&by, "acme", revision as u64 + 10, json!({})).await.unwrap_err();
        assert!(matches!(refused, SettingsError::Conflict { .. }), "{refused:?}");
    }
    let expected = [
        "- seats+token ops:carol",
        "seats beta+seats ops:carol",
        "seats+token - ops:carol",
    ];
    assert_eq!(events(directory, "acme").await, expected);
    let all = directory
        .events_of(&id("acme"), 0, 1_000.try_into().unwrap())
        .await
        .unwrap();
    assert!(!format!("{all:?}").contains("hunter2"));
    assert!(
        all.iter()
            .filter(|event| event.kind.as_str() == "settings.changed")
            .all(|event| event.reason.as_deref() == Some("a trial"))
    );
}
on_both!(
    a_change_of_settings_is_an_event,
    super::a_change_is_an_event_without_values
);

async fn are_bounded<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    directory.upsert(&active("acme")).await.unwrap();
    // `{"t":""}` is 8 bytes. Counted in bytes of JSON, so a character of two counts for two.
    let most = StoredSettings::MAX_BYTES;
    let largest = json!({ "t": "x".repeat(most - 8) });
    assert_eq!(set(directory, "acme", 0, largest.clone()).await.unwrap(), 1);
    for text in ["x".repeat(most - 7), "ä".repeat(most / 2), "\u{1}".repeat(most / 6)] {
        let refused = set(directory, "acme", 1, json!({ "t": text })).await;
        assert!(matches!(refused, Err(SettingsError::TooLarge { .. })), "{refused:?}");
    }
    // What nests more deeply than a reader takes would be written, and never be read again.
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    let refused = set(directory, "acme", 1, json!({ "deep": deep })).await;
    assert!(matches!(refused, Err(SettingsError::Invalid(_))), "{refused:?}");
    // A key is a line of an event.
    let long = "k".repeat(StoredSettings::MAX_KEY_BYTES + 1);
    for key in ["", "a\nb", "a\u{0}", "a\u{85}", &*long] {
        let refused = set(directory, "acme", 1, json!({ key: 1 })).await;
        assert!(matches!(refused, Err(SettingsError::Key)), "{key:?}: {refused:?}");
    }
    assert_eq!(read(directory, "acme").await, (largest, 1));
    let longest = "k".repeat(StoredSettings::MAX_KEY_BYTES);
    assert_eq!(
        set(directory, "acme", 1, json!({ longest: 1, "ä b": {"": "\n"} }))
            .await
            .unwrap(),
        2
    );
}
on_both!(settings_are_bounded, super::are_bounded);

async fn are_changed_at_once<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    directory.upsert(&active("acme")).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let directory = directory.clone();
        tasks.spawn(async move {
            let mut written = 0;
            while written < 5 {
                let stored = directory.settings(&id("acme")).await.unwrap().unwrap();
                let revision = stored.revision();
                let count = stored.object().get("count").and_then(Value::as_i64).unwrap_or(0);
                match set(&directory, "acme", revision, json!({ "count": count + 1 })).await {
                    Ok(_) => written += 1,
                    Err(SettingsError::Conflict { .. } | SettingsError::Directory(DirectoryError::Busy(_))) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(read(directory, "acme").await, (json!({ "count": 40 }), 40));
    assert_eq!(events(directory, "acme").await.len(), 40);
}
on_both!(no_change_of_settings_is_lost, super::are_changed_at_once);
