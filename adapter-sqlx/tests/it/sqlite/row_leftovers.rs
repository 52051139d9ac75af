//! Nothing of a borrower is left for the next one: every pool here has one connection.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use sqlx::{AssertSqlSafe, Sqlite};
use tempfile::tempdir;
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::{StrategyRegistry, TenantDb};

use crate::common::*;

/// Whatever a transaction of `a` does and however it ends, `b` comes next on the same connection,
/// sees its own rows, and what it commits is committed.
async fn next_borrower_is_unharmed(sql: &str, end: &str) {
    let dir = tempdir().unwrap();
    let (db, a, b) = two_tenants(&dir).await;
    let mut tx = db.begin(&a).await.unwrap();
    run(&mut tx, sql).await.ok();
    match end {
        "commit" => drop(tx.commit().await),
        "rollback" => drop(tx.rollback().await),
        _ => drop(tx),
    }
    let mut tx = db.begin(&b).await.unwrap();
    assert_eq!(texts(&mut tx, "select body from notes").await, ["of b"], "{sql}, {end}");
    assert!(
        run(&mut tx, "select * from temp.scratch").await.is_err(),
        "{sql}, {end}"
    );
    assert_eq!(
        texts(&mut tx, "select name from pragma_database_list").await.len(),
        2,
        "{sql}, {end}"
    );
    assert_eq!(
        texts(&mut tx, "select 'on' from pragma_foreign_keys where foreign_keys").await,
        ["on"]
    );
    run(&mut tx, "insert into notes (id, body) values ('2', 'later')")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let rows = base_rows(&db).await;
    assert!(rows.contains(&"b/2/later".to_owned()), "{sql}, {end}: {rows:?}");
    assert!(rows.contains(&"a/1/of a".to_owned()), "{sql}, {end}: {rows:?}");
    let mut tx = db.begin(&a).await.unwrap();
    assert_eq!(texts(&mut tx, "select body from notes where id = '1'").await, ["of a"]);
}

#[tokio::test]
async fn however_a_transaction_ends() {
    for end in ["commit", "rollback", "drop"] {
        for sql in [
            "select 1",
            "select * from no_such_table",
            "insert into notes (id, id) values (1, 2)",
            "commit",
            "rollback",
            "commit; begin",
            "commit; pragma foreign_keys = off; begin",
            "commit; attach ':memory:' as other; begin",
            "rollback; begin; update notes set body = 'x'; savepoint s",
            "savepoint s; savepoint t",
            "insert or rollback into notes (id) values ('1')",
            "commit; pragma foreign_keys = off",
            "commit; pragma query_only = on",
            "pragma query_only = on",
            "commit; attach ':memory:' as other",
            "create temp table scratch as select * from notes",
            "create temp table notes_rows (tenant_id, id, body)",
            "create temp trigger t after insert on notes_rows begin delete from notes_rows; end",
            "drop view temp.notes",
            "drop table temp.tenancy_bound",
            "drop table temp.tenancy_installed",
            "delete from temp.tenancy_bound",
            "insert into temp.tenancy_bound values ('a')",
            "commit; insert into temp.tenancy_bound values ('a')",
        ] {
            next_borrower_is_unharmed(sql, end).await;
        }
    }
}

/// The next transaction ends a read, and looks at what it has left.
#[tokio::test]
async fn however_a_read_ends() {
    let dir = tempdir().unwrap();
    let (db, a, b) = two_tenants(&dir).await;
    for is_committed in [false, true] {
        for sql in [
            "select 1",
            "select * from no_such_table",
            "commit",
            "rollback",
            "commit; begin",
            "savepoint s",
            "rollback; begin; savepoint s",
            "rollback; pragma foreign_keys = off; begin",
            "rollback; pragma ignore_check_constraints = on; begin",
            "rollback; pragma recursive_triggers = on; begin",
            "rollback; pragma writable_schema = on; begin",
            "rollback; pragma read_uncommitted = on; begin",
            "rollback; pragma query_only = on; begin",
            "rollback; pragma locking_mode = exclusive; begin; select * from notes",
            "rollback; attach ':memory:' as other; begin",
            "rollback; create temp table scratch as select * from notes_rows; begin",
            "rollback; create temp table notes_rows (tenant_id, id, body); begin",
            "rollback; drop view temp.notes; create temp view notes as select * from notes_rows; begin",
            "rollback; drop table temp.tenancy_bound; begin",
            "rollback; drop table temp.tenancy_installed; begin",
            "rollback; insert into temp.tenancy_bound values ('a'); begin",
            "rollback; update temp.tenancy_installed set temp = temp + 1; begin",
            "rollback; update temp.tenancy_installed set main = main + 1; begin",
        ] {
            let mut tx = db.begin_read(&a).await.unwrap();
            run(&mut tx, sql).await.ok();
            if is_committed {
                tx.commit().await.ok();
            } else {
                drop(tx);
            }
            next_reader_is_unharmed(&db, &b, sql).await;
        }
    }
}

