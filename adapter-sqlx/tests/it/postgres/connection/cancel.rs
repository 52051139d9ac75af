//! Futures that are dropped at every point where they wait.

pub(crate) use crate::polling::poll_at_most;
use crate::postgres::support::server::{TestDatabase, bodies, seed, tenant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_future_leaves_no_tenant_behind() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    seed(&db, &["acme", "globex"]).await;
    let (mut cancelled, mut finished) = (0, 0);
    for run in 0..3000_u32 {
        let work = async {
            let mut tx = db.begin(&tenant("acme")).await.unwrap();
            sqlx::query("update notes set body = 'of acme'")
                .execute(&mut *tx)
                .await
                .unwrap();
            tx.commit().await.unwrap();
        };
        match poll_at_most(run % 12, work).await {
            None => cancelled += 1,
            Some(()) => finished += 1,
        }
        let mut tx = db.begin(&tenant("globex")).await.unwrap();
        assert_eq!(bodies(&mut tx).await, ["of globex"], "run {run}");
        // It is this transaction that is committed, not one that was left open.
        let sql = "update notes set name = $1";
        sqlx::query(sql).bind(run.to_string()).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }
    let mut tx = db.begin_read(&tenant("globex")).await.unwrap();
    let name: String = sqlx::query_scalar("select name from notes")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(name, "2999");
    assert!(
        cancelled > 250 && finished > 0,
        "{cancelled} cancelled, {finished} finished"
    );
}
