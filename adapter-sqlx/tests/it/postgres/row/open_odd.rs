//! Databases and sessions that are unlike most, under the strategy `row`.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tenancy_sqlx::{
    PgFault, PgFinding, PgRowStrategy, PgRowTables, PgServer, PgTenantColumn, PgTenantTable, StrategyError,
};

use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::{NOTES, TestDatabase};

async fn open(
    database: &TestDatabase,
    schema: &PgRowTables,
    administrator: PgConnectOptions,
) -> Result<(), StrategyError> {
    let options = PgRowStrategy::builder(PgServer::new(database.application(), administrator), schema.clone());
    options.open().await.map(drop)
}

/// Opens, and then once more where nothing may be written.
async fn open_and_only_read(database: &TestDatabase, schema: &PgRowTables, administrator: PgConnectOptions) {
    open(database, schema, administrator.clone()).await.unwrap();
    let read_only = administrator.options([("default_transaction_read_only", "on")]);
    open(database, schema, read_only).await.unwrap();
}

fn declared(database: &TestDatabase, tables: &[(&str, PgTenantColumn)]) -> PgRowTables {
    tables.iter().fold(database.schema(), |schema, (name, column)| {
        let table = PgTenantTable::new(name).unwrap();
        schema.with_table(table.with_tenant_column("tenant_id", *column).unwrap())
    })
}

/// The column has a high number, the last ones have been dropped, or the table is a child of another.
#[tokio::test]
async fn tables_of_any_shape_are_only_read() {
    let database = TestDatabase::new().await;
    let many = |count: u32| (0..count).map(|number| format!("c{number} int, ")).collect::<String>();
    let sql = format!(
        "create table wide ({} tenant_id uuid not null primary key);
        create table widest ({} tenant_id bigint not null primary key);
        create table changed (tenant_id int, a int);
        alter table changed drop column tenant_id; alter table changed add column tenant_id text not null primary key;
        create table parent (a int, tenant_id text not null);
        create table child (b int, primary key (tenant_id)) inherits (parent);
        create table parts (at int not null, tenant_id text not null) partition by range (at);
        create table part (tenant_id text not null, at int not null);
        alter table parts attach partition part for values from (0) to (9)",
        many(70),
        many(200)
    );
    run(&mut database.connect().await, sql).await;
    let text = PgTenantColumn::Text;
    let tables = [
        ("wide", PgTenantColumn::Uuid),
        ("widest", PgTenantColumn::BigInt),
        ("changed", text),
        ("parent", text),
        ("child", text),
        ("parts", text),
        ("part", text),
    ];
    open_and_only_read(&database, &declared(&database, &tables), database.administrator()).await;
}

/// Settings of the administrator's session that change how SQL is read, or written out.
#[tokio::test]
async fn sessions_of_any_settings_are_only_read() {
    for (name, value) in [
        ("quote_all_identifiers", "on"),
        ("standard_conforming_strings", "off"),
        ("default_transaction_isolation", "serializable"),
        ("search_path", "nowhere"),
        ("lock_timeout", "1h"),
        ("row_security", "off"),
    ] {
        let database = TestDatabase::new().await;
        run(&mut database.connect().await, NOTES).await;
        let administrator = database.administrator().options([(name, value)]);
        let schema = declared(&database, &[("notes", PgTenantColumn::Text)]);
        open_and_only_read(&database, &schema, administrator).await;
        open_and_only_read(&database, &schema, database.administrator()).await;
    }
}

