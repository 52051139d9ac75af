//! A tenant's life: made, migrated with all others, and removed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{SqlSafeStr, Sqlite};
use tempfile::TempDir;
use tenancy_core::directory::{TenantEntry, TenantRecord, TenantStatus};
use tenancy_core::enforce::Admitted;
use tenancy_core::names::{ResolverName, StrategyName, Subject};
use tenancy_sqlx::{
    Binding, CreationKey, ForgetError, IsolationStrategy, NewTenant, ProvisionProgress, RemoveError,
    SqliteDatabaseStrategy, SqliteDirectory, SqliteRowStrategy, StrategyError, StrategyFuture, StrategyRegistry,
    StrategyTransaction, TenantDb, TenantTable, TransactionError,
};

fn migrations(sql: &'static str) -> Migrator {
    let one = Migration::new(1, "notes".into(), MigrationType::Simple, sql.into_sql_str(), false);
    Migrator::with_migrations(vec![one])
}

/// Both strategies on files. `replies` comes before the table that it refers to.
pub(super) async fn open(dir: &TempDir) -> (TenantDb<Sqlite>, SqliteDirectory) {
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

pub(super) fn new(id: &str, strategy: &str) -> NewTenant {
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

/// Fails the first times that it is asked for a tenant, and counts how many it makes at a time.
#[derive(Default)]
pub(super) struct Scripted {
    pub(super) failures: usize,
    pub(super) asked: AtomicUsize,
    pub(super) running: AtomicUsize,
    pub(super) most: AtomicUsize,
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

pub(super) fn scripted(script: Arc<Scripted>) -> TenantDb<Sqlite> {
    let mut registry = StrategyRegistry::new();
    registry.register(script).unwrap();
    TenantDb::new(registry)
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
