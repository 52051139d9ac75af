//! A tenant's life: made, migrated with all others, and removed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{SqlSafeStr, Sqlite};
use tempfile::TempDir;
use tenancy_core::{
    Admitted, Directory, PlacementName, ResolverName, StrategyName, Subject, TenantEntry, TenantKey, TenantRecord,
    TenantStatus,
};
use tenancy_sqlx::{
    Binding, CreateError, CreationKey, DirectoryError, ForgetError, IsolationStrategy, NewTenant, ProvisionProgress,
    RemoveError, SqliteDatabaseStrategy, SqliteDirectory, SqliteRowStrategy, StrategyError, StrategyFuture,
    StrategyRegistry, StrategyTransaction, TenantDb, TenantTable, TransactionError, UpsertError,
};

fn migrations(sql: &'static str) -> Migrator {
    let one = Migration::new(1, "notes".into(), MigrationType::Simple, sql.into_sql_str(), false);
    Migrator::with_migrations(vec![one])
}

/// Both strategies on files. `replies` comes before the table that it refers to.
async fn open(dir: &TempDir) -> (TenantDb<Sqlite>, SqliteDirectory) {
    let row = SqliteRowStrategy::builder(dir.path().join("rows.sqlite"))
        .with_migrations(migrations(
            "create table notes_rows (tenant_id text not null, id text not null, primary key (tenant_id, id));
            create table replies_rows (tenant_id text not null, note text not null, id text not null,
                primary key (tenant_id, id), foreign key (tenant_id, note) references notes_rows (tenant_id, id))",
        ))
        .with_table(TenantTable::new("notes", "notes_rows").unwrap())
        .with_table(TenantTable::new("replies", "replies_rows").unwrap())
        .open()
        .await
        .unwrap();
    let database = SqliteDatabaseStrategy::builder(dir.path().join("tenants"))
        .with_migrations(migrations(
            "create table notes (id text primary key); create table replies (id text primary key, note text)",
        ))
        .open()
        .await
        .unwrap();
    let registry = StrategyRegistry::new().with(row).unwrap().with(database).unwrap();
    let directory = SqliteDirectory::open(dir.path().join("directory.sqlite"))
        .await
        .unwrap();
    (TenantDb::new(registry), directory)
}

fn new(id: &str, strategy: &str) -> NewTenant {
    NewTenant::new(id.parse().unwrap(), strategy.parse().unwrap())
}

fn member(record: &TenantRecord) -> Admitted {
    Admitted::dangerously_assume(
        record.clone(),
        ResolverName::from_static("test"),
        Subject::from_static("alice"),
    )
}

