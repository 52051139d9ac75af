//! Who looks at all tenants at once is an event before anything is read.

use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::{Database, Postgres, Sqlite};
use tenancy_core::names::{StrategyName, Subject};
use tenancy_sqlx::{
    AccessLog, Attribution, DirectoryDatabase, DirectoryError, PgDirectory, SqlDirectory, StrategyRegistry, TenantDb,
    TransactionError,
};

use crate::common::row_db;
use crate::postgres::support::server::TestDatabase;

/// A log that cannot be written.
struct Broken(AtomicBool);

#[derive(Debug, thiserror::Error)]
#[error("the log is full")]
struct Full;

impl AccessLog for Broken {
    type Error = Full;

    async fn record_access_across_tenants(&self, _: &StrategyName, _: &Attribution) -> Result<(), Full> {
        self.0.store(true, Ordering::SeqCst);
        Err(Full)
    }
}

async fn begin<DB: Database>(db: &TenantDb<DB>, log: &impl AccessLog) -> Result<(), TransactionError> {
    let (who, why) = (Subject::from_static("ops:olga"), "ticket 4711".parse().unwrap());
    db.dangerously_begin_across_tenants(log, who, why).await.map(drop)
}

async fn is_an_event<DB: Database, D: DirectoryDatabase>(db: &TenantDb<DB>, directory: &SqlDirectory<D>) {
    // The one who is named, and not the one whom the directory's other changes are by.
    let directory = directory.by("application".parse().unwrap());
    let events = async || directory.events(0, 100.try_into().unwrap()).await.unwrap();
    for number in 1..=2 {
        begin(db, &directory).await.unwrap();
        let events = events().await;
        assert_eq!(events.len(), number, "each look is an event");
        let last = events.last().unwrap();
        assert_eq!(
            (last.kind.as_str(), last.after.as_deref()),
            ("tenants.accessed", Some("row"))
        );
        assert_eq!(
            (last.actor.as_str(), last.reason.as_deref()),
            ("ops:olga", Some("ticket 4711"))
        );
        assert_eq!((&last.tenant, &last.member), (&None, &None));
    }
    // What is not written down does not begin, and what does not exist is not written down.
    let broken = Broken(AtomicBool::new(false));
    let refused = begin(db, &broken).await.unwrap_err();
    assert!(format!("{refused:?}").contains("Full"), "{refused:?}");
    assert!(broken.0.load(Ordering::SeqCst));
    assert!(
        begin(&TenantDb::<DB>::new(StrategyRegistry::new()), &directory)
            .await
            .is_err()
    );
    assert_eq!(events().await.len(), 2);
}

#[tokio::test]
async fn a_look_at_all_tenants_is_an_event_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let db: TenantDb<Sqlite> = row_db(&folder).await;
    is_an_event(&db, &super::sqlite(&folder).await).await;
}

#[tokio::test]
async fn a_look_at_all_tenants_is_an_event_on_postgres() {
    let database = TestDatabase::new().await;
    let db: TenantDb<Postgres> = database.one_connection().await;
    let directory = super::postgres(&database).await;
    is_an_event(&db, &directory).await;
    directory
        .allow_reading(&database.application_role().parse().unwrap())
        .await
        .unwrap();
    let serving = PgDirectory::open_read_only(database.application()).await.unwrap();
    let refused = begin(&db, &serving).await.unwrap_err();
    assert!(
        format!("{refused:?}").contains(&format!("{:?}", DirectoryError::ReadOnly)),
        "{refused:?}"
    );
}
