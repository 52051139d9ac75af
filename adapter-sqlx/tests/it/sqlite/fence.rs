//! The fence on SQLite: what a tenant's place lets begin, by both strategies.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, Sqlite, SqliteConnection};
use tempfile::TempDir;
use tenancy_core::directory::{TenantEntry, TenantRecord, TenantStatus};
use tenancy_core::enforce::Admitted;
use tenancy_core::names::{ResolverName, Subject};
use tenancy_sqlx::{
    Begin, CreationKey, ErrorKind, FenceRefusal, IsolationLevel, NewTenant, PlaceState, PoolSettings,
    SqliteDatabaseBuilder, SqliteDatabaseStrategy, SqliteDirectory, SqliteRowBuilder, StrategyError, StrategyRegistry,
    TenantDb, TransactionError,
};

use crate::common::{self, migrations, row_options};
use crate::staff;

const STRATEGIES: [&str; 2] = ["row", "database"];

fn row(dir: &TempDir) -> SqliteRowBuilder {
    row_options(dir).with_fence()
}

fn database(dir: &TempDir) -> SqliteDatabaseBuilder {
    SqliteDatabaseStrategy::builder(dir.path().join("tenants"))
        .with_migrations(migrations(&[
            "create table notes (id text not null primary key, body text)",
        ]))
        .with_pool(PoolSettings::new().with_max_connections(1))
}

/// Another process.
async fn open(dir: &TempDir) -> TenantDb<Sqlite> {
    let registry = StrategyRegistry::new()
        .with(row(dir).open().await.unwrap())
        .unwrap()
        .with(database(dir).with_fence().open().await.unwrap())
        .unwrap();
    TenantDb::new(registry)
}

struct Fenced {
    dir: TempDir,
    db: TenantDb<Sqlite>,
    directory: SqliteDirectory,
}

impl Fenced {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        row(&dir).enable_fence().await.unwrap();
        let db = open(&dir).await;
        let directory = SqliteDirectory::open(dir.path().join("directory.sqlite"))
            .await
            .unwrap();
        Self {
            directory: directory.with_places(&db),
            dir,
            db,
        }
    }

    async fn create(&self, id: &str, strategy: &str) -> TenantRecord {
        let new = NewTenant::new(id.parse().unwrap(), strategy.parse().unwrap());
        let created = self.directory.create(&self.db, &new, &CreationKey::random()).await;
        created.unwrap().record().clone()
    }

    async fn record(&self, record: &TenantRecord) -> TenantRecord {
        let found = self.directory.find_by_id(&record.id).await.unwrap();
        found.unwrap().record().clone()
    }

    /// A connection to the file in which the tenant's place is.
    async fn file_of(&self, record: &TenantRecord) -> SqliteConnection {
        let file = if record.strategy == "row" {
            self.dir.path().join("rows.sqlite")
        } else {
            self.dir
                .path()
                .join("tenants")
                .join(format!("tenant-{}.sqlite", record.id))
        };
        SqliteConnection::connect(&format!("sqlite:{}", file.display()))
            .await
            .unwrap()
    }
}

fn member(record: &TenantRecord) -> Admitted {
    let (job, alice) = (ResolverName::from_static("test"), Subject::from_static("alice"));
    Admitted::dangerously_assume(record.clone(), job, alice)
}

async fn add(db: &TenantDb<Sqlite>, record: &TenantRecord, id: &str) -> Result<(), TransactionError> {
    let mut tx = db.begin(&member(record)).await?;
    let sql = "insert into notes (id, body) values (?, 'text')";
    sqlx::query(sql).bind(id.to_owned()).execute(&mut *tx).await.unwrap();
    tx.commit().await
}

async fn count(db: &TenantDb<Sqlite>, record: &TenantRecord) -> Result<i64, TransactionError> {
    let mut tx = db.begin_read(&member(record)).await?;
    Ok(sqlx::query_scalar("select count(*) from notes")
        .fetch_one(&mut *tx)
        .await
        .unwrap())
}

