//! What operators do: names and domains one by one, creations completed, unfinished jobs listed, accesses recorded.

use std::num::NonZeroU32;
use std::time::Duration;

use tenancy_core::directory::{TenantEntry, TenantStatus};
use tenancy_core::names::Domain;
use tenancy_sqlx::{
    Attribution, CreateError, CreationKey, DataAccess, DirectoryDatabase, DirectoryError, NewTenant, PageRequest,
    Renaming, SqlDirectory, UpsertError,
};

use super::lifecycle::Removals;
use super::{active, id, member, on_both};

const ALL: NonZeroU32 = NonZeroU32::MAX;

fn domain(text: &str) -> Domain {
    text.parse().unwrap()
}

async fn kinds<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>, after: i64) -> Vec<String> {
    let events = directory.events(after, ALL).await.unwrap();
    events.iter().map(|event| event.kind.to_string()).collect()
}

async fn a_renaming_changes_what_it_mentions<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    let acme = active("acme")
        .with_name("Acme")
        .with_external_id("org-1".parse().unwrap())
        .with_domain(domain("acme.example"))
        .with_member(member("alice", "", &["owner"]));
    directory.upsert(&acme).await.unwrap();
    directory.upsert(&active("globex")).await.unwrap();
    let before = directory.last_event().await.unwrap();

    let renaming = Renaming::new().with_slug("acme-inc".parse().unwrap());
    let renamed = directory.rename(&id("acme"), renaming.clone()).await.unwrap();
    let record = renamed.record();
    assert_eq!((record.slug.as_str(), renamed.name()), ("acme-inc", "Acme"));
    assert_eq!(record.external_id.as_ref().unwrap().as_str(), "org-1");
    assert_eq!(record.status, TenantStatus::Active);
    assert_eq!(renamed.domains(), [domain("acme.example")]);
    assert!(
        directory
            .is_member(&id("acme"), &"alice".parse().unwrap(), None)
            .await
            .unwrap()
    );
    assert_eq!(kinds(directory, before).await, ["slug.changed"]);

    // Again, nothing.
    directory.rename(&id("acme"), renaming).await.unwrap();
    assert_eq!(kinds(directory, before).await, ["slug.changed"]);

    let renaming = Renaming::new().with_name("Acme Inc.").with_external_id(None);
    let renamed = directory.rename(&id("acme"), renaming).await.unwrap();
    assert_eq!((renamed.name(), &renamed.record().external_id), ("Acme Inc.", &None));
    assert_eq!(renamed.record().slug.as_str(), "acme-inc");

    // The rules of an upsert hold.
    let taken = Renaming::new().with_slug("globex".parse().unwrap());
    let refused = directory.rename(&id("acme"), taken).await.unwrap_err();
    assert!(matches!(refused, UpsertError::Conflict { .. }), "{refused:?}");
    let quarantined = Renaming::new().with_slug("acme".parse().unwrap());
    let refused = directory.rename(&id("globex"), quarantined).await.unwrap_err();
    assert!(matches!(refused, UpsertError::Quarantined { .. }), "{refused:?}");
    let refused = directory.rename(&id("nobody"), Renaming::new()).await.unwrap_err();
    assert!(
        matches!(refused, UpsertError::Directory(DirectoryError::UnknownTenant { .. })),
        "{refused:?}"
    );
}
on_both!(renaming, super::a_renaming_changes_what_it_mentions);

async fn domains_are_added_and_removed<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    for tenant in ["acme", "globex"] {
        directory.upsert(&active(tenant)).await.unwrap();
    }
    let (acme, globex) = (id("acme"), id("globex"));
    let (one, other) = (domain("one.example"), domain("other.example"));
    let before = directory.last_event().await.unwrap();
    assert!(directory.add_domain(&acme, &one).await.unwrap());
    assert!(!directory.add_domain(&acme, &one).await.unwrap());
    assert!(directory.add_domain(&acme, &other).await.unwrap());
    let refused = directory.add_domain(&globex, &one).await.unwrap_err();
    assert!(matches!(refused, UpsertError::Conflict { .. }), "{refused:?}");
    assert!(directory.remove_domain(&acme, &one).await.unwrap());
    assert!(!directory.remove_domain(&acme, &one).await.unwrap());
    let entry = directory.find_by_id(&acme).await.unwrap().unwrap();
    assert_eq!(entry.domains(), [other]);
    let refused = directory.add_domain(&globex, &one).await.unwrap_err();
    assert!(matches!(refused, UpsertError::Quarantined { .. }), "{refused:?}");
    assert_eq!(
        kinds(directory, before).await,
        ["domain.added", "domain.added", "domain.removed"]
    );
}
on_both!(domains, super::domains_are_added_and_removed);

/// Two operators who change different things of one tenant at once.
async fn what_another_writes_meanwhile_stays<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    directory.upsert(&active("acme")).await.unwrap();
    let acme = id("acme");
    let mut names: Vec<Domain> = (0..8).map(|number| domain(&format!("d{number}.example"))).collect();
    let adding = names.iter().map(|name| directory.add_domain(&acme, name));
    let renaming = directory.rename(&acme, Renaming::new().with_name("Acme Inc."));
    let (added, renamed) = tokio::join!(futures_util::future::join_all(adding), renaming);
    renamed.unwrap();
    assert!(added.into_iter().all(|added| added.unwrap()));
    let entry = directory.find_by_id(&acme).await.unwrap().unwrap();
    let mut found = entry.domains().to_vec();
    found.sort_by_key(ToString::to_string);
    names.sort_by_key(ToString::to_string);
    assert_eq!((entry.name(), found), ("Acme Inc.", names));
}
on_both!(meanwhile, super::what_another_writes_meanwhile_stays);

