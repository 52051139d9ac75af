//! What one tenant's transaction leaves behind, on a pool of one connection, is not there for the next.

use std::panic::AssertUnwindSafe;

use sqlx::{AssertSqlSafe, Connection};
use tenancy_sqlx::TransactionError;

use crate::postgres::support::server::{TestDatabase, bodies, bodies_of, code, seed, tenant};

/// What a transaction of `acme` runs, and a question of which `globex` must see the answer on a session
/// that nobody used.
const LEFTOVERS: [(&str, &str); 12] = [
    (
        "set app.tenant_id = 'acme'",
        "select count(*)::text from notes where tenant_id = 'acme'",
    ),
    (
        "set my.secret = 'acme'",
        "select coalesce(nullif(current_setting('my.secret', true), ''), 'none')",
    ),
    ("set search_path = pg_catalog", "show search_path"),
    (
        "set session characteristics as transaction read only",
        "show default_transaction_read_only",
    ),
    ("set role none; set timezone = 'Asia/Tokyo'", "show timezone"),
    (
        "create temp table secrets (id int)",
        "select coalesce(to_regclass('pg_temp.secrets')::text, 'none')",
    ),
    (
        "create temp view secret as select 1",
        "select coalesce(to_regclass('pg_temp.secret')::text, 'none')",
    ),
    (
        "declare held cursor with hold for select * from notes",
        "select count(*)::text from pg_cursors",
    ),
    ("listen secrets", "select count(*)::text from pg_listening_channels()"),
    (
        "select pg_advisory_lock(42)",
        "select count(*)::text from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())",
    ),
    (
        "select pg_advisory_lock_shared(42)",
        "select count(*)::text from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())",
    ),
    (
        "set role pg_read_all_settings",
        "select (current_user = session_user)::text",
    ),
];

#[tokio::test]
async fn nothing_of_a_session_is_left() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    seed(&db, &["acme", "globex"]).await;
    let sql = format!("grant pg_read_all_settings to {}", database.application_role());
    // A server's own role is granted by a superuser alone.
    let mut superuser = database.superuser().await;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut superuser).await.unwrap();
    for (left, question) in LEFTOVERS {
        let ask = async || {
            let mut tx = db.begin_read(&tenant("globex")).await.unwrap();
            let rows = sqlx::raw_sql(question).fetch_all(&mut *tx).await.unwrap();
            rows.iter()
                .map(|row| sqlx::Row::get::<String, _>(row, 0))
                .collect::<Vec<_>>()
        };
        // Names are looked up elsewhere then, where the path is pinned for the transaction alone: behind a pooler.
        let ask_after_a_rollback = async || {
            let mut tx = db.begin(&tenant("globex")).await.unwrap();
            sqlx::raw_sql("rollback").execute(&mut *tx).await.unwrap();
            let rows = sqlx::raw_sql(question).fetch_all(&mut *tx).await.unwrap();
            rows.iter()
                .map(|row| sqlx::Row::get::<String, _>(row, 0))
                .collect::<Vec<_>>()
        };
        let asks_outside = !question.contains("from notes");
        let clean = ask().await;
        let clean_outside = if asks_outside {
            ask_after_a_rollback().await
        } else {
            Vec::new()
        };
        for ends_by in ["commit", "drop", "own commit", "own rollback"] {
            let mut tx = db.begin(&tenant("acme")).await.unwrap();
            match ends_by {
                // Such SQL has left the tenant. What is left in the session then belongs to no transaction.
                "own commit" => sqlx::raw_sql("commit").execute(&mut *tx).await.map(drop).unwrap(),
                "own rollback" => sqlx::raw_sql("rollback").execute(&mut *tx).await.map(drop).unwrap(),
                _ => {}
            }
            sqlx::raw_sql(left).execute(&mut *tx).await.unwrap();
            if ends_by == "commit" {
                tx.commit().await.unwrap();
            } else {
                drop(tx);
            }
            assert_eq!(ask().await, clean, "{left}; {ends_by}");
            // Nor does it come back with the end of the next transaction.
            if asks_outside {
                let after = ask_after_a_rollback().await;
                assert_eq!(after, clean_outside, "{left}; {ends_by}; after a rollback");
            }
        }
    }
}

/// A sequence's last value would tell one tenant how many rows another writes.
#[tokio::test]
async fn the_last_value_of_a_sequence_is_not_told() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    seed(&db, &["acme"]).await;
    let mut tx = db.begin(&tenant("globex")).await.unwrap();
    let told = sqlx::query("select lastval()").fetch_one(&mut *tx).await;
    assert_eq!(code(told.map(drop)), "55000");
}

