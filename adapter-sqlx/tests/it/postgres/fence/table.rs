//! What beginning finds, and what it does then: each row of the table, by each strategy.

use sqlx::AssertSqlSafe;
use tenancy_core::directory::{TenantRecord, TenantStatus};
use tenancy_sqlx::{ErrorKind, FenceRefusal, StrategyError, TransactionError};

use crate::postgres::support::fence_server::{Fenced, STRATEGIES, add, count, member, refusal};
use crate::postgres::support::server::code;
use crate::staff;

async fn set(fenced: &Fenced, record: &TenantRecord, sql: &str) {
    let mut administrator = fenced.administrator_of(record).await;
    let sql = sql.replace("TENANT", record.id.as_str());
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut administrator)
        .await
        .unwrap();
}

const REMOVE: &str = "delete from tenancy_fence.tenancy_places where tenant = 'TENANT'";
const AT_TWO: &str = "update tenancy_fence.tenancy_places set epoch = 2 where tenant = 'TENANT'";

#[tokio::test]
async fn no_place_is_one_that_is_open_for_those_whose_data_has_never_moved() {
    let fenced = Fenced::new().await;
    for strategy in STRATEGIES {
        let record = fenced.create(&format!("acme-{strategy}"), strategy).await;
        set(&fenced, &record, REMOVE).await;
        add(&fenced.db, &record, "first").await.unwrap();
        let moved = record.clone().with_epoch(1);
        assert_eq!(
            refusal(count(&fenced.db, &moved).await),
            FenceRefusal::Gone,
            "{strategy}"
        );
        assert_eq!(
            refusal(add(&fenced.db, &moved, "late").await),
            FenceRefusal::Gone,
            "{strategy}"
        );
    }
}

#[tokio::test]
async fn a_record_of_before_a_move_reaches_nothing() {
    let fenced = Fenced::new().await;
    for strategy in STRATEGIES {
        let record = fenced.create(&format!("acme-{strategy}"), strategy).await;
        set(&fenced, &record, AT_TWO).await;
        let error = count(&fenced.db, &record.clone().with_epoch(1)).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.kind().retry_after()),
            (ErrorKind::Unavailable, Some(1))
        );
        assert_eq!(refusal(Err::<(), _>(error)), FenceRefusal::Moved, "{strategy}");
        assert_eq!(
            count(&fenced.db, &record.clone().with_epoch(2)).await.unwrap(),
            0,
            "{strategy}"
        );
    }
}

#[tokio::test]
async fn a_place_from_a_backup_is_unavailable() {
    let fenced = Fenced::new().await;
    for strategy in STRATEGIES {
        let record = fenced.create(&format!("acme-{strategy}"), strategy).await;
        let error = count(&fenced.db, &record.clone().with_epoch(3)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{strategy}");
        assert_eq!(refusal(Err::<(), _>(error)), FenceRefusal::PlaceBehind, "{strategy}");
    }
}

/// The directory itself is looked up, once, and says where the data is now.
#[tokio::test]
async fn the_record_is_looked_up_again_where_it_is_old() {
    let fenced = Fenced::new().await;
    let db = fenced.db.clone().with_directory(fenced.directory.clone());
    for strategy in STRATEGIES {
        let old = fenced.create(&format!("acme-{strategy}"), strategy).await;
        set(&fenced, &old, AT_TWO).await;
        // The directory does not know of it yet.
        assert_eq!(refusal(count(&db, &old).await), FenceRefusal::Moved, "{strategy}");
        let sql = format!("update tenancy_tenants set epoch = 2 where id = '{}'", old.id);
        let mut administrator = fenced.database.connect().await;
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut administrator)
            .await
            .unwrap();
        assert_eq!(count(&db, &old).await.unwrap(), 0, "{strategy}");
        // What it finds is judged as the first record is.
        fenced.directory.suspend(&old.id).await.unwrap();
        let refused = count(&db, &old).await.unwrap_err();
        let is_suspended = matches!(
            refused,
            TransactionError::NotActive {
                status: TenantStatus::Suspended,
                ..
            }
        );
        assert!(is_suspended, "{refused:?}");
        // Without the directory nothing is looked up.
        assert_eq!(
            refusal(count(&fenced.db, &old).await),
            FenceRefusal::Moved,
            "{strategy}"
        );
    }
}

/// Staff whom enforcement has let into a suspended tenant work there; by a record that says it is active nobody does.
#[tokio::test]
async fn staff_pass_where_they_know_that_the_tenant_is_suspended() {
    let fenced = Fenced::new().await;
    for strategy in STRATEGIES {
        let active = fenced.create(&format!("acme-{strategy}"), strategy).await;
        add(&fenced.db, &active, "first").await.unwrap();
        fenced.directory.suspend(&active.id).await.unwrap();
        let suspended = fenced.record(&active.id).await;
        let mut tx = fenced.db.begin(&staff::let_in_as_staff(suspended)).await.unwrap();
        let notes = sqlx::query_scalar("select count(*) from notes")
            .fetch_one(&mut *tx)
            .await;
        assert_eq!(notes.unwrap_or(0_i64), 1, "{strategy}");
        drop(tx);
        let begun = fenced.db.begin_read(&staff::let_in_as_staff(active.clone())).await;
        match begun {
            // Staff is let into no active tenant by this helper's authorizer.
            Err(TransactionError::Begin {
                source: StrategyError::Fenced(refusal),
                ..
            }) => {
                assert_eq!(refusal, FenceRefusal::Closed, "{strategy}");
            }
            begun => panic!("{begun:?}"),
        }
    }
}

/// Whatever state the place has, nobody but an administrator reads or writes it, and only by the function one enters.
#[tokio::test]
async fn the_application_has_no_right_on_the_places_or_the_key() {
    let fenced = Fenced::new().await;
    for strategy in STRATEGIES {
        let record = fenced.create(&format!("acme-{strategy}"), strategy).await;
        for sql in [
            "select * from tenancy_fence.tenancy_places",
            "select key from tenancy_fence.tenancy_key",
            "update tenancy_fence.tenancy_places set state = 'open'",
            "insert into tenancy_fence.tenancy_places values ('x', 0, 0, 'open')",
            "delete from tenancy_fence.tenancy_places",
            "create function tenancy_fence.other() returns int language sql return 1",
            "drop function tenancy_fence.tenancy_entered(text)",
        ] {
            let mut tx = fenced.db.begin(&member(&record)).await.unwrap();
            assert_eq!(
                code(sqlx::raw_sql(sql).execute(&mut *tx).await),
                "42501",
                "{strategy}: {sql}"
            );
        }
    }
}
