//! What `commit()` answers is what happened.

use sqlx::{AssertSqlSafe, Connection, Postgres};
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::{TenantDb, TransactionError};

use crate::across::AcrossTenants as _;
use crate::postgres::support::database_server;
use crate::postgres::support::schema_server;
use crate::postgres::support::server::{TestDatabase, bodies, code, seed, tenant};

/// Statements of a handler after its first `INSERT`, whose errors it ignores; and how many rows there must be after
/// `commit()` has said that it failed.
const NOT_COMMITTED: [(&str, usize); 14] = [
    ("select 1/0", 0),
    ("select no_such_column", 0),
    ("insert into notes (name) values ('first')", 0),
    ("do $$ begin raise exception 'no'; end $$", 0),
    ("savepoint mine; select 1/0", 0),
    ("commit", 1),
    ("end", 1),
    ("rollback", 0),
    ("abort", 0),
    ("rollback; select 1/0", 0),
    ("commit; begin", 1),
    ("rollback; begin read write", 0),
    ("commit and chain", 1),
    ("rollback and chain", 0),
];

async fn notes(db: &TenantDb<Postgres>, member: &Admitted) -> usize {
    bodies(&mut db.begin_read(member).await.unwrap()).await.len()
}

async fn commits_or_says_so(db: &TenantDb<Postgres>, member: &Admitted) {
    for (sql, rows) in NOT_COMMITTED {
        let mut tx = db.begin(member).await.unwrap();
        sqlx::query("delete from notes").execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();

        let mut tx = db.begin(member).await.unwrap();
        let insert = "insert into notes (name) values ('first')";
        sqlx::query(insert).execute(&mut *tx).await.unwrap();
        let _ = sqlx::raw_sql(sql).execute(&mut *tx).await;
        let error = tx.commit().await.expect_err(sql);
        let is_told = matches!(error, TransactionError::Failed | TransactionError::NotOpen);
        assert!(is_told, "after `{sql}`: {error:?}");
        assert_eq!(notes(db, member).await, rows, "after `{sql}`");

        // The next transaction on that connection is none the worse.
        let mut tx = db.begin(member).await.unwrap();
        let insert = "insert into notes (name) values ('second')";
        sqlx::query(insert).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(notes(db, member).await, rows + 1, "after `{sql}`");
    }
}

#[tokio::test]
async fn of_rows() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    commits_or_says_so(&db, &tenant("acme")).await;
}

#[tokio::test]
async fn of_schemas() {
    let database = TestDatabase::new().await;
    let db = schema_server::two_tenants(&database).await;
    commits_or_says_so(&db, &schema_server::member("acme")).await;
}

#[tokio::test]
async fn of_databases() {
    let database = TestDatabase::new().await;
    let (db, _) = database_server::open(database_server::options(&database)).await;
    database_server::provision_with_note(&db, "acme").await;
    commits_or_says_so(&db, &database_server::member("acme")).await;
}

#[tokio::test]
async fn across_tenants() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    seed(&db, &["acme"]).await;
    let mut tx = db.across_tenants().await.unwrap();
    sqlx::query("delete from notes").execute(&mut *tx).await.unwrap();
    assert!(sqlx::raw_sql("select 1/0").execute(&mut *tx).await.is_err());
    assert!(matches!(tx.commit().await, Err(TransactionError::Failed)));
    assert_eq!(notes(&db, &tenant("acme")).await, 1);
}

/// An error within a savepoint that was rolled back is none of the transaction's.
#[tokio::test]
async fn a_savepoint_may_fail() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    let mut tx = db.begin(&tenant("acme")).await.unwrap();
    let insert = "insert into notes (name) values ('first')";
    sqlx::query(insert).execute(&mut *tx).await.unwrap();
    let mut savepoint = tx.begin().await.unwrap();
    assert_eq!(code(sqlx::query("select 1/0").execute(&mut *savepoint).await), "22012");
    savepoint.rollback().await.unwrap();
    let raw = "savepoint mine; savepoint tenancy_commit; insert into notes (name) values ('second'); rollback to mine";
    sqlx::raw_sql(raw).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(notes(&db, &tenant("acme")).await, 1);
}

/// A constraint that is checked at the end: the database's own error, on a connection that is used again.
#[tokio::test]
async fn what_fails_at_the_end_is_told() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    seed(&db, &["acme", "globex"]).await;
    let deferred = "alter table notes drop constraint notes_tenant_id_name_key,
        add constraint one_name unique (tenant_id, name) deferrable initially deferred";
    let mut administrator = database.connect().await;
    sqlx::raw_sql(deferred).execute(&mut administrator).await.unwrap();
    let mut pids = Vec::new();
    for _ in 0..2 {
        let mut tx = db.begin(&tenant("acme")).await.unwrap();
        let pid: i32 = sqlx::query_scalar("select pg_backend_pid()")
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        pids.push(pid);
        let insert = "insert into notes (name) values ('first')";
        sqlx::query(insert).execute(&mut *tx).await.unwrap();
        match tx.commit().await {
            Err(TransactionError::Commit(error)) => assert_eq!(code::<()>(Err(error)), "23505"),
            other => panic!("{other:?}"),
        }
        assert_eq!(notes(&db, &tenant("globex")).await, 1);
    }
    assert_eq!(pids[0], pids[1]);
}

/// A handler may choose how its transaction is isolated: nothing stands before its first statement.
#[tokio::test]
async fn the_first_statement_may_choose_the_isolation_level() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    for level in ["repeatable read", "serializable", "read committed"] {
        let mut tx = db.begin(&tenant("acme")).await.unwrap();
        let set = AssertSqlSafe(format!("set transaction isolation level {level}"));
        sqlx::raw_sql(set).execute(&mut *tx).await.unwrap();
        let now: String = sqlx::query_scalar("show transaction_isolation")
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        assert_eq!(now, level);
        tx.commit().await.unwrap();
    }
}
