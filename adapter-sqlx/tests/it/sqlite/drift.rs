//! The drift of tenants' files: each class of it, planted and found, and nothing else.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Sqlite};
use tempfile::TempDir;
use tenancy_core::directory::TenantRecord;
use tenancy_sqlx::drift::{Change, DriftOptions, DriftReference, DriftReport, VersionDrift};
use tenancy_sqlx::{SqliteDatabaseBuilder, SqliteDatabaseStrategy, StrategyRegistry, TenantDb};

use crate::common::{admitted, migrations, row_options};

const RICH: [&str; 2] = [
    "create table authors (id integer primary key autoincrement, name text not null collate nocase);
create table notes (
    id integer primary key,
    author integer not null references authors (id),
    body text not null default 'it''s new' check (length(body) < 1000),
    size integer generated always as (length(body)) stored,
    unique (author, body)
);
create table pairs (a integer, b text, primary key (a, b)) without rowid;
create index notes_body_idx on notes (body) where author > 0;
create view recent as select id, body from notes;
create trigger stamp after insert on notes begin update authors set name = name; end",
    "alter table notes add column extra integer default 7",
];

/// What is no drift: another order of columns, rows, statistics, other spelling.
const NOISE: &str = "create table passing (id integer); drop table passing;
alter table notes drop column extra;
alter table notes add column passing integer; alter table notes drop column passing;
alter table notes add column \"extra\" INTEGER  default 7;
drop index notes_body_idx; CREATE INDEX notes_body_idx ON notes(body) WHERE author>0;
alter table pairs rename to other; alter table other rename to pairs;
insert into authors (name) values ('a'), ('b'); insert into notes (author, body) values (1, 'x'); analyze";

const CLASSES: &[(&str, &[&str])] = &[
    ("drop table pairs", &["no: table pairs"]),
    ("create table more (id integer)", &["additional: table more"]),
    (
        "drop table pairs; create table pairs (a integer, b text, primary key (a, b))",
        // A key without row ids is not null.
        &[
            "nullability: column pairs.a",
            "nullability: column pairs.b",
            "options: table pairs",
        ],
    ),
    ("alter table notes drop column extra", &["no: column notes.extra"]),
    (
        "alter table authors add column age integer",
        &["additional: column authors.age"],
    ),
    (
        "alter table notes drop column extra; alter table notes add column extra text default 7",
        &["type: column notes.extra"],
    ),
    (
        "alter table notes drop column extra; alter table notes add column extra integer default 8",
        &["default: column notes.extra"],
    ),
    (
        "alter table notes drop column extra; alter table notes add column extra integer not null default 7",
        &["nullability: column notes.extra"],
    ),
    (
        "alter table notes drop column extra; alter table notes add column extra integer default 7 check (extra > 0)",
        &["definition: column notes.extra"],
    ),
    (
        "alter table notes drop column extra; alter table notes add column extra integer default 7 collate nocase",
        &["definition: column notes.extra"],
    ),
    (
        "alter table notes drop column extra; alter table notes add column extra integer as (7)",
        &["default: column notes.extra", "generation: column notes.extra"],
    ),
    (
        "drop table pairs; create table pairs (a integer, b text, primary key (a, b), check (a > 0)) without rowid",
        &["additional: constraint pairs: check ( a > 0 )"],
    ),
    ("drop index notes_body_idx", &["no: index notes_body_idx"]),
    ("create index more on notes (id)", &["additional: index more"]),
    (
        "drop index notes_body_idx; create index notes_body_idx on notes (body)",
        &["definition: index notes_body_idx"],
    ),
    ("drop view recent", &["no: view recent"]),
    (
        "drop view recent; create view recent as select id from notes",
        &["definition: view recent"],
    ),
    ("drop trigger stamp", &["no: trigger notes.stamp"]),
    (
        "drop trigger stamp; create trigger stamp after update on notes begin update authors set name = name; end",
        &["definition: trigger notes.stamp"],
    ),
];

fn options(dir: &TempDir, sql: &[&'static str]) -> SqliteDatabaseBuilder {
    SqliteDatabaseStrategy::builder(dir.path().join("tenants")).with_migrations(migrations(sql))
}

async fn open(options: SqliteDatabaseBuilder) -> TenantDb<Sqlite> {
    TenantDb::new(StrategyRegistry::new().with(options.open().await.unwrap()).unwrap())
}

async fn provision(db: &TenantDb<Sqlite>, ids: &[&str]) -> Vec<TenantRecord> {
    let mut records = Vec::new();
    for id in ids {
        let record = admitted(id, "database").tenant().clone();
        db.provision(&record).await.unwrap();
        records.push(record);
    }
    records
}

async fn run(dir: &TempDir, id: &str, sql: &str) {
    let path = dir.path().join("tenants").join(format!("tenant-{id}.sqlite"));
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut file = options.connect().await.unwrap();
    let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut file).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    file.close().await.unwrap();
}

