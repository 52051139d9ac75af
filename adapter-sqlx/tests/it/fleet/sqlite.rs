//! The same on SQLite: a file for each tenant, and rows of one file.

use tenancy_sqlx::fleet::{Fleet, FleetOptions};
use tenancy_sqlx::{SqliteDatabaseStrategy, SqliteDirectory, SqliteRowStrategy, StrategyRegistry, TenantDb};

use super::support::{create, failed, run};
use crate::common::{NOTES, admitted, migrations, notes_table, run as run_sql, texts};

const FILES: [&str; 3] = [
    "create table applied (version integer not null); insert into applied values (1)",
    "create table drafts (body text); insert into applied values (2)",
    "alter table drafts add column title text; insert into applied values (3)",
];
const RANK: &str = "alter table notes_rows add column title text";

async fn release(
    folder: &tempfile::TempDir,
    files: usize,
    rows: &[&'static str],
    migrates: bool,
) -> TenantDb<sqlx::Sqlite> {
    let rows = SqliteRowStrategy::builder(folder.path().join("rows.sqlite"))
        .with_table(notes_table())
        .with_migrations(migrations(rows));
    let rows = if migrates {
        rows.open().await
    } else {
        rows.open_for_migrations().await
    };
    let files =
        SqliteDatabaseStrategy::builder(folder.path().join("tenants")).with_migrations(migrations(&FILES[..files]));
    let registry = StrategyRegistry::new().with(rows.unwrap()).unwrap();
    TenantDb::new(registry.with(files.open().await.unwrap()).unwrap())
}

async fn applied(db: &TenantDb<sqlx::Sqlite>, id: &str) -> Vec<String> {
    let mut tx = db.begin(&admitted(id, "database")).await.unwrap();
    texts(&mut tx, "select cast(version as text) from applied order by version").await
}

#[tokio::test]
async fn files_and_rows_are_migrated_by_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let directory = SqliteDirectory::open(folder.path().join("directory.sqlite"))
        .await
        .unwrap();
    let old = release(&folder, 1, &[NOTES], true).await;
    create(&directory, &old, "database", &["a", "b", "c"]).await;
    create(&directory, &old, "row", &["r"]).await;

    let db = release(&folder, 3, &[NOTES, RANK], false).await;
    let fleet = Fleet::new(directory.clone(), &db).unwrap();
    let plan = fleet.plan(&FleetOptions::new(), |_| {}).await.unwrap();
    assert_eq!(plan.behind(), 4);
    // One fails half-way, and the others are done.
    let mut tx = old.begin(&admitted("b", "database")).await.unwrap();
    run_sql(&mut tx, "delete from applied").await.unwrap();
    run_sql(&mut tx, "insert into applied values (1)").await.unwrap();
    tx.commit().await.unwrap();
    let report = run(&fleet, &FleetOptions::new()).await;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.done, 4);
    for id in ["a", "b", "c"] {
        assert_eq!(applied(&db, id).await, ["1", "2", "3"], "{id}");
    }
    assert_eq!(run(&fleet, &FleetOptions::new()).await.done, 0);
    // It was opened for migrations, and serves nobody.
    assert!(db.begin(&admitted("r", "row")).await.is_err());
    let serving = release(&folder, 3, &[NOTES, RANK], true).await;
    let mut tx = serving.begin(&admitted("r", "row")).await.unwrap();
    run_sql(&mut tx, "insert into notes (id, title) values ('1', 'one')")
        .await
        .unwrap();
    // An older release finds files that are ahead.
    let older = Fleet::new(directory, &release(&folder, 2, &[NOTES], false).await).unwrap();
    let plan = older.plan(&FleetOptions::new(), |_| {}).await.unwrap();
    assert_eq!(plan.strategies[&"database".parse().unwrap()].ahead.count, 3);
    assert_eq!(plan.behind(), 0);
}

#[tokio::test]
async fn a_file_that_fails_is_named_and_finished_by_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let directory = SqliteDirectory::open(folder.path().join("directory.sqlite"))
        .await
        .unwrap();
    let old = release(&folder, 1, &[NOTES], true).await;
    create(&directory, &old, "database", &["a", "b"]).await;
    let file = folder.path().join("tenants/tenant-b.sqlite");
    let execute = async |sql: &'static str| {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
        let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        sqlx::Connection::close(connection).await.unwrap();
    };
    execute(
        "create trigger at_most_two before insert on applied when new.version > 2 begin select raise(abort, 'no'); end",
    )
    .await;
    let db = release(&folder, 3, &[NOTES], false).await;
    let fleet = Fleet::new(directory, &db).unwrap();
    let report = run(&fleet, &FleetOptions::new()).await;
    assert_eq!(failed(&report), ["b"]);
    assert_eq!(report.failures[0].version, Some(3));
    assert_eq!(applied(&db, "b").await, ["1", "2"]);
    execute("drop trigger at_most_two").await;
    assert!(run(&fleet, &FleetOptions::new()).await.is_complete());
    assert_eq!(applied(&db, "b").await, ["1", "2", "3"]);
}