async fn a_creation_is_completed_without_its_key<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    let acme = id("acme");
    let tenant = NewTenant::new(acme.clone(), "row".parse().unwrap());
    let fails = Removals {
        makes_nothing: true,
        ..Removals::default()
    };
    let key = CreationKey::random();
    directory.create(&fails.database(), &tenant, &key).await.unwrap_err();
    let jobs = directory.jobs_of(&acme).await.unwrap().unwrap();
    assert!(jobs.is_creation_unfinished && jobs.deletion_began_at.is_none());

    let refused = directory.resume_creation(&fails.database(), &acme).await.unwrap_err();
    assert!(matches!(refused, CreateError::Provision(_)), "{refused:?}");
    let works = Removals::default().database();
    let entry = directory.resume_creation(&works, &acme).await.unwrap();
    assert_eq!(entry.record().status, TenantStatus::Active);
    assert!(!directory.jobs_of(&acme).await.unwrap().unwrap().is_creation_unfinished);
    let events = directory.last_event().await.unwrap();
    assert_eq!(kinds(directory, 0).await, ["tenant.created", "tenant.completed"]);

    // It is done, also for the one who has the key; a suspended tenant is not let in, and nothing is made again.
    directory.suspend(&acme).await.unwrap();
    for entry in [
        directory.resume_creation(&fails.database(), &acme).await.unwrap(),
        directory.create(&works, &tenant, &key).await.unwrap(),
    ] {
        assert_eq!(entry.record().status, TenantStatus::Suspended);
    }
    assert_eq!(kinds(directory, events).await, ["tenant.suspended"]);

    // One that an upsert has put there.
    let seeded = NewTenant::new(id("globex"), "row".parse().unwrap());
    directory.upsert(&seeded).await.unwrap();
    let entry = directory.resume_creation(&works, &id("globex")).await.unwrap();
    assert_eq!(entry.record().status, TenantStatus::Active);
    let refused = directory.resume_creation(&works, &id("nobody")).await.unwrap_err();
    assert!(
        matches!(refused, CreateError::Directory(DirectoryError::UnknownTenant { .. })),
        "{refused:?}"
    );
}
on_both!(resuming, super::a_creation_is_completed_without_its_key);

async fn jobs_that_are_unfinished_are_listed<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    let fails = Removals {
        makes_nothing: true,
        ..Removals::default()
    };
    directory.upsert(&active("fine")).await.unwrap();
    let half = NewTenant::new(id("half"), "row".parse().unwrap());
    directory
        .create(&fails.database(), &half, &CreationKey::random())
        .await
        .unwrap_err();
    directory.upsert(&active("going")).await.unwrap();
    directory.archive(&id("going")).await.unwrap();
    let no_removal: tenancy_sqlx::TenantDb<sqlx::Sqlite> =
        tenancy_sqlx::TenantDb::new(tenancy_sqlx::StrategyRegistry::new());
    directory
        .delete(&no_removal, &id("going"), Duration::ZERO)
        .await
        .unwrap_err();
    // An archived tenant needs no place.
    directory.archive(&id("half")).await.unwrap();
    let page = directory.unfinished_jobs(&PageRequest::first()).await.unwrap();
    let listed: Vec<&str> = page.items.iter().map(|jobs| jobs.id.as_str()).collect();
    assert_eq!(listed, ["going"]);
    let going = &page.items[0];
    assert!(going.deletion_began_at.is_some() && going.archived_at.is_some() && !going.is_creation_unfinished);

    directory.restore(&id("half")).await.unwrap();
    let page = directory
        .unfinished_jobs(&PageRequest::first().with_limit(1.try_into().unwrap()))
        .await
        .unwrap();
    assert_eq!(page.items[0].id, id("going"));
    let page = directory.unfinished_jobs(&page.next.unwrap()).await.unwrap();
    assert!(page.items[0].is_creation_unfinished && page.next.is_none());
    assert_eq!(page.items[0].status, TenantStatus::Suspended);
    assert_eq!(directory.jobs_of(&id("nobody")).await.unwrap(), None);
}
on_both!(unfinished, super::jobs_that_are_unfinished_are_listed);

async fn an_access_is_an_event<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    directory.upsert(&active("acme")).await.unwrap();
    let before = directory.last_event().await.unwrap();
    let by = directory.by(Attribution::new("ops:carol".parse().unwrap()));
    by.record_access(&id("acme"), DataAccess::Write).await.unwrap();
    let refused = by.record_access(&id("nobody"), DataAccess::Read).await.unwrap_err();
    assert!(matches!(refused, DirectoryError::UnknownTenant { .. }), "{refused:?}");
    let events = directory.events(before, ALL).await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind.as_str(), "tenant.accessed");
    assert_eq!(
        (events[0].after.as_deref(), &*events[0].actor),
        (Some("write"), "ops:carol")
    );
    assert_eq!(directory.last_event().await.unwrap(), events[0].seq);
}
on_both!(accesses, super::an_access_is_an_event);
