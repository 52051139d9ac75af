//! What a verb reaches: no transaction begins after it has returned, whatever a process has cached.

use tenancy_sqlx::{DeleteError, ErrorKind, FenceRefusal, TransactionError};

use crate::BY_POOLER;
use crate::postgres::support::fence_server::{Fenced, STRATEGIES, add, count, member, open, refusal};

/// The record of before is what a cache has for a minute whose notification is lost.
#[tokio::test]
async fn a_suspension_binds_at_once_whatever_a_process_has_cached() {
    let fenced = Fenced::new().await;
    for strategy in STRATEGIES {
        let record = fenced.create(&format!("acme-{strategy}"), strategy).await;
        let other = fenced.create(&format!("globex-{strategy}"), strategy).await;
        let process = open(&fenced.database).await;
        for db in [&fenced.db, &process] {
            add(db, &record, &format!("{:p}", db)).await.unwrap();
        }
        assert!(fenced.directory.suspend(&record.id).await.unwrap());
        for db in [&fenced.db, &process] {
            let error = add(db, &record, "late").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Forbidden, "{strategy}");
            assert_eq!(refusal(Err::<(), _>(error)), FenceRefusal::Closed, "{strategy}");
            assert_eq!(refusal(count(db, &record).await), FenceRefusal::Closed, "{strategy}");
            add(db, &other, &format!("{:p}", db)).await.unwrap();
        }
        assert!(fenced.directory.activate(&record.id).await.unwrap());
        for db in [&fenced.db, &process] {
            assert_eq!(count(db, &record).await.unwrap(), 2, "{strategy}");
        }
        process.close().await;
    }
}

#[tokio::test]
async fn the_verbs_reach_the_place_until_the_tenant_is_gone() {
    let fenced = Fenced::new().await;
    for strategy in STRATEGIES {
        let record = fenced.create(&format!("acme-{strategy}"), strategy).await;
        add(&fenced.db, &record, "first").await.unwrap();
        assert!(fenced.directory.archive(&record.id).await.unwrap());
        assert_eq!(
            refusal(count(&fenced.db, &record).await),
            FenceRefusal::Closed,
            "{strategy}"
        );
        // An export, or what erases.
        let archived = fenced.record(&record.id).await;
        let mut tx = fenced
            .db
            .dangerously_begin_in_any_status(&member(&archived))
            .await
            .unwrap();
        let notes: i64 = sqlx::query_scalar("select count(*) from notes")
            .fetch_one(&mut *tx)
            .await
            .unwrap();
        assert_eq!(notes, 1, "{strategy}");
        drop(tx);
        assert!(fenced.directory.restore(&record.id).await.unwrap());
        assert_eq!(
            refusal(count(&fenced.db, &record).await),
            FenceRefusal::Closed,
            "{strategy}"
        );
        assert!(fenced.directory.activate(&record.id).await.unwrap());
        assert_eq!(count(&fenced.db, &record).await.unwrap(), 1, "{strategy}");

        fenced.directory.archive(&record.id).await.unwrap();
        let grace = std::time::Duration::from_secs(60);
        let early = fenced.directory.delete(&fenced.db, &record.id, grace).await;
        assert!(matches!(early, Err(DeleteError::InGrace { .. })), "{early:?}");
        assert_eq!(
            refusal(count(&fenced.db, &record).await),
            FenceRefusal::Closed,
            "{strategy}"
        );
        if BY_POOLER && strategy == "database" {
            // The tests' PgBouncer is connected as a superuser, whose session the administrator cannot end.
            continue;
        }
        let none = std::time::Duration::ZERO;
        assert!(fenced.directory.delete(&fenced.db, &record.id, none).await.unwrap());
        match (
            strategy,
            fenced.db.dangerously_begin_in_any_status(&member(&archived)).await,
        ) {
            ("row", begun) => assert_eq!(refusal(begun), FenceRefusal::Gone),
            // Its schema or its database is not there.
            (_, Err(TransactionError::Begin { .. })) => {}
            (_, begun) => panic!("{begun:?}"),
        }
    }
}
