//! Two and three sessions at once: what one sees of the place while another changes it.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tenancy_core::directory::TenantRecord;
use tenancy_sqlx::{Begin, ErrorKind, FenceRefusal, IsolationLevel, TransactionError};

use crate::across::AcrossTenants as _;
use crate::postgres::support::fence_server::{
    Fenced, STRATEGIES, add, count, member, notes, open, refusal, until, write,
};
use crate::postgres::support::server::code;

/// What the one who moves a tenant holds meanwhile.
const LOCK: &str = "select pg_advisory_xact_lock(hashtextextended('TENANT', 8389754676633367138))";

async fn run(connection: &mut PgConnection, record: &TenantRecord, sql: &str) -> Result<(), sqlx::Error> {
    let sql = AssertSqlSafe(sql.replace("TENANT", record.id.as_str()));
    sqlx::raw_sql(sql).execute(connection).await.map(drop)
}

/// Whether somebody waits for a lock in the database of this connection.
async fn somebody_waits(connection: &mut PgConnection) -> bool {
    let sql = "select exists (select from pg_locks l where not l.granted
        and (l.database = (select oid from pg_database where datname = current_database()) or l.locktype = 'transactionid'))";
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

#[tokio::test]
async fn a_transaction_that_is_running_may_finish_and_none_begins() {
    let fenced = Fenced::new().await;
    for strategy in STRATEGIES {
        let record = fenced.create(&format!("acme-{strategy}"), strategy).await;
        let mut writer = fenced.db.begin(&member(&record)).await.unwrap();
        let mut reader = fenced.db.begin_read(&member(&record)).await.unwrap();
        write(&mut writer, "first").await;
        fenced.directory.suspend(&record.id).await.unwrap();
        assert_eq!(
            refusal(count(&fenced.db, &record).await),
            FenceRefusal::Closed,
            "{strategy}"
        );
        assert_eq!(notes(&mut reader).await, 0, "{strategy}");
        write(&mut writer, "second").await;
        writer.commit().await.unwrap();
        assert_eq!(notes(&mut reader).await, 2, "{strategy}");
        drop(reader);
        assert_eq!(
            refusal(add(&fenced.db, &record, "late").await),
            FenceRefusal::Closed,
            "{strategy}"
        );
    }
}

/// Readers begin and other tenants write, on a pool that the callers who wait would use up if each held a connection.
#[tokio::test]
async fn writers_wait_for_a_locked_place_in_memory() {
    let fenced = Fenced::new().await;
    for strategy in STRATEGIES {
        let record = fenced.create(&format!("acme-{strategy}"), strategy).await;
        let other = fenced.create(&format!("globex-{strategy}"), strategy).await;
        let mut mover = fenced.administrator_of(&record).await;
        run(&mut mover, &record, "begin").await.unwrap();
        run(&mut mover, &record, LOCK).await.unwrap();
        let waiting: Vec<_> = (0..20)
            .map(|number| {
                let (db, record) = (fenced.db.clone(), record.clone());
                tokio::spawn(async move { add(&db, &record, &number.to_string()).await })
            })
            .collect();
        for number in 0..20 {
            assert_eq!(count(&fenced.db, &record).await.unwrap(), 0, "{strategy}");
            add(&fenced.db, &other, &number.to_string()).await.unwrap();
        }
        assert!(waiting.iter().all(|writer| !writer.is_finished()), "{strategy}");
        run(&mut mover, &record, "rollback").await.unwrap();
        for writer in waiting {
            writer.await.unwrap().unwrap();
        }
        assert_eq!(count(&fenced.db, &record).await.unwrap(), 20, "{strategy}");
    }
}

#[tokio::test]
async fn a_place_that_stays_locked_is_retryable() {
    let fenced = Fenced::new().await;
    let record = fenced.create("acme", "row").await;
    let pool = tenancy_sqlx::PoolSettings::new().with_acquire_timeout(Duration::from_secs(5));
    let row = crate::postgres::support::fence_server::row(&fenced.database).with_pool(pool);
    let registry = tenancy_sqlx::StrategyRegistry::new().with(row.open().await.unwrap());
    let db = tenancy_sqlx::TenantDb::new(registry.unwrap());
    // Its connection is there, so that the time-out is that of the lock.
    assert_eq!(count(&db, &record).await.unwrap(), 0);
    let mut mover = fenced.administrator_of(&record).await;
    run(&mut mover, &record, "begin").await.unwrap();
    run(&mut mover, &record, LOCK).await.unwrap();
    let error = add(&db, &record, "late").await.unwrap_err();
    assert_eq!((error.kind(), error.kind().status()), (ErrorKind::Retryable, 503));
    assert_eq!(error.kind().retry_after(), Some(1));
    assert_eq!(refusal(Err::<(), _>(error)), FenceRefusal::Locked);
    run(&mut mover, &record, "rollback").await.unwrap();
    add(&db, &record, "early").await.unwrap();
}

