//! Which transactions are run again, and how often.

use crate::postgres::connection::run::{Forgetful, NotesError, open, read};
use crate::postgres::support::server::TestDatabase;
use sqlx::AssertSqlSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use tenancy_sqlx::{ErrorKind, TransactionError};
use tokio::sync::Barrier;

/// One of two wins. The other is run again, and sees what the first has done.
#[tokio::test]
async fn who_loses_is_run_again() {
    let database = TestDatabase::new().await;
    let (db, members) = open(&database).await;
    for member in &members {
        let (both, attempts) = (Barrier::new(2), AtomicUsize::new(0));
        let add = async || {
            let attempt = AtomicUsize::new(0);
            let added = db.run(member, async |tx| {
                attempts.fetch_add(1, Ordering::Relaxed);
                sqlx::query("set transaction isolation level serializable")
                    .execute(&mut **tx)
                    .await?;
                let count: i64 = sqlx::query_scalar("select count(*) from notes")
                    .fetch_one(&mut **tx)
                    .await?;
                if attempt.fetch_add(1, Ordering::Relaxed) == 0 {
                    both.wait().await;
                }
                let sql = "insert into notes (name) values ($1)";
                sqlx::query(sql)
                    .bind(format!("number {count}"))
                    .execute(&mut **tx)
                    .await?;
                Ok::<_, Forgetful>(())
            });
            added.await
        };
        let (first, second) = tokio::join!(add(), add());
        first.unwrap();
        second.unwrap();
        assert_eq!(attempts.into_inner(), 3);
        let names = db.run_read(member, async |tx| {
            let sql = "select name from notes order by name";
            Ok::<Vec<String>, NotesError>(sqlx::query_scalar(sql).fetch_all(&mut **tx).await?)
        });
        assert_eq!(names.await.unwrap(), ["first", "number 1", "number 2"]);
    }
}

#[tokio::test]
async fn a_serialization_failure_at_the_commit_is_run_again() {
    let database = TestDatabase::new().await;
    let (db, [row, ..]) = open(&database).await;
    // It fails at the commit as a serializable transaction may. Only the first time: a sequence is not rolled back.
    let sql = "create sequence attempts; grant usage on sequence attempts to public;
        create function fail_once() returns trigger language plpgsql as $$ begin
            if nextval('attempts') = 1 then raise exception using errcode = '40001'; end if; return null; end $$;
        create constraint trigger fail_once after insert on notes deferrable initially deferred
            for each row execute function fail_once()";
    sqlx::raw_sql(sql).execute(&mut database.connect().await).await.unwrap();
    let attempts = AtomicUsize::new(0);
    let added = db.run(&row, async |tx| {
        attempts.fetch_add(1, Ordering::Relaxed);
        sqlx::query("insert into notes (name) values ('second')")
            .execute(&mut **tx)
            .await?;
        // Whatever the application's error keeps of it.
        Ok::<_, Forgetful>(read(tx).await?)
    });
    assert_eq!(added.await.unwrap(), 2);
    assert_eq!(attempts.into_inner(), 2);
}

/// A second failure is the caller's.
#[tokio::test]
async fn it_is_run_twice_at_most() {
    let database = TestDatabase::new().await;
    let (db, [row, ..]) = open(&database).await;
    for code in ["40001", "40P01"] {
        let attempts = AtomicUsize::new(0);
        let failed = db.run(&row, async |tx| {
            attempts.fetch_add(1, Ordering::Relaxed);
            let sql = format!("do $$ begin raise exception using errcode = '{code}'; end $$");
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut **tx).await?;
            Ok::<_, NotesError>(())
        });
        assert!(ErrorKind::of(&failed.await.unwrap_err()).is_retryable());
        assert_eq!(attempts.into_inner(), 2);
    }
}

/// The server may have committed: nobody knows, and nobody does it again.
#[tokio::test]
async fn a_lost_commit_is_not_run_again() {
    let database = TestDatabase::new().await;
    let (db, [row, ..]) = open(&database).await;
    // The backend ends itself while it commits.
    let sql = "create function die() returns trigger language plpgsql as $$ begin
            perform pg_terminate_backend(pg_backend_pid()); return null; end $$;
        create constraint trigger die after insert on notes deferrable initially deferred
            for each row execute function die()";
    sqlx::raw_sql(sql).execute(&mut database.connect().await).await.unwrap();
    let attempts = AtomicUsize::new(0);
    let lost = db.run(&row, async |tx| {
        attempts.fetch_add(1, Ordering::Relaxed);
        sqlx::query("insert into notes (name) values ('second')")
            .execute(&mut **tx)
            .await?;
        Ok::<_, NotesError>(())
    });
    let error = lost.await.unwrap_err();
    assert!(
        matches!(error, NotesError::Transaction(TransactionError::Commit(_))),
        "{error:?}"
    );
    let kind = ErrorKind::of(&error);
    assert_eq!(
        (kind, kind.is_retryable(), kind.retry_after()),
        (ErrorKind::Unconfirmed, false, None)
    );
    assert_eq!(attempts.into_inner(), 1);
}

/// A time-out in the work ends the work. The query that is still running is waited for by the pool alone.
#[tokio::test]
async fn a_query_that_was_given_up_is_not_waited_for() {
    let database = TestDatabase::new().await;
    let (db, [row, ..]) = open(&database).await;
    let (pid, given_up) = (std::sync::Mutex::new(0), std::time::Duration::from_millis(50));
    let failed = db.run(&row, async |tx| {
        let backend: i32 = sqlx::query_scalar("select pg_backend_pid()")
            .fetch_one(&mut **tx)
            .await?;
        *pid.lock().unwrap() = backend;
        let sleeping = sqlx::query("select pg_sleep(20)").execute(&mut **tx);
        match tokio::time::timeout(given_up, sleeping).await {
            Ok(slept) => slept.map(drop).map_err(Forgetful::from),
            Err(_) => Err(Forgetful::Transaction),
        }
    });
    assert!(matches!(failed.await, Err(Forgetful::Transaction)));
    let pid = pid.into_inner().unwrap();
    // Another role's session is shown to a superuser alone, and ended by it alone.
    let mut superuser = database.superuser().await;
    let state: String = sqlx::query_scalar("select state from pg_stat_activity where pid = $1")
        .bind(pid)
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    assert_eq!(state, "active");
    sqlx::query("select pg_terminate_backend($1)")
        .bind(pid)
        .execute(&mut superuser)
        .await
        .unwrap();
    let read = db.run_read(&row, async |tx| Ok::<_, NotesError>(read(tx).await?));
    assert_eq!(read.await.unwrap(), 1);
}
