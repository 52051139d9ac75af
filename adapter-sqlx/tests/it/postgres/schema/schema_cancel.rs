//! Futures of the strategy `schema` that are dropped at every point where they wait.

use crate::postgres::connection::cancel::poll_at_most;
use crate::postgres::support::schema_server::{
    member, notes_of, open, options, provision_with_note, schemas, two_tenants,
};
use crate::postgres::support::server::{TestDatabase, bodies};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_future_leaves_no_tenant_behind() {
    let database = TestDatabase::new().await;
    let db = two_tenants(&database).await;
    let (mut cancelled, mut finished) = (0, 0);
    for run in 0..2000_u32 {
        let work = async {
            let mut tx = db.begin(&member("acme")).await.unwrap();
            let sql = "update notes set body = 'of acme'";
            sqlx::query(sql).execute(&mut *tx).await.unwrap();
            tx.commit().await.unwrap();
        };
        match poll_at_most(run % 12, work).await {
            None => cancelled += 1,
            Some(()) => finished += 1,
        }
        let mut tx = db.begin(&member("globex")).await.unwrap();
        assert_eq!(bodies(&mut tx).await, ["of globex"], "run {run}");
        let sql = "update notes set name = $1";
        sqlx::query(sql).bind(run.to_string()).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }
    let mut tx = db.begin_read(&member("globex")).await.unwrap();
    let name = sqlx::query_scalar("select name from notes").fetch_one(&mut *tx).await;
    assert_eq!(name.unwrap_or_else(|error| format!("{error}")), "1999");
    // Two polls in twelve are too few for any transaction.
    assert!(
        cancelled > 250 && finished > 0,
        "{cancelled} cancelled, {finished} finished"
    );
}

/// It is made as a whole or not at all, and can be made afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_provisioning_leaves_nothing_half_made() {
    let database = TestDatabase::new().await;
    let (db, strategy) = open(options(&database)).await;
    let id = "acme".parse().unwrap();
    let mut unfinished = 0;
    for polls in 0..60 {
        let acme = member("acme");
        let made = poll_at_most(polls, db.provision(acme.tenant())).await;
        unfinished += u32::from(made.is_none());
        if schemas(&database).await.is_empty() {
            assert!(made.is_none());
        } else {
            let mut tx = db.begin(&acme).await.unwrap();
            assert_eq!(bodies(&mut tx).await, [""; 0], "after {polls} polls");
        }
        provision_with_note(&db, "acme").await;
        assert_eq!(notes_of(&db, "acme").await, ["of acme"]);
        strategy.dangerously_drop_schema(&id).await.unwrap();
    }
    assert!(unfinished > 5, "{unfinished}");
}