/// The state is read after the lock is taken: what its holder has written counts.
#[tokio::test]
async fn a_writer_that_waited_sees_what_the_lock_s_holder_wrote() {
    let fenced = Fenced::new().await;
    for strategy in STRATEGIES {
        let record = fenced.create(&format!("acme-{strategy}"), strategy).await;
        let mut mover = fenced.administrator_of(&record).await;
        run(&mut mover, &record, "begin").await.unwrap();
        run(&mut mover, &record, LOCK).await.unwrap();
        let gone = "update tenancy_fence.tenancy_places set state = 'gone' where tenant = 'TENANT'";
        run(&mut mover, &record, gone).await.unwrap();
        let writers: Vec<_> = [IsolationLevel::ReadCommitted, IsolationLevel::Serializable]
            .into_iter()
            .map(|level| {
                let (db, record) = (fenced.db.clone(), record.clone());
                tokio::spawn(async move { db.begin_with(&member(&record), Begin::new().isolation(level)).await })
            })
            .collect();
        add(
            &fenced.db,
            &fenced.create(&format!("globex-{strategy}"), strategy).await,
            "other",
        )
        .await
        .unwrap();
        assert!(writers.iter().all(|writer| !writer.is_finished()), "{strategy}");
        run(&mut mover, &record, "commit").await.unwrap();
        for writer in writers {
            assert_eq!(refusal(writer.await.unwrap()), FenceRefusal::Gone, "{strategy}");
        }
    }
}

/// A transaction whose snapshot is older than a change of the place: at the level `read committed` it sees the change, at the
/// others it fails as one that lost, whether the place was there before or not.
#[tokio::test]
async fn a_writer_whose_snapshot_is_old_does_not_begin() {
    let fenced = Fenced::new().await;
    for strategy in STRATEGIES {
        let record = fenced.create(&format!("acme-{strategy}"), strategy).await;
        let enter = "select tenancy_fence.tenancy_enter('TENANT', 0, 'serve', true, true)";
        for (level, was_there, expected) in [
            ("read committed", true, "TN002"),
            ("read committed", false, "TN002"),
            ("repeatable read", true, "40001"),
            ("repeatable read", false, "40001"),
            ("serializable", true, "40001"),
            ("serializable", false, "40001"),
        ] {
            let mut administrator = fenced.administrator_of(&record).await;
            if !was_there {
                let gone = "delete from tenancy_fence.tenancy_places where tenant = 'TENANT'";
                run(&mut administrator, &record, gone).await.unwrap();
            }
            let mut writer = fenced.application_of(&record).await;
            let begin = format!("begin isolation level {level} read write; select count(*) from pg_class");
            run(&mut writer, &record, &begin).await.unwrap();
            fenced.directory.suspend(&record.id).await.unwrap();
            let entered = run(&mut writer, &record, enter).await;
            assert_eq!(code(entered), expected, "{strategy}, {level}, {was_there}");
            writer.close().await.unwrap();
            fenced.directory.activate(&record.id).await.unwrap();
        }
    }
}

/// At these levels the place is locked by its row, so that a verb waits for those that hold it.
#[tokio::test]
async fn a_verb_waits_for_writers_whose_snapshot_is_older() {
    let fenced = Fenced::new().await;
    for level in [IsolationLevel::RepeatableRead, IsolationLevel::Serializable] {
        let record = fenced
            .create(&format!("acme-{}", level.as_str().replace(' ', "-")), "row")
            .await;
        let mut writer = fenced
            .db
            .begin_with(&member(&record), Begin::new().isolation(level))
            .await
            .unwrap();
        write(&mut writer, "first").await;
        // One that reads, and so locks nothing.
        let read = Begin::new().isolation(level).read_only();
        let mut reader = fenced.db.begin_with(&member(&record), read).await.unwrap();
        let directory = fenced.directory.clone();
        let id = record.id.clone();
        let verb = tokio::spawn(async move {
            // On a slow machine the writer may take longer than a verb waits; then it is given again.
            while let Err(pending) = directory.suspend(&id).await {
                assert!(pending.to_string().contains("give the same command again"), "{pending}");
            }
        });
        let mut administrator = fenced.administrator_of(&record).await;
        until(async || somebody_waits(&mut administrator).await).await;
        writer.commit().await.unwrap();
        verb.await.unwrap();
        assert_eq!(notes(&mut reader).await, 0);
        drop(reader);
        let begun = fenced
            .db
            .begin_with(&member(&record), Begin::new().isolation(level))
            .await;
        assert_eq!(refusal(begun), FenceRefusal::Closed);
    }
}