fn only_version(report: &DriftReport) -> &VersionDrift {
    match report.strategies.as_slice() {
        [strategy] if strategy.versions.len() == 1 => strategy.versions.first().unwrap(),
        _ => panic!("{report:?}"),
    }
}

fn of_tenant(version: &VersionDrift, id: &str) -> BTreeSet<String> {
    let of = version
        .differences
        .iter()
        .filter(|one| one.tenants.iter().any(|tenant| tenant.as_str() == id));
    of.map(|one| {
        let what = match one.change {
            Change::Missing => "no",
            Change::Additional => "additional",
            _ => one.aspect.as_deref().unwrap(),
        };
        format!("{what}: {} {}", one.kind, one.name)
    })
    .collect()
}

#[tokio::test]
async fn each_class_is_found_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(options(&dir, &RICH)).await;
    let mut tenants = provision(&db, &["a-one", "a-two", "a-three"]).await;
    run(&dir, "a-three", NOISE).await;
    for (number, (sql, _)) in CLASSES.iter().enumerate() {
        let id = format!("c{number}");
        tenants.extend(provision(&db, &[&id]).await);
        run(&dir, &id, sql).await;
    }
    let report = db.drift(&tenants, &DriftOptions::new()).await.unwrap();
    let version = only_version(&report);
    assert_eq!(version.as_expected, 3, "{report}");
    for (number, (sql, expected)) in CLASSES.iter().enumerate() {
        let expected: BTreeSet<String> = expected.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(of_tenant(version, &format!("c{number}")), expected, "{sql}");
    }
    assert_eq!((version.version, version.tie), (Some(2), None));
}

#[tokio::test]
async fn a_file_is_compared_with_one_and_with_what_the_migrations_make() {
    let dir = tempfile::tempdir().unwrap();
    let older = open(options(&dir, &RICH[..1])).await;
    let mut tenants = provision(&older, &["old"]).await;
    let db = open(options(&dir, &RICH)).await;
    tenants.extend(provision(&db, &["a", "b", "c"]).await);
    for id in ["a", "b"] {
        run(&dir, id, "drop index notes_body_idx").await;
    }
    let built = DriftOptions::new().with_reference(DriftReference::Build);
    let report = db.drift(&tenants, &built).await.unwrap();
    assert_eq!(
        report.to_string(),
        "database, version 1: 1 as expected\ndatabase, version 2: 1 as expected; 2 lack index `notes_body_idx`"
    );
    let with_c = DriftOptions::new().with_reference(DriftReference::Tenant("c".parse().unwrap()));
    let report = db.drift(&tenants, &with_c).await.unwrap();
    assert_eq!(
        report.to_string(),
        "database, version 1: 1 not compared: the reference has another version\n\
        database, version 2: 1 as expected; 2 lack index `notes_body_idx`"
    );
    assert!(!report.is_clean());
}

/// What this library keeps in a file is no tenant's.
#[tokio::test]
async fn the_fence_is_no_drift() {
    let dir = tempfile::tempdir().unwrap();
    let mut tenants = provision(&open(options(&dir, &RICH)).await, &["acme"]).await;
    tenants.extend(provision(&open(options(&dir, &RICH).with_fence()).await, &["globex"]).await);
    let db = open(options(&dir, &RICH)).await;
    let report = db.drift(&tenants, &DriftOptions::new()).await.unwrap();
    assert!(report.is_clean(), "{report}");
    tenants.push(admitted("nobody", "database").tenant().clone());
    let report = db.drift(&tenants, &DriftOptions::new()).await.unwrap();
    assert_eq!(
        report.to_string(),
        "database, version 2: 2 as expected\ndatabase: 1 not provisioned"
    );
}

#[tokio::test]
async fn shared_tables_have_nothing_to_compare() {
    let dir = tempfile::tempdir().unwrap();
    let db = TenantDb::new(
        StrategyRegistry::new()
            .with(row_options(&dir).open().await.unwrap())
            .unwrap(),
    );
    let tenants = [admitted("acme", "row").tenant().clone()];
    let report = db.drift(&tenants, &DriftOptions::new()).await.unwrap();
    assert!(report.is_clean());
    assert_eq!(
        report.to_string(),
        "row: nothing to compare, tenants share their tables"
    );
}
