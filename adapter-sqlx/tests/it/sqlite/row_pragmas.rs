//! What stays with a connection does not reach the next tenant.

use sqlx::{AssertSqlSafe, Row};
use tempfile::tempdir;

use crate::common::*;
use crate::sqlite::row_ddl::{is_served, schema, two_tenants};

#[tokio::test]
async fn statements_that_stay_with_the_connection_leave_it_closed_or_clean() {
    let dir = tempdir().unwrap();
    let (db, a, b) = two_tenants(&dir).await;
    let before = schema(&db).await;
    for sql in [
        "create temp table scratch (x)",
        "create temp view notes_rows as select 1",
        "create temp trigger spy after insert on notes_rows begin insert into shared values (new.body); end",
        "attach ':memory:' as other",
        "attach ':memory:' as other; create table other.copied as select * from notes_rows",
        "vacuum",
        "rollback; vacuum",
        "reindex",
        "reindex notes_rows",
        "rollback; analyze; drop table sqlite_stat1; drop table sqlite_stat4",
        "pragma foreign_keys = off",
        "rollback; pragma foreign_keys = off",
        "pragma query_only = on",
        "pragma user_version = 7",
        "pragma application_id = 7",
        "pragma optimize",
        "pragma wal_checkpoint",
        "rollback; pragma wal_checkpoint(truncate)",
        "pragma ignore_check_constraints = on",
        "pragma recursive_triggers = on",
        "pragma legacy_alter_table = on",
        "pragma writable_schema = on",
        "rollback; pragma locking_mode = exclusive; select * from shared",
        "pragma temp_store = file",
        "pragma journal_mode = delete",
    ] {
        for is_committed in [true, false] {
            let mut tx = db.begin(&a).await.unwrap();
            run(&mut tx, sql).await.ok();
            if is_committed {
                tx.commit().await.ok();
            } else {
                drop(tx);
            }
            assert_eq!(schema(&db).await, before, "{sql}");
            is_served(&db, [&b, &a], sql).await;
        }
    }
}

#[tokio::test]
async fn pragmas_that_change_what_statements_do_are_not_handed_on() {
    let dir = tempdir().unwrap();
    let (db, a, b) = two_tenants(&dir).await;
    for (pragma, ours) in [
        ("ignore_check_constraints", "0"),
        ("recursive_triggers", "0"),
        ("writable_schema", "0"),
        ("read_uncommitted", "0"),
        ("foreign_keys", "1"),
        ("query_only", "0"),
    ] {
        let other = if ours == "0" { "1" } else { "0" };
        for sql in [
            format!("pragma {pragma} = {other}"),
            format!("rollback; pragma {pragma} = {other}"),
        ] {
            let mut tx = db.begin(&a).await.unwrap();
            run(&mut tx, &sql).await.unwrap();
            drop(tx);
            let mut tx = db.begin(&b).await.unwrap();
            let mut values = Vec::new();
            for row in sqlx::raw_sql(AssertSqlSafe(format!("pragma {pragma}")))
                .fetch_all(&mut *tx)
                .await
                .unwrap()
            {
                values.push(row.get::<i64, _>(0).to_string());
            }
            assert_eq!(values, [ours], "{sql}");
        }
    }
    let mut tx = db.begin(&a).await.unwrap();
    run(&mut tx, "rollback; pragma locking_mode = exclusive").await.unwrap();
    drop(tx);
    let mut tx = db.begin(&b).await.unwrap();
    assert_eq!(texts(&mut tx, "pragma locking_mode").await, ["normal"]);
}