/// What is removed is not written meanwhile: the deletion waits for writers, and none begins.
#[tokio::test]
async fn a_deletion_drains_the_writers() {
    let fenced = Fenced::new().await;
    let record = fenced.create("acme", "row").await;
    let mut writer = fenced.db.begin(&member(&record)).await.unwrap();
    write(&mut writer, "first").await;
    fenced.directory.archive(&record.id).await.unwrap();
    let (directory, db, id) = (fenced.directory.clone(), fenced.db.clone(), record.id.clone());
    let deletion = tokio::spawn(async move {
        while let Err(pending) = directory.delete(&db, &id, Duration::ZERO).await {
            assert!(pending.to_string().contains("give the same command again"), "{pending}");
        }
    });
    let mut administrator = fenced.administrator_of(&record).await;
    until(async || somebody_waits(&mut administrator).await).await;
    assert!(!deletion.is_finished());
    writer.commit().await.unwrap();
    deletion.await.unwrap();
    let left: i64 = sqlx::query_scalar("select count(*) from notes")
        .fetch_one(&mut administrator)
        .await
        .unwrap();
    assert_eq!(left, 0);
    assert_eq!(refusal(add(&fenced.db, &record, "late").await), FenceRefusal::Gone);
}

/// A verb's second step that comes late writes nothing over that of a later verb.
#[tokio::test]
async fn of_two_verbs_that_cross_the_later_one_stays() {
    let fenced = Fenced::new().await;
    let record = fenced.create("acme", "row").await;
    let slow = open(&fenced.database).await;
    // All of the slow process' connections that write places are taken: it has changed the directory, and waits.
    let taken = [slow.across_tenants().await, slow.across_tenants().await];
    let directory = fenced.directory.clone().with_places(&slow);
    let id = record.id.clone();
    let late = tokio::spawn(async move { directory.suspend(&id).await });
    until(async || fenced.record(&record.id).await.revision > record.revision).await;
    // It has read what it is to write.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(fenced.directory.activate(&record.id).await.unwrap());
    assert_eq!(count(&fenced.db, &record).await.unwrap(), 0);
    drop(taken);
    assert!(late.await.unwrap().unwrap());
    assert_eq!(count(&fenced.db, &record).await.unwrap(), 0);
    assert!(fenced.directory.pending_places().await.unwrap().is_empty());
}

/// What the level is chosen for: a transaction that reads what another has changed since fails, and is run again.
#[tokio::test]
async fn the_level_that_was_chosen_holds() {
    let fenced = Fenced::new().await;
    for strategy in STRATEGIES {
        let record = fenced.create(&format!("acme-{strategy}"), strategy).await;
        for level in [
            IsolationLevel::ReadCommitted,
            IsolationLevel::RepeatableRead,
            IsolationLevel::Serializable,
        ] {
            for begin in [Begin::new().isolation(level), Begin::new().isolation(level).read_only()] {
                let mut tx = fenced.db.begin_with(&member(&record), begin).await.unwrap();
                let shown: String = sqlx::query_scalar("show transaction_isolation")
                    .fetch_one(&mut *tx)
                    .await
                    .unwrap();
                assert_eq!(shown, level.as_str(), "{strategy}");
                tx.commit().await.unwrap();
            }
        }
        let begin = Begin::new().isolation(IsolationLevel::Serializable);
        let add = async |tx: &mut tenancy_sqlx::TenantTransaction<sqlx::Postgres>| {
            sqlx::query("insert into notes (name) values ('by run')")
                .execute(&mut **tx)
                .await?;
            Ok::<_, Error>(())
        };
        fenced.db.run_with(&member(&record), begin, add).await.unwrap();
        assert_eq!(count(&fenced.db, &record).await.unwrap(), 1, "{strategy}");
    }
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("failed to reach the notes")]
    Transaction(#[from] TransactionError),
    #[error("failed to query the notes")]
    Query(#[from] sqlx::Error),
}