#[tokio::test]
async fn an_error_leaves_nothing_behind() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    seed(&db, &["acme", "globex"]).await;
    for sql in [
        "select 1 / 0",
        "select nothing",
        "not sql",
        "begin; select 1 / 0",
        "commit; begin; select 1 / 0",
    ] {
        let mut tx = db.begin(&tenant("acme")).await.unwrap();
        sqlx::query("insert into notes (name) values ('lost')")
            .execute(&mut *tx)
            .await
            .unwrap();
        if sql.starts_with("commit") {
            sqlx::query("delete from notes where name = 'lost'")
                .execute(&mut *tx)
                .await
                .unwrap();
        }
        assert!(sqlx::raw_sql(sql).execute(&mut *tx).await.is_err(), "{sql}");
        drop(tx);
        assert_eq!(bodies_of(&db, "globex").await, ["of globex"], "{sql}");
        assert_eq!(bodies_of(&db, "acme").await, ["of acme"], "{sql}");
    }
}

#[tokio::test]
async fn a_panic_leaves_nothing_behind() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    seed(&db, &["acme", "globex"]).await;
    let panicking = async {
        let mut tx = db.begin(&tenant("acme")).await.unwrap();
        sqlx::query("insert into notes (name) values ('lost')")
            .execute(&mut *tx)
            .await
            .unwrap();
        panic!("of the test");
    };
    let panicked = futures_util::FutureExt::catch_unwind(AssertUnwindSafe(panicking)).await;
    assert!(panicked.is_err());
    assert_eq!(bodies_of(&db, "globex").await, ["of globex"]);
    assert_eq!(bodies_of(&db, "acme").await, ["of acme"]);
}

#[tokio::test]
async fn savepoints_stay_within_the_tenant() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    seed(&db, &["acme", "globex"]).await;
    let mut tx = db.begin(&tenant("acme")).await.unwrap();
    let mut savepoint = tx.begin().await.unwrap();
    sqlx::query("delete from notes").execute(&mut *savepoint).await.unwrap();
    sqlx::query("set local app.tenant_id = 'globex'")
        .execute(&mut *savepoint)
        .await
        .unwrap();
    savepoint.rollback().await.unwrap();
    assert_eq!(bodies(&mut tx).await, ["of acme"]);
    tx.commit().await.unwrap();
    assert_eq!(bodies_of(&db, "globex").await, ["of globex"]);
}

/// A savepoint that is left open would make the end of the transaction the end of the savepoint alone.
#[tokio::test]
async fn a_forgotten_savepoint_closes_the_connection() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    seed(&db, &["acme", "globex"]).await;
    let backend = async || -> i32 {
        let mut tx = db.begin_read(&tenant("globex")).await.unwrap();
        assert_eq!(bodies(&mut tx).await, ["of globex"]);
        sqlx::query_scalar("select pg_backend_pid()")
            .fetch_one(&mut *tx)
            .await
            .unwrap()
    };
    let before = backend().await;
    assert_eq!(backend().await, before, "a connection is used again");
    for commits in [true, false] {
        let before = backend().await;
        let mut tx = db.begin(&tenant("acme")).await.unwrap();
        std::mem::forget(tx.begin().await.unwrap());
        if commits {
            assert!(matches!(tx.commit().await, Err(TransactionError::NotOpen)));
        } else {
            drop(tx);
        }
        assert_ne!(backend().await, before);
    }
}

#[tokio::test]
async fn a_killed_backend_is_replaced() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    seed(&db, &["acme", "globex"]).await;
    // Who ends another role's sessions.
    let mut superuser = database.superuser().await;
    let kill = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = $1";
    for id in ["acme", "globex"] {
        // Idle in the pool.
        sqlx::query(kill)
            .bind(database.application_role())
            .execute(&mut superuser)
            .await
            .unwrap();
        assert_eq!(bodies_of(&db, id).await, [format!("of {id}")]);
        // In a transaction.
        let mut tx = db.begin(&tenant("acme")).await.unwrap();
        sqlx::query("delete from notes").execute(&mut *tx).await.unwrap();
        sqlx::query(kill)
            .bind(database.application_role())
            .execute(&mut superuser)
            .await
            .unwrap();
        assert!(tx.commit().await.is_err());
        assert_eq!(bodies_of(&db, id).await, [format!("of {id}")]);
    }
}
