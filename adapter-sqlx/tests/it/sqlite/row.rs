//! What a tenant sees and may do where tenants share a file.

use tempfile::tempdir;
use tenancy_core::context;
use tenancy_sqlx::{PoolSettings, SqliteRowBuilder, SqliteRowStrategy, StrategyRegistry, TenantDb, TransactionError};

use crate::across::AcrossTenants as _;
use crate::common::*;

fn row_options_of(dir: &tempfile::TempDir, schema: &'static str) -> SqliteRowBuilder {
    SqliteRowStrategy::builder(dir.path().join("rows.sqlite"))
        .with_table(notes_table())
        .with_migrations(migrations(&[schema]))
}

#[tokio::test]
async fn a_forgotten_where_reads_own_rows_only() {
    let dir = tempdir().unwrap();
    let (db, a, b) = two_tenants(&dir).await;
    assert_eq!(bodies(&db, &a).await, ["of a"]);
    assert_eq!(bodies(&db, &b).await, ["of b"]);
    let mut tx = db.begin(&a).await.unwrap();
    assert_eq!(
        run(&mut tx, "select * from notes where tenant_id = 'b'").await.unwrap(),
        0
    );
    assert_eq!(
        run(&mut tx, "select * from notes n join notes m on 1 or 1")
            .await
            .unwrap(),
        1
    );
}

#[tokio::test]
async fn a_forgotten_where_updates_and_deletes_own_rows_only() {
    let dir = tempdir().unwrap();
    let (db, a, _) = two_tenants(&dir).await;
    let mut tx = db.begin(&a).await.unwrap();
    run(&mut tx, "insert into notes (id) values ('2')").await.unwrap();
    run(&mut tx, "update notes set body = 'changed'").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(base_rows(&db).await, ["a/1/changed", "a/2/changed", "b/1/of b"]);
    let mut tx = db.begin(&a).await.unwrap();
    run(&mut tx, "delete from notes").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(base_rows(&db).await, ["b/1/of b"]);
}

#[tokio::test]
async fn a_row_that_names_another_tenant_is_refused() {
    let dir = tempdir().unwrap();
    let (db, a, _) = two_tenants(&dir).await;
    let before = base_rows(&db).await;
    for sql in [
        "insert into notes (tenant_id, id) values ('b', '9')",
        "insert or ignore into notes (tenant_id, id) values ('b', '9')",
        "insert or replace into notes (tenant_id, id) values ('b', '1')",
        "insert into notes (tenant_id, id) values ('A', '9')",
        "insert into notes (tenant_id, id) values ('', '9')",
        "insert into notes (tenant_id, id) values (x'61', '9')",
        "insert into notes (tenant_id, id) values (0, '9')",
        "insert into notes (tenant_id, id) select 'b', '9' union all select 'a', '8'",
        "update notes set tenant_id = 'b'",
        "update or ignore notes set tenant_id = 'b'",
        "update or replace notes set tenant_id = 'b'",
        "update notes set tenant_id = null",
    ] {
        let mut tx = db.begin(&a).await.unwrap();
        let error = run(&mut tx, sql).await.unwrap_err().to_string();
        assert!(error.contains("names another tenant"), "{sql}: {error}");
        tx.commit().await.unwrap();
        assert_eq!(base_rows(&db).await, before, "{sql}");
    }
}

