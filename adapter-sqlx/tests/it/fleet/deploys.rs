//! Two releases on one database: the old one goes on serving through the migrations of the new one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use sqlx::{Postgres, Sqlite};
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::fleet::{Fleet, FleetOptions};
use tenancy_sqlx::{
    PgDatabaseStrategy, PgDirectory, PgRowStrategy, PgSchemaStrategy, PgTenantTable, SqliteDatabaseStrategy,
    SqliteDirectory, SqliteRowStrategy, StrategyRegistry, TenantDb,
};

use super::support::{create, run};
use crate::common::{admitted, notes_table};
use crate::postgres::support::server::{self, TestDatabase, migrations};

/// They add, and change nothing that the old release uses.
const EXPAND: [&str; 4] = [
    "alter table notes add column title text",
    "alter table notes add column priority bigint not null default 0",
    "create table drafts (tenant_id text not null default '', body text)",
    "update notes set title = name where title is null",
];

const NOTES: &str = "create table notes (
    id bigint generated always as identity primary key, name text not null unique, body text not null default '')";

/// Every strategy of a release.
async fn release(database: &TestDatabase, is_new: bool) -> TenantDb<Postgres> {
    let with = |first: &'static str, expand: &[&'static str]| {
        let expand = if is_new { expand } else { &[] };
        migrations(&[&[first], expand].concat())
    };
    let mut tables = database.schema().with_table(PgTenantTable::new("notes").unwrap());
    if is_new {
        tables = tables.with_table(PgTenantTable::new("drafts").unwrap());
    }
    let row = PgRowStrategy::builder(database.server(), tables).with_migrations(with(server::NOTES, &EXPAND_ROWS));
    let row = if is_new {
        row.open_for_migrations().await
    } else {
        row.open().await
    };
    let schema = PgSchemaStrategy::builder(database.server()).with_migrations(with(NOTES, &EXPAND));
    let own = PgDatabaseStrategy::builder(database.server())
        .with_prefix(database.prefix())
        .with_template("template0")
        .unwrap()
        .with_migrations(with(NOTES, &EXPAND));
    let registry = StrategyRegistry::new().with(row.unwrap()).unwrap();
    let registry = registry.with(schema.open().await.unwrap()).unwrap();
    TenantDb::new(registry.with(own.open().await.unwrap()).unwrap())
}

const EXPAND_ROWS: [&str; 4] = [
    "alter table notes add column title text",
    "alter table notes add column priority bigint not null default 0",
    "create table drafts (tenant_id text not null, id bigint generated always as identity, body text, primary key (tenant_id, id))",
    "create index concurrently_not on notes (tenant_id, title)",
];

