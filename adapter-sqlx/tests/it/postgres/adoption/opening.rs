//! What the strategy says when it opens on tables that have not been adopted, and of tables that nobody declared.

use std::error::Error;

use tenancy_sqlx::{PgRowStrategy, PgRowTables, StrategyError};

use crate::postgres::adoption::before_and_after::{adopt, before, declared, open};
use crate::postgres::support::server::TestDatabase;

async fn refused(database: &TestDatabase, tables: PgRowTables) -> StrategyError {
    let row = PgRowStrategy::builder(database.server(), tables);
    row.open().await.unwrap_err()
}

#[tokio::test]
async fn a_table_that_was_not_adopted_names_the_adoption() {
    for sql in [
        "create table notes (id int primary key)",
        "create table notes (tenant_id text, id int); insert into notes values (null, 1)",
    ] {
        let database = before(sql).await;
        let error = refused(&database, declared(&database, &["notes"])).await;
        let report = error.source().map(ToString::to_string).unwrap_or_default();
        assert!(matches!(error, StrategyError::UnsafeDatabase(_)), "{sql}: {error:?}");
        assert!(
            report.contains("notes") && report.contains("PgRowTables::adopt"),
            "{sql}: {report}"
        );
    }
}

#[tokio::test]
async fn tables_that_all_tenants_write_are_reported() {
    let database = before(
        "create table notes (id int primary key);
        create table written (id int); grant insert on written to APP;
        create table \"Changed\" (id int) partition by range (id); grant update (id) on \"Changed\" to APP;
        create table changed_one partition of \"Changed\" default; grant all on changed_one to APP;
        create table known (id int); grant delete on known to APP;
        create table read (id int); grant select on read to APP;
        create table hidden (id int);
        create schema tenant_acme; create table tenant_acme.notes (id int); grant usage on schema tenant_acme to APP;
        grant insert on tenant_acme.notes to APP",
    )
    .await;
    let tables = declared(&database, &["notes"])
        .with_shared_table("public", "known")
        .unwrap();
    let adoption = adopt(&database, &tables).await.unwrap();
    let report = adoption.report();
    assert_eq!(
        report.shared_tables(),
        ["public.\"Changed\"", "public.written", "tenant_acme.notes"]
    );
    assert!(report.is_clean());
    // Beside the strategy `schema` there is one of them for each of its tenants.
    for (prefix, is_reported) in [
        ("tenant_", false),
        ("tenant", false),
        ("tenant_acme", true),
        ("other_", true),
        ("", true),
    ] {
        let beside = tables.clone().with_tenant_schemas(prefix);
        let report = beside.verify(&mut database.connect().await).await.unwrap();
        let reported = report
            .shared_tables()
            .iter()
            .any(|table| table.starts_with("tenant_acme."));
        assert_eq!(reported, is_reported, "{prefix}");
    }
    assert!(
        report
            .to_string()
            .contains("public.written: the application may write it")
    );
    open(&database, tables).await;
}
