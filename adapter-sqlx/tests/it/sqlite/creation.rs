//! Creation of tenants: once, and by the one who began it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::Sqlite;
use tempfile::{TempDir, tempdir};
use tenancy_core::directory::{TenantEntry, TenantRecord, TenantStatus};
use tenancy_core::names::{StrategyName, Subject, TenantKey};
use tenancy_sqlx::{
    Binding, CreateError, DirectoryEntry, IsolationStrategy, LifecycleError, NewTenant, SqliteDirectory, StrategyError,
    StrategyFuture, StrategyRegistry, StrategyTransaction, TenantDb, UpsertError,
};

/// Counts what it makes. The first times it fails, and an id that begins with `no` it can never hold.
#[derive(Default)]
pub(super) struct Scripted {
    pub(super) failures: usize,
    pub(super) provisioned: AtomicUsize,
}

impl Scripted {
    pub(super) fn count(&self) -> usize {
        self.provisioned.load(Ordering::SeqCst)
    }
}

impl IsolationStrategy<Sqlite> for Scripted {
    fn name(&self) -> StrategyName {
        StrategyName::from_static("scripted")
    }

    fn begin<'f>(&'f self, _: Binding<'f>) -> StrategyFuture<'f, StrategyTransaction<Sqlite>> {
        Box::pin(async { Err(StrategyError::Closed) })
    }

    fn check<'f>(&'f self, tenant: &'f TenantRecord) -> StrategyFuture<'f, ()> {
        let tenant = tenant.id.clone();
        Box::pin(async move {
            if tenant.as_str().starts_with("no") {
                return Err(StrategyError::NotCanonical { tenant });
            }
            Ok(())
        })
    }

    fn provision<'f>(&'f self, tenant: &'f TenantRecord) -> StrategyFuture<'f, ()> {
        Box::pin(async {
            self.check(tenant).await?;
            tokio::task::yield_now().await;
            if self.provisioned.fetch_add(1, Ordering::SeqCst) < self.failures {
                return Err(StrategyError::other("scripted"));
            }
            Ok(())
        })
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {})
    }
}

pub(super) struct World {
    pub(super) directory: SqliteDirectory,
    pub(super) db: TenantDb<Sqlite>,
    pub(super) script: Arc<Scripted>,
    pub(super) _dir: TempDir,
}

pub(super) async fn failing(failures: usize) -> World {
    let dir = tempdir().unwrap();
    let directory = SqliteDirectory::open(dir.path().join("directory.sqlite")).await;
    let script = Arc::new(Scripted {
        failures,
        ..Scripted::default()
    });
    let mut registry = StrategyRegistry::new();
    registry.register(Arc::clone(&script) as Arc<_>).unwrap();
    World {
        directory: directory.unwrap(),
        db: TenantDb::new(registry),
        script,
        _dir: dir,
    }
}

impl World {
    pub(super) async fn create(&self, tenant: &NewTenant, key: &str) -> Result<DirectoryEntry, CreateError> {
        self.directory.create(&self.db, tenant, &key.parse().unwrap()).await
    }

    pub(super) async fn is_member(&self, id: &str, subject: &str) -> bool {
        let subject: Subject = subject.parse().unwrap();
        self.directory
            .is_member(&id.parse().unwrap(), &subject, None)
            .await
            .unwrap()
    }

    pub(super) async fn status(&self, id: &str) -> Option<TenantStatus> {
        let found = self.directory.find_by_id(&id.parse().unwrap()).await.unwrap();
        found.map(|entry| entry.record().status)
    }
}

pub(super) fn new(id: &str) -> NewTenant {
    NewTenant::new(id.parse().unwrap(), "scripted".parse().unwrap())
}

/// As a second sign-up with the id would have it: another name, another owner.
pub(super) fn mallorys(id: &str) -> NewTenant {
    new(id)
        .with_name("Mallory's")
        .with_slug("mallory".parse().unwrap())
        .with_external_id("org_m".parse().unwrap())
        .with_domain("mallory.example".parse().unwrap())
        .with_member("mallory".parse().unwrap())
}

pub(super) fn acme() -> NewTenant {
    new("acme")
        .with_name("Acme")
        .with_slug("shop".parse().unwrap())
        .with_external_id("org_1".parse().unwrap())
        .with_domain("acme.example".parse().unwrap())
        .with_member("alice".parse().unwrap())
}