/// What the old release does with each request.
async fn write_and_read(db: &TenantDb<Postgres>, tenant: &Admitted, number: u64) {
    let done = db
        .run(tenant, async |tx| {
            sqlx::query("insert into notes (name) values ($1)")
                .bind(format!("note {number}"))
                .execute(&mut **tx)
                .await?;
            let rows: Vec<(i64, String)> = sqlx::query_as("select id, name from notes")
                .fetch_all(&mut **tx)
                .await?;
            assert!(!rows.is_empty());
            // By name and by star, prepared: what changes its columns makes it stale, and `run` begins again.
            sqlx::query("select * from notes limit 1").fetch_all(&mut **tx).await?;
            Ok::<_, anyhow::Error>(())
        })
        .await;
    if let Err(error) = done {
        panic!("{}: {error:?}", tenant.tenant().id);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_release_serves_through_the_migrations_of_the_new_one() {
    let database = TestDatabase::new().await;
    let directory = PgDirectory::open(database.administrator()).await.unwrap();
    let old = release(&database, false).await;
    let tenants = [
        ("r1", "row"),
        ("r2", "row"),
        ("s1", "schema"),
        ("s2", "schema"),
        ("d1", "database"),
    ];
    for (id, strategy) in tenants {
        create(&directory, &old, strategy, &[id]).await;
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let mut serving = tokio::task::JoinSet::new();
    let mut counts = Vec::new();
    for (id, strategy) in tenants {
        let (db, tenant, is_over) = (old.clone(), admitted(id, strategy), Arc::clone(&is_over));
        let count = Arc::new(AtomicU64::new(0));
        counts.push(Arc::clone(&count));
        serving.spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                write_and_read(&db, &tenant, count.load(Ordering::Relaxed)).await;
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    served(&counts).await;
    let fleet = Fleet::new(directory, &release(&database, true).await).unwrap();
    let report = run(&fleet, &FleetOptions::new()).await;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.done, 4, "three tenants and the shared tables");
    served(&counts).await;
    is_over.store(true, Ordering::Relaxed);
    while let Some(served) = serving.join_next().await {
        served.unwrap();
    }
    // What the old release wrote is what the new one reads.
    for ((id, strategy), count) in tenants.into_iter().zip(counts) {
        let mut tx = old.begin_read(&admitted(id, strategy)).await.unwrap();
        let rows: i64 = sqlx::query_scalar("select count(*) from notes where priority = 0")
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        assert_eq!(u64::try_from(rows).unwrap(), count.load(Ordering::Relaxed), "{id}");
    }
}

/// Waits until each tenant was served some times more.
async fn served(counts: &[Arc<AtomicU64>]) {
    for count in counts {
        let before = count.load(Ordering::Relaxed);
        let more = async {
            while count.load(Ordering::Relaxed) < before + 5 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), more).await.unwrap();
    }
}

const ROWS: &str = "create table notes_rows (
    tenant_id text not null, id text not null, body text not null default '', primary key (tenant_id, id))";
const FILES: &str = "create table notes (id text not null primary key, body text not null default '')";

async fn files(folder: &tempfile::TempDir, is_new: bool) -> TenantDb<Sqlite> {
    let with = |first: &'static str, second: &'static str| {
        let all: &[&'static str] = if is_new { &[first, second] } else { &[first] };
        crate::common::migrations(all)
    };
    let rows = SqliteRowStrategy::builder(folder.path().join("rows.sqlite"))
        .with_table(notes_table())
        .with_migrations(with(ROWS, "alter table notes_rows add column title text"));
    let rows = if is_new {
        rows.open_for_migrations().await
    } else {
        rows.open().await
    };
    let files = SqliteDatabaseStrategy::builder(folder.path().join("tenants"))
        .with_migrations(with(FILES, "alter table notes add column title text"));
    let registry = StrategyRegistry::new().with(rows.unwrap()).unwrap();
    TenantDb::new(registry.with(files.open().await.unwrap()).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let directory = SqliteDirectory::open(folder.path().join("directory.sqlite"))
        .await
        .unwrap();
    let old = files(&folder, false).await;
    let tenants = [("r1", "row"), ("d1", "database"), ("d2", "database")];
    for (id, strategy) in tenants {
        create(&directory, &old, strategy, &[id]).await;
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let mut serving = tokio::task::JoinSet::new();
    let mut counts = Vec::new();
    for (id, strategy) in tenants {
        let (db, tenant, is_over) = (old.clone(), admitted(id, strategy), Arc::clone(&is_over));
        let count = Arc::new(AtomicU64::new(0));
        counts.push(Arc::clone(&count));
        serving.spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                let number = count.load(Ordering::Relaxed);
                let done = db.run(&tenant, async |tx| {
                    sqlx::query("insert into notes (id) values ($1)")
                        .bind(format!("{number}"))
                        .execute(&mut **tx)
                        .await?;
                    sqlx::query("select id, body from notes limit 1")
                        .fetch_all(&mut **tx)
                        .await?;
                    Ok::<_, anyhow::Error>(())
                });
                if let Err(error) = done.await {
                    panic!("{}: {error:?}", tenant.tenant().id);
                }
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    served(&counts).await;
    let fleet = Fleet::new(directory, &files(&folder, true).await).unwrap();
    let report = run(&fleet, &FleetOptions::new()).await;
    assert!(report.is_complete(), "{report:?}");
    served(&counts).await;
    is_over.store(true, Ordering::Relaxed);
    while let Some(served) = serving.join_next().await {
        served.unwrap();
    }
}

/// The connection was chosen before the migration, and the transaction began behind it.
#[tokio::test]
async fn a_transaction_that_waits_for_a_migration_sees_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let old = files(&folder, false).await;
    let write = async |id: &str| {
        let mut tx = old.begin(&admitted("r1", "row")).await.unwrap();
        let sql = "insert into notes (id) values ($1)";
        sqlx::query(sql).bind(id).execute(&mut *tx).await.unwrap();
        tx.commit().await
    };
    write("1").await.unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.path().join("rows.sqlite"));
    let mut migrating = sqlx::ConnectOptions::connect(&options).await.unwrap();
    let sql = "begin immediate; alter table notes_rows add column title text";
    sqlx::raw_sql(sql).execute(&mut migrating).await.unwrap();
    let (written, ()) = tokio::join!(write("2"), async {
        // By then it waits for the lock of the file.
        tokio::time::sleep(Duration::from_millis(500)).await;
        sqlx::raw_sql("commit").execute(&mut migrating).await.unwrap();
    });
    written.unwrap();
}