fn refusal<T: std::fmt::Debug>(begun: Result<T, TransactionError>) -> FenceRefusal {
    match begun {
        Err(TransactionError::Begin {
            source: StrategyError::Fenced(refusal),
            ..
        }) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_suspension_binds_at_once_whatever_a_process_has_cached() {
    let fenced = Fenced::new().await;
    for strategy in STRATEGIES {
        let record = fenced.create(&format!("acme-{strategy}"), strategy).await;
        let other = fenced.create(&format!("globex-{strategy}"), strategy).await;
        let process = open(&fenced.dir).await;
        add(&fenced.db, &record, "1").await.unwrap();
        assert_eq!(count(&process, &record).await.unwrap(), 1, "{strategy}");
        assert!(fenced.directory.suspend(&record.id).await.unwrap());
        for (number, db) in [&fenced.db, &process].into_iter().enumerate() {
            let error = add(db, &record, "late").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Forbidden, "{strategy}");
            assert_eq!(refusal(Err::<(), _>(error)), FenceRefusal::Closed, "{strategy}");
            assert_eq!(refusal(count(db, &record).await), FenceRefusal::Closed, "{strategy}");
            add(db, &other, &number.to_string()).await.unwrap();
        }
        // Staff whom enforcement has let in, and what administers.
        let suspended = fenced.record(&record).await;
        drop(
            fenced
                .db
                .begin(&staff::let_in_as_staff(suspended.clone()))
                .await
                .unwrap(),
        );
        drop(
            fenced
                .db
                .dangerously_begin_in_any_status(&member(&suspended))
                .await
                .unwrap(),
        );
        assert!(fenced.directory.activate(&record.id).await.unwrap());
        for db in [&fenced.db, &process] {
            assert_eq!(count(db, &record).await.unwrap(), 1, "{strategy}");
        }
        process.close().await;
    }
}

#[tokio::test]
async fn each_row_of_the_table() {
    let fenced = Fenced::new().await;
    for strategy in STRATEGIES {
        let record = fenced.create(&format!("acme-{strategy}"), strategy).await;
        let at = |epoch| record.clone().with_epoch(epoch);
        let mut file = fenced.file_of(&record).await;
        assert_eq!(
            refusal(count(&fenced.db, &at(1)).await),
            FenceRefusal::PlaceBehind,
            "{strategy}"
        );
        for (change, epoch, expected) in [
            ("delete from tenancy_places", 1, FenceRefusal::Gone),
            (
                "insert into tenancy_places values ('ID', 2, 9, 'open', null)",
                1,
                FenceRefusal::Moved,
            ),
            ("update tenancy_places set state = 'gone'", 2, FenceRefusal::Gone),
        ] {
            let change = AssertSqlSafe(change.replace("ID", record.id.as_str()));
            sqlx::raw_sql(change).execute(&mut file).await.unwrap();
            assert_eq!(
                refusal(add(&fenced.db, &at(epoch), "late").await),
                expected,
                "{strategy}"
            );
            assert_eq!(refusal(count(&fenced.db, &at(epoch)).await), expected, "{strategy}");
        }
        // Gone refuses everyone.
        let begun = fenced.db.dangerously_begin_in_any_status(&member(&at(2))).await;
        assert_eq!(refusal(begun), FenceRefusal::Gone, "{strategy}");
        // Without a place, those whose data has never moved begin.
        sqlx::raw_sql("delete from tenancy_places")
            .execute(&mut file)
            .await
            .unwrap();
        let serializable = Begin::new().isolation(IsolationLevel::Serializable);
        drop(fenced.db.begin_with(&member(&at(0)), serializable).await.unwrap());
    }
}

/// On pools of one connection, to which a session's own table belongs as long as it is open.
#[tokio::test]
async fn a_refusal_keeps_the_connection() {
    let fenced = Fenced::new().await;
    // Each refusal comes from the database.
    let db = fenced.db.clone().with_repeated_refusals(Duration::ZERO);
    for strategy in STRATEGIES {
        let record = fenced.create(&format!("acme-{strategy}"), strategy).await;
        let mark = "pragma main.cache_size = -4321";
        let mut tx = db.begin(&member(&record)).await.unwrap();
        sqlx::raw_sql(mark).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        fenced.directory.suspend(&record.id).await.unwrap();
        for _ in 0..1000 {
            assert_eq!(
                refusal(add(&db, &record, "late").await),
                FenceRefusal::Closed,
                "{strategy}"
            );
        }
        fenced.directory.activate(&record.id).await.unwrap();
        let mut tx = db.begin(&member(&record)).await.unwrap();
        let marked: i64 = sqlx::query_scalar("pragma main.cache_size")
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        assert_eq!(marked, -4321, "{strategy}");
    }
}

#[tokio::test]
async fn verbs_are_two_steps_and_a_deletion_leaves_the_place_gone() {
    let fenced = Fenced::new().await;
    let alone = SqliteDirectory::open(fenced.dir.path().join("directory.sqlite"))
        .await
        .unwrap();
    for strategy in STRATEGIES {
        let record = fenced.create(&format!("acme-{strategy}"), strategy).await;
        // As a process leaves it that is killed in between.
        alone.suspend(&record.id).await.unwrap();
        assert_eq!(count(&fenced.db, &record).await.unwrap(), 0, "{strategy}");
        assert_eq!(
            fenced.directory.pending_places().await.unwrap(),
            std::slice::from_ref(&record.id)
        );
        assert!(!fenced.directory.suspend(&record.id).await.unwrap());
        assert_eq!(
            refusal(count(&fenced.db, &record).await),
            FenceRefusal::Closed,
            "{strategy}"
        );
        fenced.directory.archive(&record.id).await.unwrap();
        let archived = fenced.record(&record).await;
        let none = std::time::Duration::ZERO;
        assert!(fenced.directory.delete(&fenced.db, &record.id, none).await.unwrap());
        let place = fenced.db.place(&archived).await.unwrap();
        let begun = fenced.db.dangerously_begin_in_any_status(&member(&archived)).await;
        if strategy == "row" {
            assert_eq!(place.unwrap().state, PlaceState::Gone);
            assert_eq!(refusal(begun), FenceRefusal::Gone);
        } else {
            assert_eq!(place, None);
            assert!(matches!(
                begun,
                Err(TransactionError::Begin {
                    source: StrategyError::NotProvisioned { .. },
                    ..
                })
            ));
        }
    }
}

/// A process without the fence is refused by its next connection, which it makes because the schema has changed.
#[tokio::test]
async fn a_configuration_that_is_not_as_the_file_does_not_begin() {
    let dir = tempfile::tempdir().unwrap();
    let is_mismatch = |error: &StrategyError, file: bool| matches!(error, StrategyError::FenceMismatch { is_database_fenced } if *is_database_fenced == file);
    let refused = row(&dir).open().await.unwrap_err();
    assert!(is_mismatch(&refused, false), "{refused:?}");
    let registry = StrategyRegistry::new()
        .with(row_options(&dir).open().await.unwrap())
        .unwrap();
    let before = TenantDb::new(registry.with(database(&dir).open().await.unwrap()).unwrap());
    let records = STRATEGIES.map(|strategy| common::record("acme", strategy));
    for record in &records {
        before.provision(record).await.unwrap();
        add(&before, record, "first").await.unwrap();
    }
    row(&dir).enable_fence().await.unwrap();
    row(&dir).enable_fence().await.unwrap();
    assert!(row(&dir).is_database_fenced().await.unwrap());
    let after = open(&dir).await;
    let begun = after.begin(&member(&records[1])).await;
    assert!(matches!(begun, Err(TransactionError::Begin { source, .. }) if is_mismatch(&source, false)));
    for record in &records {
        after.provision(record).await.unwrap();
        assert_eq!(count(&after, record).await.unwrap(), 1);
        for begun in [
            add(&before, record, "late").await,
            count(&before, record).await.map(drop),
        ] {
            match begun {
                Err(TransactionError::Begin { source, .. }) => assert!(is_mismatch(&source, true), "{source:?}"),
                begun => panic!("{begun:?}"),
            }
        }
        assert_eq!(count(&after, record).await.unwrap(), 1);
    }
    let refused = row_options(&dir).open().await.unwrap_err();
    assert!(is_mismatch(&refused, true), "{refused:?}");
}

/// What is looked up again is judged as the record before.
#[tokio::test]
async fn the_record_is_looked_up_again_where_it_is_old() {
    let fenced = Fenced::new().await;
    let db = fenced.db.clone().with_directory(fenced.directory.clone());
    for strategy in STRATEGIES {
        let old = fenced.create(&format!("acme-{strategy}"), strategy).await;
        let mut file = fenced.file_of(&old).await;
        let moved = AssertSqlSafe(format!(
            "update tenancy_places set epoch = 2 where tenant = '{}'",
            old.id
        ));
        sqlx::raw_sql(moved).execute(&mut file).await.unwrap();
        assert_eq!(refusal(count(&db, &old).await), FenceRefusal::Moved, "{strategy}");
        let directory = format!("sqlite:{}", fenced.dir.path().join("directory.sqlite").display());
        let mut directory = SqliteConnection::connect(&directory).await.unwrap();
        let sql = AssertSqlSafe(format!("update tenancy_tenants set epoch = 2 where id = '{}'", old.id));
        sqlx::raw_sql(sql).execute(&mut directory).await.unwrap();
        assert_eq!(count(&db, &old).await.unwrap(), 0, "{strategy}");
        fenced.directory.suspend(&old.id).await.unwrap();
        let refused = count(&db, &old).await.unwrap_err();
        let is_suspended = matches!(
            refused,
            TransactionError::NotActive {
                status: TenantStatus::Suspended,
                ..
            }
        );
        assert!(is_suspended, "{refused:?}");
    }
}