/// A policy that names columns of the system, or other tables, is spelled, too.
#[tokio::test]
async fn any_policy_is_found_and_written_anew() {
    let database = TestDatabase::new().await;
    run(&mut database.connect().await, NOTES).await;
    let schema = declared(&database, &[("notes", PgTenantColumn::Text)]);
    open(&database, &schema, database.administrator()).await.unwrap();
    for rule in [
        "tableoid = 'notes'::regclass",
        "ctid is not null",
        "notes is not null",
        "exists (select from notes other where other.id = notes.id)",
        "tenant_id = (select nullif(evil.current_setting('app.tenant_id', true), ''))",
        "tenant_id operator(evil.=) (select nullif(current_setting('app.tenant_id', true), ''))",
        "tenant_id collate \"C\" = (select nullif(current_setting('app.tenant_id', true), ''))",
        "name = (select nullif(current_setting('app.tenant_id', true), ''))",
    ] {
        let mut administrator = database.connect().await;
        run(
            &mut administrator,
            "create schema if not exists evil;
            create or replace function evil.current_setting(text, boolean) returns text language sql as 'select $1';
            create or replace function evil.yes(text, text) returns boolean language sql as 'select true';
            drop operator if exists evil.= (text, text) cascade;
            create operator evil.= (function = evil.yes, leftarg = text, rightarg = text)",
        )
        .await;
        run(
            &mut administrator,
            format!("alter policy tenancy_tenant on notes using ({rule})"),
        )
        .await;
        let report = schema.verify(&mut administrator).await.unwrap();
        let faults: Vec<_> = report.findings().iter().map(PgFinding::fault).collect();
        assert_eq!(faults, [PgFault::PolicyDiffers], "{rule}");
        // As a role that looks for names in that schema first.
        let misled = database
            .administrator()
            .options([("search_path", "evil, pg_catalog, public")]);
        open(&database, &schema, misled.clone()).await.unwrap();
        let report = schema.verify(&mut misled.connect().await.unwrap()).await.unwrap();
        assert!(report.is_clean(), "{rule}: {report}");
        run(
            &mut administrator,
            format!("alter policy tenancy_tenant on notes using ({rule})"),
        )
        .await;
        let mut tx = administrator.begin().await.unwrap();
        run(&mut tx, "set local search_path = evil, pg_catalog, public").await;
        run(&mut tx, schema.sql()).await;
        tx.commit().await.unwrap();
        let report = schema.verify(&mut administrator).await.unwrap();
        assert!(report.is_clean(), "{rule}: {report}");
        run(&mut administrator, "drop schema evil cascade").await;
    }
}

/// What is not as declared is found, and the statements for the rest are undone.
#[tokio::test]
async fn what_cannot_be_guarded_is_a_finding() {
    let database = TestDatabase::new().await;
    let sql = format!(
        "{NOTES}; create table other_type (tenant_id uuid not null primary key);
        create table other_column (id text primary key); create view looks_like_one as select * from notes"
    );
    run(&mut database.connect().await, sql).await;
    for (name, fault) in [
        ("other_type", PgFault::ColumnType),
        ("other_column", PgFault::ColumnMissing),
        ("looks_like_one", PgFault::TableMissing),
        ("nowhere", PgFault::TableMissing),
    ] {
        let text = PgTenantColumn::Text;
        let schema = declared(&database, &[("notes", text), (name, text)]);
        match open(&database, &schema, database.administrator()).await {
            Err(StrategyError::UnsafeDatabase(report)) => {
                assert!(
                    report.findings().iter().any(|finding| finding.fault() == fault),
                    "{name}: {report}"
                );
            }
            other => panic!("{name}: {other:?}"),
        }
        let policies: i64 = sqlx::query_scalar("select count(*) from pg_policy")
            .fetch_one(&mut database.connect().await)
            .await
            .unwrap();
        assert_eq!(policies, 0);
    }
}

/// A table that is declared twice is written once.
#[tokio::test]
async fn a_table_may_be_declared_twice() {
    let database = TestDatabase::new().await;
    run(&mut database.connect().await, NOTES).await;
    let text = PgTenantColumn::Text;
    let twice = declared(&database, &[("notes", text), ("notes", text)]);
    open_and_only_read(&database, &twice, database.administrator()).await;
}