async fn next_reader_is_unharmed(db: &TenantDb<Sqlite>, b: &Admitted, sql: &str) {
    let mut tx = db.begin_read(b).await.unwrap();
    assert_eq!(texts(&mut tx, "select body from notes").await, ["of b"], "{sql}");
    for (pragma, ours) in [
        ("foreign_keys", 1),
        ("query_only", 0),
        ("ignore_check_constraints", 0),
        ("recursive_triggers", 0),
        ("writable_schema", 0),
        ("read_uncommitted", 0),
    ] {
        let query = sqlx::query_scalar(AssertSqlSafe(format!("pragma {pragma}")));
        let value: i64 = query.fetch_one(&mut *tx).await.unwrap();
        assert_eq!(value, ours, "{sql}, {pragma}");
    }
    assert_eq!(texts(&mut tx, "pragma locking_mode").await, ["normal"], "{sql}");
    assert_eq!(
        run(&mut tx, "select * from pragma_database_list").await.unwrap(),
        2,
        "{sql}"
    );
    assert!(run(&mut tx, "select * from temp.scratch").await.is_err(), "{sql}");
    // Without its transaction it is bound to no tenant.
    run(&mut tx, "rollback").await.unwrap();
    assert_eq!(run(&mut tx, "select * from notes").await.unwrap(), 0, "{sql}");
}

/// A trigger in the place of the one that refuses is of the tenant before.
#[tokio::test]
async fn a_refusal_that_was_left_behind_is_not_believed() {
    let dir = tempdir().unwrap();
    row_options(&dir).enable_fence().await.unwrap();
    let rows = row_options(&dir).with_fence().open().await.unwrap();
    let db = TenantDb::new(StrategyRegistry::new().with(rows).unwrap());
    let mut tx = db.begin_read(&row_tenant("a")).await.unwrap();
    let forged =
        "rollback; drop trigger temp.tenancy_enter; create temp trigger tenancy_enter before insert on tenancy_bound
        begin select raise(abort, 'tenancy TN002'); end; begin";
    run(&mut tx, forged).await.unwrap();
    drop(tx);
    drop(db.begin_read(&row_tenant("b")).await.unwrap());
}

#[tokio::test]
async fn after_a_panic() {
    let dir = tempdir().unwrap();
    let (db, a, b) = two_tenants(&dir).await;
    let task = tokio::spawn({
        let (db, a) = (db.clone(), a.clone());
        async move {
            let mut tx = db.begin(&a).await.unwrap();
            run(&mut tx, "update notes set body = 'half'").await.unwrap();
            panic!("as a handler does");
        }
    });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(bodies(&db, &b).await, ["of b"]);
    assert_eq!(bodies(&db, &a).await, ["of a"]);
}

/// Polls a future so many times, the connection's thread running for a while in between, and drops
/// it. Tells whether that was before its end.
fn drop_after<F: Future>(future: F, polls: usize, spins: usize) -> bool {
    let mut future = pin!(future);
    for _ in 0..polls {
        if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return false;
        }
        for _ in 0..spins {
            std::hint::spin_loop();
        }
    }
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_begin_leaves_nothing() {
    let dir = tempdir().unwrap();
    let (db, a, b) = two_tenants(&dir).await;
    let (mut cancelled, mut written) = (0, 0);
    for round in 0..3_000_usize {
        cancelled += usize::from(drop_after(db.begin(&a), 1 + round % 7, round * 31 % 5_000));
        if round % 10 == 0 {
            let mut tx = db.begin(&b).await.unwrap();
            let foreign = "select id from notes where tenant_id is not 'b' or body = 'of a'";
            assert_eq!(run(&mut tx, foreign).await.unwrap(), 0, "round {round}");
            run(&mut tx, &format!("insert into notes (id) values ('r{round}')"))
                .await
                .unwrap();
            tx.commit().await.unwrap();
            written += 1;
        }
    }
    assert!(cancelled > 1_000, "only {cancelled} were cancelled");
    assert_eq!(bodies(&db, &b).await.len(), written + 1, "a committed write is lost");
    assert_eq!(bodies(&db, &a).await, ["of a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_commit_is_whole_or_nothing() {
    let dir = tempdir().unwrap();
    let (db, a, b) = two_tenants(&dir).await;
    let mut cancelled = 0;
    for round in 0..400_usize {
        let mut tx = db.begin(&a).await.unwrap();
        run(
            &mut tx,
            &format!("insert into notes (id) values ('x{round}'), ('y{round}')"),
        )
        .await
        .unwrap();
        cancelled += usize::from(drop_after(tx.commit(), 1 + round % 3, round * 31 % 5_000));
        let mut tx = db.begin(&b).await.unwrap();
        assert_eq!(
            texts(&mut tx, "select body from notes").await,
            ["of b"],
            "round {round}"
        );
        tx.commit().await.unwrap();
        let seen = base_rows(&db).await;
        let pair = [format!("a/x{round}/no body"), format!("a/y{round}/no body")];
        assert_eq!(seen.contains(&pair[0]), seen.contains(&pair[1]), "round {round}");
    }
    assert!(cancelled > 100, "only {cancelled} were cancelled");
}

/// A destructor of the application may run on a thread of its own, or after the runtime is gone.
#[test]
fn a_transaction_that_is_dropped_outside_of_a_runtime_is_rolled_back() {
    let dir = tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (db, a, b) = runtime.block_on(two_tenants(&dir));
    let begun = |sql: &'static str| {
        runtime.block_on(async {
            let mut tx = db.begin(&a).await.unwrap();
            run(&mut tx, sql).await.ok();
            tx
        })
    };
    for sql in [
        "update notes set body = 'half'",
        "rollback",
        "savepoint s",
        "drop table temp.tenancy_bound",
    ] {
        drop(begun(sql));
        let elsewhere = begun(sql);
        std::thread::spawn(move || drop(elsewhere)).join().unwrap();
        assert_eq!(runtime.block_on(bodies(&db, &b)), ["of b"], "{sql}");
        assert_eq!(runtime.block_on(bodies(&db, &a)), ["of a"], "{sql}");
    }
    let outlives_it = begun("update notes set body = 'half'");
    drop(runtime);
    drop(outlives_it);
}