#[track_caller]
fn assert_exists(created: Result<DirectoryEntry, CreateError>, id: &str) {
    match created {
        Err(error @ CreateError::AlreadyExists { .. }) => {
            assert_eq!(error.to_string(), format!("the tenant `{id}` exists already"));
            assert!(std::error::Error::source(&error).is_none());
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_second_sign_up_with_an_id_is_refused_whatever_became_of_the_tenant() {
    let world = failing(0).await;
    let created = world.create(&acme(), "alices").await.unwrap();
    assert_eq!(created.record().status, TenantStatus::Active);
    let id = &created.record().id;
    for status in [TenantStatus::Active, TenantStatus::Suspended, TenantStatus::Archived] {
        world.directory.set_status(id, status).await.unwrap();
        let before = world.directory.list().await.unwrap();
        assert_exists(world.create(&mallorys("acme"), "mallorys").await, "acme");
        // Nor by what the owner gave, without the key.
        assert_exists(world.create(&acme(), "other").await, "acme");
        assert_eq!(world.directory.list().await.unwrap(), before, "{status:?}");
        assert!(!world.is_member("acme", "mallory").await);
    }
    // What is in quarantine is not there, and is not given out either: not to the old key, too.
    world.directory.remove(id).await.unwrap();
    for key in ["mallorys", "alices"] {
        match world.create(&mallorys("acme"), key).await {
            Err(CreateError::Upsert(UpsertError::Quarantined { key })) => assert!(matches!(*key, TenantKey::Id(_))),
            other => panic!("{other:?}"),
        }
    }
    assert!(world.directory.list().await.unwrap().is_empty());
    assert_eq!(world.script.count(), 1);
}

#[tokio::test]
async fn what_was_put_there_by_an_upsert_is_nobodys_creation() {
    let world = failing(0).await;
    world.directory.upsert(&acme()).await.unwrap();
    let before = world.directory.list().await.unwrap();
    assert_exists(world.create(&mallorys("acme"), "mallorys").await, "acme");
    assert_exists(world.create(&acme(), "alices").await, "acme");
    assert_eq!(world.directory.list().await.unwrap(), before);
    // An upsert later leaves the key to the one who created.
    world.create(&new("globex"), "bobs").await.unwrap();
    world
        .directory
        .upsert(&new("globex").with_name("Globex"))
        .await
        .unwrap();
    assert_eq!(world.create(&new("globex"), "bobs").await.unwrap().name(), "Globex");
    assert_exists(world.create(&new("globex"), "mallorys").await, "globex");
}

#[tokio::test]
async fn an_equal_key_is_answered_and_changes_nothing() {
    let world = failing(0).await;
    let created = world.create(&acme(), "alices").await.unwrap();
    let id = &created.record().id;
    world
        .directory
        .remove_member(id, &"alice".parse().unwrap(), None)
        .await
        .unwrap();
    for status in [TenantStatus::Active, TenantStatus::Suspended, TenantStatus::Archived] {
        world.directory.set_status(id, status).await.unwrap();
        for again in [acme(), mallorys("acme").with_status(TenantStatus::Active)] {
            let entry = world.create(&again, "alices").await.unwrap();
            assert_eq!((entry.name(), entry.record().slug.as_str()), ("Acme", "shop"));
            assert_eq!(entry.record().status, status);
        }
        for subject in ["alice", "mallory"] {
            assert!(!world.is_member("acme", subject).await, "{subject}");
        }
    }
    assert_eq!(world.script.count(), 1, "a creation that is done makes nothing");
    // The names that were given with it are still free.
    world.create(&mallorys("m"), "alices").await.unwrap();
}

#[tokio::test]
async fn a_key_is_known_with_its_tenant_alone() {
    let world = failing(0).await;
    world.create(&new("acme"), "alices").await.unwrap();
    let globex = world.create(&new("globex"), "bobs").await.unwrap();
    assert_exists(world.create(&new("globex"), "alices").await, "globex");
    for key in ["bob", "bobs2", "Bobs", "bobs/"] {
        assert_exists(world.create(&new("globex"), key).await, "globex");
    }
    assert_eq!(world.create(&new("globex"), "bobs").await.unwrap(), globex);
    // One who creates two tenants may use one key for both.
    world.create(&new("initech"), "alices").await.unwrap();
    assert_exists(world.create(&new("initech"), "bobs").await, "initech");
}

#[tokio::test]
async fn a_half_made_creation_goes_on_by_its_own_key_with_its_own_data() {
    let world = failing(2).await;
    for again in [acme(), mallorys("acme")] {
        let failed = world.create(&again, "alices").await;
        assert!(matches!(failed, Err(CreateError::Provision(_))), "{failed:?}");
        assert_eq!(world.status("acme").await, Some(TenantStatus::Provisioning));
        assert_exists(world.create(&mallorys("acme"), "mallorys").await, "acme");
    }
    let entry = world.create(&mallorys("acme"), "alices").await.unwrap();
    assert_eq!((entry.name(), entry.record().status), ("Acme", TenantStatus::Active));
    assert_eq!(entry.domains(), ["acme.example"]);
    assert!(world.is_member("acme", "alice").await && !world.is_member("acme", "mallory").await);
}

/// A tenant that waits for an approval, and one that is imported.
#[tokio::test]
async fn a_creation_ends_in_the_status_that_it_began_with() {
    let world = failing(1).await;
    let waiting = new("acme").with_status(TenantStatus::Suspended);
    world.create(&waiting, "key").await.unwrap_err();
    assert_eq!(world.status("acme").await, Some(TenantStatus::Provisioning));
    let entry = world.create(&new("acme"), "key").await.unwrap();
    assert_eq!(entry.record().status, TenantStatus::Suspended);
    let later = new("later").with_status(TenantStatus::Provisioning);
    for _ in 0..2 {
        let entry = world.create(&later, "key").await.unwrap();
        assert_eq!(entry.record().status, TenantStatus::Provisioning);
    }
    assert_eq!(world.script.count(), 3);
    // An archived tenant needs no place.
    let archived = new("old").with_status(TenantStatus::Archived);
    for _ in 0..2 {
        let entry = world.create(&archived, "key").await.unwrap();
        assert_eq!(entry.record().status, TenantStatus::Archived);
    }
    assert_eq!(world.script.count(), 3);
}

/// One who was stopped before their place was made gets it before they are let in again.
#[tokio::test]
async fn a_half_made_creation_is_completed_before_the_tenant_is_served() {
    let world = failing(1).await;
    world.create(&acme(), "alices").await.unwrap_err();
    let id = "acme".parse().unwrap();
    let completed = world.directory.set_status(&id, TenantStatus::Active).await;
    assert!(
        matches!(completed, Err(LifecycleError::CreationUnfinished { .. })),
        "{completed:?}"
    );
    let suspended = world.directory.suspend(&id).await;
    assert!(
        matches!(suspended, Err(LifecycleError::Illegal { .. })),
        "{suspended:?}"
    );
    assert!(world.directory.archive(&id).await.unwrap());
    let entry = world.create(&acme(), "alices").await.unwrap();
    assert_eq!(entry.record().status, TenantStatus::Archived);
    assert_eq!(world.script.count(), 1, "an archived tenant needs no place");
    assert!(world.directory.restore(&id).await.unwrap());
    let activated = world.directory.activate(&id).await;
    assert!(
        matches!(activated, Err(LifecycleError::CreationUnfinished { .. })),
        "{activated:?}"
    );
    let entry = world.create(&acme(), "alices").await.unwrap();
    assert_eq!(entry.record().status, TenantStatus::Suspended);
    assert_eq!(world.script.count(), 2);
    assert!(world.directory.activate(&id).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_keys_at_once_one_creates_and_one_key_twice_creates_once() {
    let world = Arc::new(failing(0).await);
    for round in 0..8 {
        let id = format!("t{round}");
        let at_once: Vec<_> = ["a", "b", "a", "b"]
            .into_iter()
            .map(|key| {
                let (world, id) = (Arc::clone(&world), id.clone());
                let subject = key.parse().unwrap();
                tokio::spawn(async move { (key, world.create(&new(&id).with_member(subject), key).await) })
            })
            .collect();
        let mut winners = Vec::new();
        for one in at_once {
            match one.await.unwrap() {
                (key, Ok(_)) => winners.push(key),
                (_, refused) => assert_exists(refused, &id),
            }
        }
        let [winner, same] = winners[..] else {
            panic!("{winners:?}")
        };
        assert_eq!(winner, same);
        assert!(world.is_member(&id, winner).await);
        assert!(!world.is_member(&id, if winner == "a" { "b" } else { "a" }).await);
    }
    assert_eq!(world.directory.list().await.unwrap().len(), 8);
}