#[tokio::test]
async fn replacing_stays_within_the_tenant() {
    let dir = tempdir().unwrap();
    let (db, a, _) = two_tenants(&dir).await;
    let mut tx = db.begin(&a).await.unwrap();
    run(&mut tx, "insert or replace into notes (id, body) values ('1', 'new')")
        .await
        .unwrap();
    run(
        &mut tx,
        "insert or ignore into notes (id, body) values ('1', 'ignored')",
    )
    .await
    .unwrap();
    run(
        &mut tx,
        "insert into notes (tenant_id, id, body) values ('a', '2', 'named')",
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(base_rows(&db).await, ["a/1/new", "a/2/named", "b/1/of b"]);
}

#[tokio::test]
async fn without_a_tenant_there_are_no_rows_and_no_writes() {
    let dir = tempdir().unwrap();
    let (db, a, _) = two_tenants(&dir).await;
    let before = base_rows(&db).await;
    let mut tx = db.begin(&a).await.unwrap();
    // Undoes the tenant that `begin` has set.
    run(&mut tx, "rollback").await.unwrap();
    assert_eq!(run(&mut tx, "select * from notes").await.unwrap(), 0);
    run(&mut tx, "update notes set body = 'x'").await.unwrap();
    run(&mut tx, "delete from notes").await.unwrap();
    for sql in [
        "insert into notes (id) values ('9')",
        "insert or ignore into notes (id) values ('9')",
        "insert into notes (tenant_id, id) values ('a', '9')",
    ] {
        let error = run(&mut tx, sql).await.unwrap_err().to_string();
        assert!(error.contains("no tenant is bound"), "{sql}: {error}");
    }
    drop(tx);
    assert_eq!(base_rows(&db).await, before);
}

#[tokio::test]
async fn a_left_out_column_gets_its_default() {
    let dir = tempdir().unwrap();
    let (db, a, _) = two_tenants(&dir).await;
    let mut tx = db.begin(&a).await.unwrap();
    run(&mut tx, "insert into notes (id) values ('2')").await.unwrap();
    let seen = texts(&mut tx, "select body || rank || length from notes where id = '2'").await;
    assert_eq!(seen, ["no body77"]);
    let error = run(&mut tx, "insert into notes (body) values ('x')").await.unwrap_err();
    assert!(error.to_string().contains("notes_rows.id"), "{error}");
}

#[tokio::test]
async fn what_returning_tells() {
    let dir = tempdir().unwrap();
    let (db, a, _) = two_tenants(&dir).await;
    let mut tx = db.begin(&a).await.unwrap();
    let inserted = texts(
        &mut tx,
        "insert into notes (id, body) values ('2', 'x') returning id || body",
    )
    .await;
    assert_eq!(inserted, ["2x"]);
    let defaults: Vec<Option<String>> = sqlx::query_scalar("insert into notes (id) values ('3') returning body")
        .fetch_all(&mut *tx)
        .await
        .unwrap();
    assert_eq!(defaults, [None], "the documentation says that defaults are not told");
    let updated = texts(&mut tx, "update notes set body = body || '!' returning body").await;
    assert_eq!(updated, ["of a!", "x!", "no body!"]);
    assert_eq!(
        texts(&mut tx, "delete from notes where id = '2' returning body").await,
        ["x!"]
    );
    let upsert = "insert into notes (id) values ('1') on conflict do nothing";
    assert!(run(&mut tx, upsert).await.is_err());
}

#[tokio::test]
async fn read_only_transactions_do_not_write_and_do_not_stick() {
    let dir = tempdir().unwrap();
    let (db, a, b) = two_tenants(&dir).await;
    let before = base_rows(&db).await;
    let visit = a.to_visit();
    for sql in [
        "insert into notes (id) values ('9')",
        "update notes set body = 'x'",
        "delete from notes",
        "delete from notes_rows",
        "create table t (x)",
        "pragma query_only = off; delete from notes",
    ] {
        for is_visit in [true, false] {
            let begun = if is_visit {
                db.visit(&visit).await
            } else {
                db.begin_read(&a).await
            };
            let mut tx = begun.unwrap();
            assert_eq!(texts(&mut tx, "select body from notes").await, ["of a"]);
            let error = run(&mut tx, sql).await.unwrap_err().to_string();
            assert!(error.contains("readonly"), "{sql}: {error}");
            tx.commit().await.ok();
        }
        assert_eq!(base_rows(&db).await, before, "{sql}");
    }
    let mut tx = db.begin_read(&b).await.unwrap();
    assert_eq!(texts(&mut tx, "select body from notes").await, ["of b"]);
    let mut tx = db.begin(&b).await.unwrap();
    run(&mut tx, "update notes set body = 'written'").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(bodies(&db, &b).await, ["written"]);
}

#[tokio::test]
async fn the_current_tenant_is_the_tasks() {
    let dir = tempdir().unwrap();
    let (db, a, b) = two_tenants(&dir).await;
    for (tenant, own) in [(a.clone(), "of a"), (b, "of b")] {
        let seen = context::scope(tenant, async {
            let mut tx = db.begin_current().await.unwrap();
            let mine = texts(&mut tx, "select body from notes").await;
            drop(tx);
            let mut tx = db.visit_current().await.unwrap();
            assert_eq!(texts(&mut tx, "select body from notes").await, mine);
            mine
        });
        assert_eq!(seen.await, [own]);
    }
    assert!(matches!(db.begin_current().await, Err(TransactionError::OutOfScope(_))));
    assert!(matches!(db.visit_current().await, Err(TransactionError::OutOfScope(_))));
    let visiting = context::scope(a.to_visit(), async {
        assert!(matches!(db.begin_current().await, Err(TransactionError::OutOfScope(_))));
        let mut tx = db.visit_current().await.unwrap();
        texts(&mut tx, "select body from notes").await
    });
    assert_eq!(visiting.await, ["of a"]);
}

#[tokio::test]
async fn administration_sees_all_tenants_and_no_views() {
    let dir = tempdir().unwrap();
    let (db, ..) = two_tenants(&dir).await;
    let mut tx = db.across_tenants().await.unwrap();
    assert_eq!(run(&mut tx, "select * from notes_rows").await.unwrap(), 2);
    assert!(run(&mut tx, "select * from notes").await.is_err());
}

#[tokio::test]
async fn a_migration_elsewhere_is_seen_by_the_next_transaction() {
    let dir = tempdir().unwrap();
    let (db, a, _) = two_tenants(&dir).await;
    let mut tx = db.across_tenants().await.unwrap();
    run(
        &mut tx,
        "alter table notes_rows add column done integer not null default 1",
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let mut tx = db.begin(&a).await.unwrap();
    run(&mut tx, "insert into notes (id) values ('2')").await.unwrap();
    assert_eq!(texts(&mut tx, "select 'done' from notes where done = 1").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_wait_for_each_other() {
    let dir = tempdir().unwrap();
    let rows = row_options(&dir)
        .with_pool(PoolSettings::new().with_max_connections(4))
        .open()
        .await
        .unwrap();
    let db = tenancy_sqlx::TenantDb::new(tenancy_sqlx::StrategyRegistry::new().with(rows).unwrap());
    let writers = (0..16).map(|writer| {
        let db = db.clone();
        tokio::spawn(async move {
            let tenant = row_tenant(if writer % 2 == 0 { "a" } else { "b" });
            for n in 0..10 {
                let mut tx = db.begin(&tenant).await.unwrap();
                // A read first: a deferred transaction would fail to become a writer here.
                run(&mut tx, "select count(*) from notes").await.unwrap();
                run(&mut tx, &format!("insert into notes (id) values ('{writer}-{n}')"))
                    .await
                    .unwrap();
                tx.commit().await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    assert_eq!(bodies(&db, &row_tenant("a")).await.len(), 80);
    assert_eq!(bodies(&db, &row_tenant("b")).await.len(), 80);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_migration_runs_once_whoever_opens_the_file() {
    let dir = tempdir().unwrap();
    row_db(&dir).await.close().await;
    let at_once = (0..8).map(|_| {
        let more = migrations(&[NOTES, "alter table notes_rows add column done integer"]);
        tokio::spawn(row_options(&dir).with_migrations(more).open())
    });
    for one in at_once.collect::<Vec<_>>() {
        one.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn rows_are_told_apart_byte_for_byte() {
    let dir = tempdir().unwrap();
    let schema = "create table notes_rows (tenant_id text not null collate nocase, id text not null collate nocase, \
                  body text, primary key (tenant_id, id collate binary));";
    let rows = row_options_of(&dir, schema);
    let db = TenantDb::new(StrategyRegistry::new().with(rows.open().await.unwrap()).unwrap());
    let a = row_tenant("a");
    let mut tx = db.begin(&a).await.unwrap();
    run(&mut tx, "insert into notes (id, body) values ('A', 'x'), ('a', 'y')")
        .await
        .unwrap();
    run(&mut tx, "delete from notes where body = 'x'").await.unwrap();
    assert_eq!(texts(&mut tx, "select body from notes").await, ["y"]);
    assert!(run(&mut tx, "update notes set tenant_id = 'A'").await.is_err());
}
