//! What the directory remembers of each change.

use std::time::{Duration, SystemTime};

use tenancy_core::names::{Domain, TenantKey};
use tenancy_sqlx::{
    Attribution, CursorName, DirectoryDatabase, EventKind, EventReader, NewTenant, SqlDirectory, TenantEvent,
};

use super::{active, id, member, on_both};

/// An event in one line: kind, before, after, member.
fn line(event: &TenantEvent) -> String {
    let text = |text: &Option<String>| text.as_deref().unwrap_or("-").replace('\n', "+");
    let member = event.member.as_ref().map_or_else(
        || "-".to_owned(),
        |member| format!("{}@{}", member.subject, member.issuer.as_deref().unwrap_or("any")),
    );
    format!("{} {} {} {member}", event.kind, text(&event.before), text(&event.after))
}

/// What has happened since `after`, and the number of the last.
async fn since<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>, after: &mut i64) -> Vec<String> {
    let events = directory.events(*after, 1_000.try_into().unwrap()).await.unwrap();
    *after = events.last().map_or(*after, |event| event.seq);
    events.iter().map(line).collect()
}

async fn each_change_is_an_event<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    let (acme, mut at) = (id("acme"), 0);
    let tenant = |name: &str| active("acme").with_name(name.to_owned());
    let domain = |name: &str| -> Domain { name.parse().unwrap() };
    let created = tenant("Acme")
        .with_domain(domain("acme.net"))
        .with_member(member("alice", "", &["editor"]));
    directory.upsert(&created).await.unwrap();
    let expected = [
        "tenant.created - active -",
        "domain.added - acme.net -",
        "member.added - editor alice@any",
    ];
    assert_eq!(since(directory, &mut at).await, expected);
    // The same again changes nothing, and nothing is said.
    directory.upsert(&created).await.unwrap();
    directory
        .add_member(&acme, &member("alice", "", &["editor"]))
        .await
        .unwrap();
    directory
        .set_status(&acme, tenancy_core::directory::TenantStatus::Active)
        .await
        .unwrap();
    assert!(
        !directory
            .remove_member(&acme, &"bob".parse().unwrap(), None)
            .await
            .unwrap()
    );
    assert_eq!(since(directory, &mut at).await, [""; 0]);

    let changed = tenant("Acme Inc")
        .with_slug("shop".parse().unwrap())
        .with_external_id("org_1".parse().unwrap())
        .with_domain(domain("acme.org"))
        .with_members([
            member("alice", "", &["editor", "owner"]),
            member("bob", "https://idp.example", &[]),
        ]);
    directory.upsert(&changed).await.unwrap();
    let mut events = since(directory, &mut at).await;
    events.sort_unstable();
    let expected = [
        "domain.added - acme.org -",
        "domain.removed acme.net - -",
        "external_id.changed - org_1 -",
        "member.added -  bob@https://idp.example",
        "member.changed editor editor+owner alice@any",
        "name.changed Acme Acme Inc -",
        "slug.changed acme shop -",
    ];
    assert_eq!(events, expected);
    directory.upsert(&tenant("Acme Inc").with_members([])).await.unwrap();
    let mut events = since(directory, &mut at).await;
    events.sort_unstable();
    let expected = [
        "domain.removed acme.org - -",
        "external_id.changed org_1 - -",
        "member.removed  - bob@https://idp.example",
        "member.removed editor+owner - alice@any",
        "slug.changed shop acme -",
    ];
    assert_eq!(events, expected);
}
on_both!(each_change, super::each_change_is_an_event);