async fn write(db: &TenantDb<Sqlite>, record: &TenantRecord) {
    let mut tx = db.begin(&member(record)).await.unwrap();
    for sql in [
        "insert into notes (id) values ('1')",
        "insert into replies (id, note) values ('2', '1')",
    ] {
        sqlx::query(sql).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn count(db: &TenantDb<Sqlite>, record: &TenantRecord) -> Result<i64, TransactionError> {
    let mut tx = db.begin_read(&member(record)).await?;
    let sql = "select (select count(*) from notes) + (select count(*) from replies)";
    Ok(sqlx::query_scalar(sql).fetch_one(&mut *tx).await.unwrap())
}

#[tokio::test]
async fn a_tenant_is_made_served_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let (db, directory) = open(&dir).await;
    for strategy in ["row", "database"] {
        let (gone, stays) = (format!("{strategy}-gone"), format!("{strategy}-stays"));
        let mut records = Vec::new();
        for id in [&gone, &stays] {
            let entry = directory
                .create(&db, &new(id, strategy), &CreationKey::random())
                .await
                .unwrap();
            assert_eq!(entry.record().status, TenantStatus::Active);
            write(&db, entry.record()).await;
            records.push(entry.record().clone());
        }
        let [gone, stays] = <[TenantRecord; 2]>::try_from(records).unwrap();
        let refused = db.dangerously_remove(&gone).await.unwrap_err();
        assert!(matches!(
            refused,
            RemoveError::NotArchived {
                status: TenantStatus::Active,
                ..
            }
        ));
        let refused = directory.remove(&gone.id).await.unwrap_err();
        assert!(matches!(refused, ForgetError::NotArchived { .. }));
        assert_eq!(count(&db, &gone).await.unwrap(), 2);

        directory.set_status(&gone.id, TenantStatus::Archived).await.unwrap();
        let archived = directory.find_by_id(&gone.id).await.unwrap().unwrap();
        for _ in 0..2 {
            db.dangerously_remove(archived.record()).await.unwrap();
        }
        match count(&db, &gone).await {
            Ok(left) => assert_eq!((strategy, left), ("row", 0)),
            Err(TransactionError::Begin {
                source: StrategyError::NotProvisioned { .. },
                ..
            }) => {
                assert_eq!(strategy, "database")
            }
            Err(other) => panic!("{other:?}"),
        }
        assert_eq!(count(&db, &stays).await.unwrap(), 2);
        assert!(directory.remove(&gone.id).await.unwrap());
        assert!(!directory.remove(&gone.id).await.unwrap());
        assert!(directory.find_by_id(&gone.id).await.unwrap().is_none());
    }
}

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

/// Whoever asks by a name that a tenant gave up must not reach another.
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

/// Fails the first times that it is asked for a tenant, and counts how many it makes at a time.
#[derive(Default)]
struct Scripted {
    failures: usize,
    asked: AtomicUsize,
    running: AtomicUsize,
    most: AtomicUsize,
}

impl IsolationStrategy<Sqlite> for Scripted {
    fn name(&self) -> StrategyName {
        StrategyName::from_static("scripted")
    }

    fn begin<'f>(&'f self, _: Binding<'f>) -> StrategyFuture<'f, StrategyTransaction<Sqlite>> {
        Box::pin(async { Err(StrategyError::Closed) })
    }

    fn provision<'f>(&'f self, tenant: &'f TenantRecord) -> StrategyFuture<'f, ()> {
        Box::pin(async move {
            let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(running, Ordering::SeqCst);
            for _ in 0..5 {
                tokio::task::yield_now().await;
            }
            self.running.fetch_sub(1, Ordering::SeqCst);
            let asked = self.asked.fetch_add(1, Ordering::SeqCst);
            if asked < self.failures || tenant.id == "t7" {
                Err(StrategyError::other("scripted"))
            } else {
                Ok(())
            }
        })
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {})
    }
}

fn scripted(script: Arc<Scripted>) -> TenantDb<Sqlite> {
    let mut registry = StrategyRegistry::new();
    registry.register(script).unwrap();
    TenantDb::new(registry)
}

#[tokio::test]
async fn a_failed_creation_goes_on_where_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let (_, directory) = open(&dir).await;
    let script = Arc::new(Scripted {
        failures: 2,
        ..Scripted::default()
    });
    let db = scripted(script);
    let (tenant, key) = (new("acme", "scripted"), CreationKey::random());
    for _ in 0..2 {
        let failed = directory.create(&db, &tenant, &key).await.unwrap_err();
        assert!(matches!(failed, CreateError::Provision(_)), "{failed:?}");
        let entry = directory.find_by_id(&"acme".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(entry.record().status, TenantStatus::Provisioning);
    }
    let entry = directory.create(&db, &tenant, &key).await.unwrap();
    assert_eq!(entry.record().status, TenantStatus::Active);
    // A suspended tenant is not let in by being created again, and an archived one is not made again.
    for status in [TenantStatus::Suspended, TenantStatus::Archived] {
        directory.set_status(&entry.record().id, status).await.unwrap();
        let again = directory.create(&db, &tenant, &key).await.unwrap();
        assert_eq!(again.record().status, status);
    }
    let refused = db.dangerously_remove(directory.list().await.unwrap()[0].record()).await;
    assert!(matches!(
        refused,
        Err(RemoveError::Strategy {
            source: StrategyError::Unsupported { .. },
            ..
        })
    ));
}

/// Makes a tenant's place, and does something to the directory meanwhile.
struct Meanwhile<F>(F);

