//! The directory of tenants.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot be set up fails")]

use crate::common;

use std::path::Path;
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use tempfile::{TempDir, tempdir};
use tenancy_core::directory::{Directory, TenantEntry, TenantStatus};
use tenancy_core::names::{ReservedNames, TenantKey};
use tenancy_sqlx::{NewTenant, SqliteDirectory, UpsertError};

pub(super) async fn open(dir: &TempDir) -> SqliteDirectory {
    SqliteDirectory::open(dir.path().join("directory.sqlite"))
        .await
        .unwrap()
}

/// A second way into the file, to break what is in it.
pub(super) async fn backdoor(dir: &TempDir) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(dir.path().join("directory.sqlite"));
    SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await
        .unwrap()
}

pub(super) fn tenant(id: &str) -> NewTenant {
    NewTenant::new(id.parse().unwrap(), "row".parse().unwrap()).with_status(TenantStatus::Active)
}

fn key_of(error: &UpsertError) -> TenantKey {
    match error {
        UpsertError::Conflict { key } | UpsertError::Reserved { key } => key.as_ref().clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_tenant_is_found_by_each_of_its_names_and_by_no_other() {
    let dir = tempdir().unwrap();
    let directory = open(&dir).await;
    let acme = tenant("acme")
        .with_slug("shop".parse().unwrap())
        .with_external_id("org|Acme".parse().unwrap())
        .with_domain("shop.acme.com".parse().unwrap())
        .with_domain("acme.net".parse().unwrap())
        .with_name("Acme, Inc.; drop table tenancy_tenants --");
    directory.upsert(&acme).await.unwrap();
    // Its slug is the other's id: two key spaces.
    directory
        .upsert(&tenant("shop").with_slug("acme".parse().unwrap()))
        .await
        .unwrap();

    let id = |key: TenantKey| {
        let directory = directory.clone();
        async move {
            let found = directory.find(&key).await.unwrap();
            found.map(|entry| {
                let answers = match &key {
                    TenantKey::Domain(domain) => entry.has_domain(domain),
                    key => entry.record().answers_to(key),
                };
                assert!(answers, "{key}");
                entry.record().id.to_string()
            })
        }
    };
    assert_eq!(id(TenantKey::Id("acme".parse().unwrap())).await.unwrap(), "acme");
    assert_eq!(id(TenantKey::Id("shop".parse().unwrap())).await.unwrap(), "shop");
    assert_eq!(id(TenantKey::Slug("shop".parse().unwrap())).await.unwrap(), "acme");
    assert_eq!(id(TenantKey::Slug("acme".parse().unwrap())).await.unwrap(), "shop");
    assert_eq!(
        id(TenantKey::External("org|Acme".parse().unwrap())).await.unwrap(),
        "acme"
    );
    assert_eq!(id(TenantKey::External("org|acme".parse().unwrap())).await, None);
    assert_eq!(
        id(TenantKey::Domain("ACME.net".parse().unwrap())).await.unwrap(),
        "acme"
    );
    assert_eq!(id(TenantKey::Domain("com".parse().unwrap())).await, None);
    assert_eq!(id(TenantKey::Id("nobody".parse().unwrap())).await, None);

    let entry = directory.find_by_id(&"acme".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(entry.name(), "Acme, Inc.; drop table tenancy_tenants --");
    assert!(!entry.has_domain(&"other.com".parse().unwrap()));
    let listed = directory.list().await.unwrap();
    assert_eq!(
        listed
            .iter()
            .map(|entry| entry.record().id.as_str())
            .collect::<Vec<_>>(),
        ["acme", "shop"]
    );
}

#[tokio::test]
async fn upserting_changes_what_is_given() {
    let dir = tempdir().unwrap();
    let directory = open(&dir).await;
    let (alice, bob) = ("alice".parse().unwrap(), "bob".parse().unwrap());
    let id = "acme".parse().unwrap();
    let first = tenant("acme")
        .with_name("Acme")
        .with_external_id("org1".parse().unwrap())
        .with_domain("one.com".parse().unwrap())
        .with_domain("two.com".parse().unwrap())
        .with_member(alice);
    directory.upsert(&first).await.unwrap();
    directory.set_status(&id, TenantStatus::Suspended).await.unwrap();
    // A seed that names no status leaves the suspension alone.
    let seed = NewTenant::new(id.clone(), "row".parse().unwrap())
        .with_slug("shop".parse().unwrap())
        .with_domain("two.com".parse().unwrap())
        .with_domain("two.com".parse().unwrap())
        .with_member(bob);
    let entry = directory.upsert(&seed).await.unwrap();
    assert_eq!(entry.record().status, TenantStatus::Suspended);
    assert_eq!(entry.record().slug, "shop");
    assert_eq!(entry.record().external_id, None);
    assert_eq!(entry.name(), "Acme");
    assert_eq!(entry.domains(), ["two.com"]);
    for subject in ["alice", "bob"] {
        assert!(directory.is_member(&id, &subject.parse().unwrap(), None).await.unwrap());
    }
    assert_eq!(directory.find_by_id(&id).await.unwrap().unwrap(), entry);
    let fresh = NewTenant::new("fresh".parse().unwrap(), "row".parse().unwrap());
    let fresh = directory.upsert(&fresh).await.unwrap();
    assert_eq!(
        (fresh.record().status, fresh.name()),
        (TenantStatus::Provisioning, "fresh")
    );
}

#[tokio::test]
async fn names_of_others_and_reserved_names_are_refused_as_a_whole() {
    let dir = tempdir().unwrap();
    let directory = open(&dir).await;
    let acme = tenant("acme")
        .with_external_id("org1".parse().unwrap())
        .with_domain("acme.com".parse().unwrap());
    directory.upsert(&acme).await.unwrap();
    let before = directory.list().await.unwrap();
    let other = || tenant("other").with_domain("other.com".parse().unwrap());
    for (refused, key) in [
        (other().with_slug("acme".parse().unwrap()), "slug `acme`"),
        (other().with_external_id("org1".parse().unwrap()), "external id `org1`"),
        (other().with_domain("acme.com".parse().unwrap()), "domain `acme.com`"),
        (other().with_slug("www".parse().unwrap()), "slug `www`"),
        (tenant("admin").with_slug("fine".parse().unwrap()), "id `admin`"),
        (acme.clone().with_slug("api".parse().unwrap()), "slug `api`"),
    ] {
        let error = directory.upsert(&refused).await.unwrap_err();
        assert_eq!(key_of(&error).to_string(), key);
        assert!(error.to_string().contains(key), "{error}");
        assert_eq!(directory.list().await.unwrap(), before, "{key}");
    }
    let changed = NewTenant::new("acme".parse().unwrap(), "database".parse().unwrap());
    let error = directory.upsert(&changed).await.unwrap_err();
    assert!(matches!(error, UpsertError::StrategyChanged { .. }), "{error:?}");
    // One that is known keeps a name that was reserved later.
    let stricter = directory.with_reserved_names(ReservedNames::new(&["acme"]));
    stricter.upsert(&acme).await.unwrap();
    stricter.upsert(&tenant("www")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_concurrent_upserts_one_gets_the_name() {
    let dir = tempdir().unwrap();
    let directory = open(&dir).await;
    let at_once = (0..16).map(|n| {
        let directory = directory.clone();
        tokio::spawn(async move {
            let wanted = tenant(&format!("t{n}")).with_domain("wanted.com".parse().unwrap());
            match directory.upsert(&wanted).await {
                Ok(_) => 1,
                Err(UpsertError::Conflict { .. }) => 0,
                Err(other) => panic!("{other:?}"),
            }
        })
    });
    let mut winners = 0;
    for one in at_once.collect::<Vec<_>>() {
        winners += one.await.unwrap();
    }
    assert_eq!(winners, 1);
    assert_eq!(directory.list().await.unwrap().len(), 1);
    let again = (0..16).map(|_| {
        let directory = directory.clone();
        tokio::spawn(async move { directory.upsert(&tenant("same")).await.map(drop) })
    });
    for one in again.collect::<Vec<_>>() {
        one.await.unwrap().unwrap();
    }
    assert_eq!(directory.list().await.unwrap().len(), 2);
}

#[tokio::test]
async fn it_shares_a_file_with_other_migrations() {
    let dir = tempdir().unwrap();
    open(&dir).await;
    let own = common::migrations(&["create table tenants (x)"]);
    own.run(&backdoor(&dir).await).await.unwrap();
    own.run(&backdoor(&dir).await).await.unwrap();
    let directory = open(&dir).await;
    directory.upsert(&tenant("acme")).await.unwrap();
}

#[tokio::test]
async fn it_opens_more_than_once_at_a_time() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("directory.sqlite");
    let at_once = (0..8).map(|_| tokio::spawn(SqliteDirectory::open(path.clone())));
    for one in at_once.collect::<Vec<_>>() {
        one.await.unwrap().unwrap();
    }
}

/// A connection that is refused at once where another has a lock.
fn impatient(path: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(Duration::ZERO);
    SqlitePoolOptions::new().connect_lazy_with(options)
}

#[tokio::test]
async fn openers_wait_for_each_other() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("directory.sqlite");
    let at_once = (0..8).map(|_| tokio::spawn(SqliteDirectory::from_pool(impatient(&path))));
    for one in at_once.collect::<Vec<_>>() {
        one.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_directory_that_is_up_to_date_opens_beside_a_writer() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("directory.sqlite");
    let first = impatient(&path);
    SqliteDirectory::from_pool(first.clone()).await.unwrap();
    let mut writer = first.acquire().await.unwrap();
    sqlx::raw_sql("begin immediate").execute(&mut *writer).await.unwrap();
    SqliteDirectory::from_pool(impatient(&path)).await.unwrap();
    sqlx::raw_sql("rollback").execute(&mut *writer).await.unwrap();
}

#[tokio::test]
async fn several_tenants_go_in_together_or_not_at_all() {
    let dir = tempdir().unwrap();
    let directory = open(&dir).await;
    let acme = || tenant("acme").with_members(["alice".parse().unwrap()]);
    directory.upsert_all(&[acme(), tenant("globex")]).await.unwrap();

    let dropped = tenant("acme").with_members(["mallory".parse().unwrap()]);
    let taken = tenant("initech").with_slug("globex".parse().unwrap());
    let refused = directory.upsert_all(&[dropped, taken]).await.unwrap_err();
    assert_eq!(refused.index(), Some(1));
    assert!(matches!(refused.reason(), UpsertError::Conflict { .. }));
    let id = "acme".parse().unwrap();
    assert!(directory.is_member(&id, &"alice".parse().unwrap(), None).await.unwrap());
    assert!(
        !directory
            .is_member(&id, &"mallory".parse().unwrap(), None)
            .await
            .unwrap()
    );

    // `with_members` is the whole list.
    directory
        .upsert_all(&[acme().with_members(["bob".parse().unwrap()])])
        .await
        .unwrap();
    assert!(!directory.is_member(&id, &"alice".parse().unwrap(), None).await.unwrap());
    assert!(directory.is_member(&id, &"bob".parse().unwrap(), None).await.unwrap());
}