async fn each_way_to_change_is_an_event<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    let (acme, mut at) = (id("acme"), 0);
    let created = active("acme").with_slug("shop".parse().unwrap());
    directory.upsert_all(&[created, active("globex")]).await.unwrap();
    directory.upsert(&active("acme")).await.unwrap();
    at = at.max(0);
    since(directory, &mut at).await;
    directory.add_member(&acme, &member("alice", "one", &[])).await.unwrap();
    directory
        .add_member(&acme, &member("alice", "two", &["editor"]))
        .await
        .unwrap();
    directory.add_member(&acme, &member("alice", "two", &[])).await.unwrap();
    directory
        .remove_member(&acme, &"alice".parse().unwrap(), Some("one"))
        .await
        .unwrap();
    directory
        .remove_member_of_every_issuer(&acme, &"alice".parse().unwrap())
        .await
        .unwrap();
    let east = "east".parse().unwrap();
    directory.dangerously_set_placement(&acme, Some(&east)).await.unwrap();
    directory.dangerously_set_placement(&acme, Some(&east)).await.unwrap();
    directory.dangerously_set_placement(&acme, None).await.unwrap();
    let shop = TenantKey::Slug("shop".parse().unwrap());
    assert!(directory.dangerously_end_quarantine(&shop).await.unwrap());
    assert!(!directory.dangerously_end_quarantine(&shop).await.unwrap());
    directory.set_metadata(&acme, &serde_json::Map::new()).await.unwrap();
    directory.archive(&acme).await.unwrap();
    directory.remove(&acme).await.unwrap();
    let expected = [
        "member.added -  alice@one",
        "member.added - editor alice@two",
        "member.changed editor  alice@two",
        "member.removed  - alice@one",
        "member.removed  - alice@two",
        "placement.changed - east -",
        "placement.changed east - -",
        "quarantine.ended slug shop - -",
        "metadata.changed - 1 -",
        "tenant.archived active archived -",
        "tenant.deleted archived removed -",
    ];
    assert_eq!(since(directory, &mut at).await, expected);
}
on_both!(each_way_to_change, super::each_way_to_change_is_an_event);

async fn who_and_why<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    let before = SystemTime::now() - Duration::from_secs(1);
    directory.upsert(&active("acme")).await.unwrap();
    let by = Attribution::new("ops:carol".parse().unwrap()).with_reason("invoice 4711".parse().unwrap());
    directory.by(by).suspend(&id("acme")).await.unwrap();
    directory
        .by("ops:dave".parse().unwrap())
        .activate(&id("acme"))
        .await
        .unwrap();
    directory.archive(&id("acme")).await.unwrap();
    let events = directory
        .events_of(&id("acme"), 0, 10.try_into().unwrap())
        .await
        .unwrap();
    let by: Vec<_> = events
        .iter()
        .map(|event| (&*event.actor, event.reason.as_deref()))
        .collect();
    let expected = [
        ("application", None),
        ("ops:carol", Some("invoice 4711")),
        ("ops:dave", None),
        ("application", None),
    ];
    assert_eq!(by, expected);
    assert!(
        events
            .iter()
            .all(|event| event.at > before && event.at <= SystemTime::now())
    );
    assert!(events.iter().all(|event| event.tenant.as_ref() == Some(&id("acme"))));
    assert!(
        directory
            .events_of(&id("globex"), 0, 10.try_into().unwrap())
            .await
            .unwrap()
            .is_empty()
    );
}
on_both!(who_and_why_, super::who_and_why);

#[test]
fn what_cannot_be_stored_is_no_reason_and_no_cursor() {
    for bad in ["", "two\nlines", "bell\u{7}", &"x".repeat(1_001)] {
        assert!(bad.parse::<tenancy_sqlx::Reason>().is_err(), "{bad:?}");
    }
    assert!("é".repeat(500).parse::<tenancy_sqlx::Reason>().is_ok());
    for bad in ["", "Billing", "a b", "a;b", &"x".repeat(64)] {
        assert!(bad.parse::<CursorName>().is_err(), "{bad:?}");
    }
    assert!("a\nb".parse::<Attribution>().is_err());
}

/// Bounded, so that what was lost fails the test, and does not hang it.
async fn next<DB: DirectoryDatabase>(reader: &mut EventReader<DB>, limit: u32) -> Vec<TenantEvent> {
    let next = reader.next_batch(limit.try_into().unwrap());
    let events = tokio::time::timeout(Duration::from_secs(30), next).await;
    events.unwrap().unwrap()
}

