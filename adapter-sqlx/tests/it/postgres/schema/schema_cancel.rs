//! Futures of the strategy `schema` that are dropped at every point where they wait.

use crate::postgres::connection::cancel::poll_at_most;
use crate::postgres::support::schema_server::{
    NOTES, member, notes_of, open, options, provision_with_note, schemas, two_tenants, versions,
};
use crate::postgres::support::server::{TestDatabase, bodies, migrations};

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

/// It serves a tenant when it is made as a whole and not before, and can be continued from wherever it was dropped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_provisioning_is_continued() {
    let database = TestDatabase::new().await;
    let steps = migrations(&[
        NOTES,
        "-- no-transaction\ncreate index concurrently notes_body on notes (body)",
        "create type colour as enum ('red')",
        "alter type colour add value 'blue'",
        "alter table notes add column colour colour not null default 'blue'",
    ]);
    let (db, strategy) = open(options(&database).with_migrations(steps)).await;
    let id = "acme".parse().unwrap();
    let (mut unfinished, mut half_made) = (0, 0);
    let (mut polls, mut step, mut rounds) = (0, 40, 0);
    loop {
        // Most waits are those for the connection.
        polls += step;
        let acme = member("acme");
        let made = poll_at_most(polls, db.provision(acme.tenant())).await;
        unfinished += u32::from(made.is_none());
        match db.begin(&acme).await {
            // The last step may have been done when the future was dropped.
            Ok(mut tx) => {
                let colours = sqlx::query("select colour from notes").fetch_all(&mut *tx).await;
                assert!(colours.unwrap().is_empty(), "after {polls} polls");
            }
            Err(error) => {
                assert!(made.is_none() && error.to_string().contains("acme"), "{error}");
                half_made += u32::from(!schemas(&database).await.is_empty());
            }
        }
        provision_with_note(&db, "acme").await;
        assert_eq!(notes_of(&db, "acme").await, ["of acme"]);
        assert_eq!(versions(&database, "acme").await, [1, 2, 3, 4, 5]);
        let invalid = "select count(*) from pg_index i where not i.indisvalid or not i.indisready";
        let invalid = sqlx::query_scalar(invalid)
            .fetch_one(&mut database.connect().await)
            .await;
        assert_eq!(invalid.unwrap_or(-1_i64), 0, "after {polls} polls");
        strategy.dangerously_drop_schema(&id).await.unwrap();
        if half_made > 0 {
            step = 8;
        }
        // What lies between two steps differs from run to run: once more, in smaller ones.
        let is_enough = unfinished > 5 && half_made > 3;
        if made.is_some() && !is_enough && rounds < 30 {
            (polls, step, rounds) = (polls.saturating_sub(80), 4, rounds + 1);
        } else if made.is_some() {
            break;
        }
    }
    assert!(
        unfinished > 5 && half_made > 3,
        "{unfinished} unfinished, {half_made} half made"
    );
}
