//! Rows of one tenant: exported, loaded in bulk, numbered, and without large objects.

use sqlx::AssertSqlSafe;
use tempfile::tempdir;
use tenancy_sqlx::{PgFault, PgRowStrategy, PgTenantTable, PgTenantView, StrategyRegistry, TenantDb};

use super::page::{named, recipe, shell};
use crate::postgres::support::schema_server::{self, run};
use crate::postgres::support::server::{TestDatabase, bodies_of, code, seed, tenant};

#[tokio::test]
async fn an_export_holds_one_tenants_rows() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    seed(&db, &["acme", "globex"]).await;
    let folder = tempdir().unwrap();
    let name = database.administrator().get_database().unwrap().to_owned();
    shell(
        &database,
        folder.path(),
        "export",
        &[("--dbname=notes", &format!("--dbname={name}"))],
    );
    let rows = std::fs::read_to_string(folder.path().join("notes.csv")).unwrap();
    let rows: Vec<&str> = rows.lines().collect();
    assert_eq!(rows, ["tenant_id,id,name,body", "acme,1,first,of acme"]);
}

#[tokio::test]
async fn rows_are_loaded_by_way_of_a_temporary_table() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    seed(&db, &["globex"]).await;
    // Why: neither of the two may copy into the table itself.
    let mut tx = db.begin(&tenant("acme")).await.unwrap();
    let copy = "copy notes (name, body) from stdin with (format csv)";
    assert_eq!(code(tx.copy_in_raw(copy).await.map(drop)), "0A000");
    drop(tx);
    assert_eq!(
        code(database.connect().await.copy_in_raw(copy).await.map(drop)),
        "0A000"
    );

    let mut tx = db.begin(&tenant("acme")).await.unwrap();
    let steps: Vec<&str> = recipe("load").split_terminator(';').collect();
    let [create, copy, insert] = steps[..] else {
        panic!("{steps:?}")
    };
    run(&mut tx, create).await;
    let mut copying = tx.copy_in_raw(copy.trim()).await.unwrap();
    copying.send(&b"one,of acme 1\ntwo,of acme 2\n"[..]).await.unwrap();
    assert_eq!(copying.finish().await.unwrap(), 2);
    run(&mut tx, insert).await;
    tx.commit().await.unwrap();
    assert_eq!(bodies_of(&db, "acme").await, ["of acme 1", "of acme 2"]);

    let mut tx = db.begin(&tenant("acme")).await.unwrap();
    sqlx::query(recipe("unnest"))
        .bind(vec!["three", "four"])
        .bind(vec!["of acme 3", "of acme 4"])
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(bodies_of(&db, "acme").await.len(), 4);
    assert_eq!(bodies_of(&db, "globex").await, ["of globex"]);
}

#[tokio::test]
async fn a_view_shows_one_tenants_rows() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    seed(&db, &["acme", "globex"]).await;
    run(&mut database.connect().await, &named(&database, recipe("view"))).await;
    let mut tx = db.begin_read(&tenant("acme")).await.unwrap();
    let bodies: Vec<String> = sqlx::query_scalar("select body from first_notes")
        .fetch_all(&mut *tx)
        .await
        .unwrap();
    assert_eq!(bodies, ["of acme"]);
    drop(tx);
    let tables = database.schema().with_table(PgTenantTable::new("notes").unwrap());
    let tables = tables.with_view(PgTenantView::new("first_notes").unwrap());
    let report = tables.verify(&mut database.connect().await).await.unwrap();
    assert!(report.is_clean(), "{report}");
}

/// Where a tenant's tables are its own, no policy is in the way.
#[tokio::test]
async fn copy_works_into_tables_of_a_tenants_own() {
    let database = TestDatabase::new().await;
    let db = schema_server::two_tenants(&database).await;
    let mut tx = db.begin(&schema_server::member("acme")).await.unwrap();
    let copy = "copy notes (name, body) from stdin with (format csv)";
    let mut copying = tx.copy_in_raw(copy).await.unwrap();
    copying.send(&b"second,more of acme\n"[..]).await.unwrap();
    assert_eq!(copying.finish().await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(schema_server::notes_of(&db, "acme").await, ["more of acme", "of acme"]);
    assert_eq!(schema_server::notes_of(&db, "globex").await, ["of globex"]);
}

#[tokio::test]
async fn each_tenant_counts_by_itself() {
    let database = TestDatabase::new().await;
    run(&mut database.connect().await, recipe("counters")).await;
    let tables = database.schema().with_table(PgTenantTable::new("counters").unwrap());
    let row = PgRowStrategy::builder(database.server(), tables);
    let db = TenantDb::new(StrategyRegistry::new().with(row.open().await.unwrap()).unwrap());
    for (id, expected) in [("acme", 1), ("acme", 2), ("globex", 1), ("acme", 3)] {
        let mut tx = db.begin(&tenant(id)).await.unwrap();
        let number: i64 = sqlx::query_scalar(recipe("next-number"))
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        assert_eq!(number, expected, "{id}");
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn large_objects_become_values() {
    let database = TestDatabase::new().await;
    let mut administrator = database.connect().await;
    drop(database.one_connection().await);
    let sql = "alter table notes add column content_number oid;
        insert into notes (tenant_id, name, content_number) values ('acme', 'first', lo_from_bytea(0, 'of acme'))";
    run(&mut administrator, sql).await;
    run(&mut administrator, database.named("do $$ declare number oid; begin
        select content_number into number from notes; execute format('grant select on large object %s to APP', number); end $$")).await;
    let tables = database.schema().with_table(PgTenantTable::new("notes").unwrap());
    let large = |report: &tenancy_sqlx::PgReport| {
        report
            .findings()
            .iter()
            .any(|finding| finding.fault() == PgFault::LargeObjects)
    };
    let report = tables.verify(&mut administrator).await.unwrap();
    assert!(large(&report), "{report}");
    run(&mut administrator, recipe("large-objects")).await;
    let report = tables.verify(&mut administrator).await.unwrap();
    assert!(!large(&report), "{report}");
    let sql = "select convert_from(content, 'UTF8') from notes";
    let content: String = sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_one(&mut administrator)
        .await
        .unwrap();
    assert_eq!(content, "of acme");
}