async fn a_reader_goes_on_where_it_acknowledged<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    let billing = || directory.follow_events("billing".parse().unwrap());
    for tenant in ["a", "b", "c", "d"] {
        directory.upsert(&active(tenant)).await.unwrap();
    }
    let tenants = |events: &[TenantEvent]| -> Vec<String> {
        events
            .iter()
            .map(|event| event.tenant.as_ref().unwrap().to_string())
            .collect()
    };
    let mut reader = billing().await.unwrap();
    assert_eq!(tenants(&next(&mut reader, 2).await), ["a", "b"]);
    reader.acknowledge().await.unwrap();
    assert_eq!(tenants(&next(&mut reader, 2).await), ["c", "d"]);
    // It ended before it acknowledged those, so that they are read again.
    drop(reader);
    let mut reader = billing().await.unwrap().with_poll_interval(Duration::from_millis(5));
    assert_eq!(tenants(&next(&mut reader, 10).await), ["c", "d"]);
    reader.acknowledge().await.unwrap();
    // An older reader of the same name does not turn it back.
    let mut old = billing().await.unwrap();
    let at = old.position();
    // It waits for what comes.
    let waiting = tokio::time::timeout(Duration::from_millis(50), reader.next_batch(2.try_into().unwrap())).await;
    assert!(waiting.is_err());
    directory.suspend(&id("a")).await.unwrap();
    let events = next(&mut reader, 2).await;
    assert_eq!((events.len(), &events[0].kind), (1, &EventKind::SUSPENDED));
    reader.acknowledge().await.unwrap();
    assert!(reader.position() > at);
    old.acknowledge().await.unwrap();
    assert_eq!(billing().await.unwrap().position(), reader.position());
}
on_both!(a_reader, super::a_reader_goes_on_where_it_acknowledged);

async fn what_is_old_is_purged_once_it_is_read<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    let tenant = |name: &str| active(name).with_member(member("alice", "", &[]));
    directory.upsert(&tenant("a")).await.unwrap();
    let later = SystemTime::now() + Duration::from_secs(60);
    let mut reader = directory.follow_events("billing".parse().unwrap()).await.unwrap();
    assert_eq!(directory.purge_events(later).await.unwrap(), 0, "nobody has read them");
    let events = next(&mut reader, 10).await;
    assert_eq!(events.len(), 2);
    reader.acknowledge().await.unwrap();
    directory.upsert(&tenant("b")).await.unwrap();
    assert_eq!(
        directory
            .purge_events(SystemTime::now() - Duration::from_secs(60))
            .await
            .unwrap(),
        0
    );
    assert_eq!(directory.erase_personal_data_of_events(later).await.unwrap(), 2);
    assert_eq!(directory.erase_personal_data_of_events(later).await.unwrap(), 0);
    assert_eq!(directory.purge_events(later).await.unwrap(), 2);
    let left = directory.events(0, 10.try_into().unwrap()).await.unwrap();
    let left: Vec<_> = left.iter().map(line).collect();
    assert_eq!(left, ["tenant.created - active -", "member.added -  -"]);
    // Numbers are not given again.
    assert!(next(&mut reader, 10).await[0].seq > events[1].seq);
    let billing: CursorName = "billing".parse().unwrap();
    assert!(directory.remove_event_cursor(&billing).await.unwrap());
    assert!(!directory.remove_event_cursor(&billing).await.unwrap());
    assert_eq!(directory.purge_events(later).await.unwrap(), 2);
    let tenant = NewTenant::new(id("c"), "row".parse().unwrap());
    directory.upsert(&tenant).await.unwrap();
    // A reader whose cursor was removed is alive once it acknowledges: from then on, what it has not read stays.
    reader.acknowledge().await.unwrap();
    let again = directory.follow_events(billing).await.unwrap();
    assert_eq!(again.position(), reader.position());
    assert_eq!(directory.purge_events(later).await.unwrap(), 0);
    assert_eq!(next(&mut reader, 10).await[0].tenant, Some(id("c")));
}
on_both!(what_is_old, super::what_is_old_is_purged_once_it_is_read);
