//! Changes of the directory, told to other processes.

use std::time::Duration;

use tenancy_core::directory::{Change, ChangeFeed, Member, TenantStatus};
use tenancy_core::names::Subject;
use tenancy_sqlx::{NewTenant, PgChanges, PgDirectory};

use crate::postgres::support::server::TestDatabase;

fn tenant_changed() -> Change {
    "tenant acme\nslug acme".parse().unwrap()
}

pub(super) async fn next(changes: &mut PgChanges) -> Change {
    // Bounded, so that a lost change fails the test and does not hang it.
    let told = tokio::time::timeout(Duration::from_secs(30), changes.next()).await;
    told.expect("a change is delivered").unwrap().unwrap()
}

async fn set_up(database: &TestDatabase) -> (PgDirectory, PgChanges) {
    let directory = PgDirectory::open(database.administrator()).await.unwrap();
    let changes = PgChanges::connect(database.administrator()).await.unwrap();
    let acme = NewTenant::new("acme".parse().unwrap(), "row".parse().unwrap()).with_status(TenantStatus::Active);
    directory.upsert(&acme).await.unwrap();
    (directory, changes)
}

#[tokio::test]
async fn changes_are_told_in_order() {
    let database = TestDatabase::new().await;
    let (directory, mut changes) = set_up(&database).await;
    let id = "acme".parse().unwrap();
    let subject = Subject::from_static("alice");
    directory.add_member(&id, &Member::new(subject.clone())).await.unwrap();
    directory.set_status(&id, TenantStatus::Suspended).await.unwrap();
    assert_eq!(next(&mut changes).await, tenant_changed());
    assert_eq!(next(&mut changes).await, Change::Member { tenant: id, subject });
    assert_eq!(next(&mut changes).await, tenant_changed());
}

#[tokio::test]
async fn what_nobody_knows_is_everything() {
    let database = TestDatabase::new().await;
    let (_, mut changes) = set_up(&database).await;
    assert_eq!(next(&mut changes).await, tenant_changed());
    let mut administrator = database.connect().await;
    for payload in ["", "of a later version", "tenant ACME"] {
        let sql = "select pg_notify('tenancy_changes', $1)";
        sqlx::query(sql)
            .bind(payload)
            .execute(&mut administrator)
            .await
            .unwrap();
        assert_eq!(next(&mut changes).await, Change::Everything, "{payload}");
    }
}

/// A lost connection may have lost changes. It tells so once it hears again, and not before.
#[tokio::test]
async fn a_lost_connection_is_everything() {
    let database = TestDatabase::new().await;
    let (directory, mut changes) = set_up(&database).await;
    assert_eq!(next(&mut changes).await, tenant_changed());
    let mut administrator = database.connect().await;
    let kill = "select pg_terminate_backend(pid, 5000) from pg_stat_activity
        where datname = current_database() and query ilike 'listen %'";
    for _ in 0..3 {
        let killed = sqlx::query(kill).fetch_all(&mut administrator).await.unwrap();
        assert_eq!(killed.len(), 1);
        // Nobody listens: this one is lost.
        directory
            .set_status(&"acme".parse().unwrap(), TenantStatus::Active)
            .await
            .unwrap();
        assert_eq!(next(&mut changes).await, Change::Everything);
        directory
            .set_status(&"acme".parse().unwrap(), TenantStatus::Suspended)
            .await
            .unwrap();
        assert_eq!(next(&mut changes).await, tenant_changed());
    }
}

/// A call that is dropped loses nothing, and neither do heartbeats in between.
#[tokio::test]
async fn dropped_calls_and_heartbeats_lose_nothing() {
    let database = TestDatabase::new().await;
    let (directory, changes) = set_up(&database).await;
    let mut changes = changes.with_heartbeat(Duration::from_millis(1));
    assert_eq!(next(&mut changes).await, tenant_changed());
    let writes = 200_u32;
    let id = "acme".parse().unwrap();
    let writer = tokio::spawn(async move {
        for number in 0..writes {
            let subject: Subject = format!("s{number}").parse().unwrap();
            directory.add_member(&id, &Member::new(subject)).await.unwrap();
        }
    });
    let mut told = 0;
    while told < writes {
        let dropped_soon = tokio::time::timeout(Duration::from_micros(300), changes.next()).await;
        let change = match dropped_soon {
            Ok(change) => change.unwrap().unwrap(),
            Err(_) => next(&mut changes).await,
        };
        let Change::Member { subject, .. } = change else {
            panic!("{change:?}")
        };
        assert_eq!(subject.as_str(), format!("s{told}"));
        told += 1;
    }
    writer.await.unwrap();
}