impl<F, A> IsolationStrategy<Sqlite> for Meanwhile<F>
where
    F: Fn(TenantRecord) -> A + Send + Sync + 'static,
    A: Future<Output = ()> + Send + 'static,
{
    fn name(&self) -> StrategyName {
        StrategyName::from_static("scripted")
    }

    fn begin<'f>(&'f self, _: Binding<'f>) -> StrategyFuture<'f, StrategyTransaction<Sqlite>> {
        Box::pin(async { Err(StrategyError::Closed) })
    }

    fn provision<'f>(&'f self, tenant: &'f TenantRecord) -> StrategyFuture<'f, ()> {
        Box::pin(async {
            (self.0)(tenant.clone()).await;
            Ok(())
        })
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {})
    }
}

/// Whoever suspends or archives a tenant while it is made is not overruled by its creation.
#[tokio::test]
async fn a_tenant_that_was_stopped_while_it_was_made_is_not_active() {
    let dir = tempfile::tempdir().unwrap();
    let (_, directory) = open(&dir).await;
    for status in [TenantStatus::Suspended, TenantStatus::Archived] {
        let stopping = directory.clone();
        let strategy = Meanwhile(move |tenant: TenantRecord| {
            let directory = stopping.clone();
            async move { assert!(directory.set_status(&tenant.id, status).await.unwrap()) }
        });
        let db = TenantDb::new(StrategyRegistry::new().with(strategy).unwrap());
        let tenant = new(status.as_str(), "scripted");
        let told = directory.create(&db, &tenant, &CreationKey::random()).await.unwrap();
        assert_eq!(told.record().status, status);
        let found = directory.find_by_id(&told.record().id).await.unwrap().unwrap();
        assert_eq!(found.record().status, status);
    }
    let removing = directory.clone();
    let strategy = Meanwhile(move |tenant: TenantRecord| {
        let directory = removing.clone();
        async move {
            directory.set_status(&tenant.id, TenantStatus::Archived).await.unwrap();
            assert!(directory.remove(&tenant.id).await.unwrap());
        }
    });
    let db = TenantDb::new(StrategyRegistry::new().with(strategy).unwrap());
    let gone = directory
        .create(&db, &new("gone", "scripted"), &CreationKey::random())
        .await;
    assert!(
        matches!(gone, Err(CreateError::Directory(DirectoryError::UnknownTenant { .. }))),
        "{gone:?}"
    );
}

#[tokio::test]
async fn all_are_migrated_some_at_a_time_and_a_failure_stops_nobody() {
    let script = Arc::new(Scripted::default());
    let db = scripted(Arc::clone(&script));
    let record = |number: usize| {
        let record = TenantRecord::new(format!("t{number}").parse().unwrap(), "scripted".parse().unwrap());
        record.with_status(if number == 3 {
            TenantStatus::Archived
        } else {
            TenantStatus::Active
        })
    };
    let (mut started, mut ended, mut most) = (0, 0, 0_usize);
    let summary = db
        .provision_all(
            (0..20).map(record),
            NonZeroUsize::new(4).unwrap(),
            |progress| match progress {
                ProvisionProgress::Started(_) => {
                    started += 1;
                    most = most.max(started - ended);
                }
                ProvisionProgress::Done(_) | ProvisionProgress::Failed(..) => ended += 1,
                ProvisionProgress::Skipped(id) => assert_eq!(*id, "t3"),
                other => panic!("{other:?}"),
            },
        )
        .await;
    assert_eq!((started, ended, most), (19, 19, 4));
    assert_eq!(script.most.load(Ordering::SeqCst), 4);
    assert_eq!(summary.done.len(), 18);
    let failed: Vec<_> = summary.failed.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!((failed, summary.skipped.len()), (vec!["t7"], 1));
}

/// The record says which strategy, each time.
#[tokio::test]
async fn a_changed_record_takes_effect_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (db, _) = open(&dir).await;
    let by = |strategy: &str| TenantRecord::new("acme".parse().unwrap(), strategy.parse().unwrap());
    for strategy in ["row", "database"] {
        db.provision(&by(strategy)).await.unwrap();
    }
    write(&db, &by("row")).await;
    assert_eq!(count(&db, &by("row")).await.unwrap(), 2);
    assert_eq!(count(&db, &by("database")).await.unwrap(), 0);
    assert!(matches!(
        count(&db, &by("schema")).await,
        Err(TransactionError::UnknownStrategy { .. })
    ));
}
