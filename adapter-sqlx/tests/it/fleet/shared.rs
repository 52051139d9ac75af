//! Several processes on one run.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection;
use tenancy_sqlx::fleet::{Fleet, FleetError, FleetOptions, FleetProgress, ResumeOptions, RunState, Stop};
use tenancy_sqlx::{MigrateOptions, MigrationTarget, PgSchemaStrategy, StrategyError, StrategyRegistry, TenantDb};
use tokio::sync::Notify;

use super::support::{STEPS, Schemas, execute, impatient, name, run, steps};
use crate::postgres::support::server::migrations;

/// Two that start at once share the tenants, and each migration runs once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runners_share_a_run() {
    let schemas = Schemas::new(20, 1).await;
    let (one, other) = (schemas.fleet(5).await, schemas.fleet(5).await);
    let options = impatient();
    let (stop, mut by_one, mut by_other) = (Stop::new(), 0, 0);
    let (first, second) = tokio::join!(
        one.join(&options, &stop, |progress| by_one +=
            u32::from(matches!(progress, FleetProgress::Done(..)))),
        other.join(&options, &stop, |progress| by_other +=
            u32::from(matches!(progress, FleetProgress::Done(..)))),
    );
    let (first, second) = (first.unwrap(), second.unwrap());
    assert!(first.is_complete() && second.is_complete(), "{first:?} {second:?}");
    assert_eq!(first.run, second.run);
    assert_eq!(by_one + by_other, 20);
    schemas.each_has(&[1, 2, 3, 5]).await;
    assert_eq!(one.find_run(first.run).await.unwrap().unwrap().state, RunState::Done);
}

/// A run that is under way is not disturbed by another: the second process is told.
#[tokio::test]
async fn a_second_run_is_refused_while_one_is_under_way() {
    let schemas = Schemas::new(3, 2).await;
    let (one, other) = (schemas.fleet(3).await, schemas.fleet(3).await);
    let mut holder = schemas.connect().await;
    execute(&mut holder, "begin; lock table tenant_t001.drafts in access share mode").await;
    let patient = FleetOptions::new().with_lock_timeout(Duration::from_millis(100), 500.try_into().unwrap());
    let begun = Arc::new(Notify::new());
    let (says, stop) = (Arc::clone(&begun), Stop::new());
    let (report, ()) = tokio::join!(
        one.run(&patient, &stop, |progress| {
            if let FleetProgress::Started(_) = progress {
                says.notify_one();
            }
        }),
        async {
            begun.notified().await;
            let refused = other.run(&patient, &Stop::new(), |_| {}).await;
            assert!(matches!(refused, Err(FleetError::UnderWay { .. })), "{refused:?}");
            let stranger = Fleet::new(schemas.directory.clone(), &schemas.release(4).await).unwrap();
            let refused = stranger.join(&patient, &Stop::new(), |_| {}).await;
            assert!(
                matches!(refused, Err(FleetError::OtherMigrations { .. })),
                "{refused:?}"
            );
            execute(&mut holder, "rollback").await;
        }
    );
    assert!(report.unwrap().is_complete());
}

/// Where the tenant is being migrated by another process, it is waited for no longer than for other locks.
#[tokio::test]
async fn the_lock_of_a_tenant_keeps_others_out() {
    let schemas = Schemas::new(2, 1).await;
    let mut holder = schemas.connect().await;
    execute(
        &mut holder,
        "select pg_advisory_lock(hashtextextended('tenant_t001', 0))",
    )
    .await;
    let fleet = schemas.fleet(2).await;
    let report = run(&fleet, &impatient()).await;
    assert_eq!((report.done, report.failed), (1, 1));
    let words = &report.failures[0].words;
    assert!(
        words.contains("another process provisions, migrates or removes it"),
        "{words}"
    );
    schemas.database.connect().await.close().await.unwrap();
    holder.close().await.unwrap();
    let report = fleet
        .resume(None, &ResumeOptions::new().with_failed(), &Stop::new(), |_| {})
        .await
        .unwrap();
    assert!(report.is_complete(), "{report:?}");
}

/// What has run is read under the lock: of many that migrate one tenant at once, without any run, one does it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_is_read_under_the_lock() {
    let schemas = Schemas::new(1, 1).await;
    let schema = PgSchemaStrategy::builder(schemas.database.server()).with_migrations(steps(5));
    let strategy = Arc::new(schema.open().await.unwrap());
    let mut registry = StrategyRegistry::new();
    registry.register(strategy).unwrap();
    let db = TenantDb::new(registry);
    let strategy = db.strategies().find(&"schema".parse().unwrap()).unwrap();
    let record = crate::common::record("t000", "schema");
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (strategy, record) = (Arc::clone(strategy), record.clone());
        tasks.spawn(async move {
            let migrated = strategy
                .migrate(MigrationTarget::Tenant(&record), &MigrateOptions::DEFAULT)
                .await;
            migrated.unwrap().ran
        });
    }
    let mut ran = tasks.join_all().await;
    ran.sort_unstable();
    assert_eq!(ran, [0, 0, 0, 0, 0, 4]);
    schemas.each_has(&[1, 2, 3, 5]).await;
}

/// A process whose lease has run out does not overwrite what another has written meanwhile.
#[tokio::test]
async fn a_late_result_is_not_written() {
    let schemas = Schemas::new(1, 1).await;
    let fleet = schemas.fleet(2).await;
    let mut connection = schemas.connect().await;
    let mut holder = schemas.connect().await;
    execute(
        &mut holder,
        "select pg_advisory_lock(hashtextextended('tenant_t000', 0))",
    )
    .await;
    let (begun, stop) = (Arc::new(Notify::new()), Stop::new());
    let says = Arc::clone(&begun);
    let options = impatient().with_jobs(NonZeroUsize::MIN);
    let (report, ()) = tokio::join!(
        fleet.run(&options, &stop, |progress| {
            if let FleetProgress::Started(_) = progress {
                says.notify_one();
            }
        }),
        async {
            begun.notified().await;
            // As another process has it that took the tenant, and has done it.
            let sql =
                "update tenancy_run_items set owner = 'another', attempt = attempt + 1, state = 'done', to_version = 2";
            execute(&mut connection, sql).await;
        }
    );
    let report = report.unwrap();
    // This process waited in vain for the lock, and says nothing of it.
    assert_eq!((report.done, report.failed), (1, 0));
    let state: (String, Option<String>) = sqlx::query_as("select state, sqlstate from tenancy_run_items")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(state, ("done".to_owned(), None));
    // And whatever the ledger of runs says, a tenant that is behind is behind.
    assert!(!report.is_complete());
    assert_eq!(report.fleet.behind(), 1);
}

/// A strategy's own errors reach the caller, with the migration's version.
#[tokio::test]
async fn a_single_tenant_is_migrated_by_the_strategy() {
    let schemas = Schemas::new(1, 1).await;
    let db = schemas
        .with_migrations(migrations(&[STEPS[0], STEPS[1], "select 1/0"]))
        .await;
    let strategy = db.strategies().find(&"schema".parse().unwrap()).unwrap();
    let migrate = async |id: &str| {
        let record = crate::common::record(id, "schema");
        strategy
            .migrate(MigrationTarget::Tenant(&record), &MigrateOptions::DEFAULT)
            .await
    };
    let failed = migrate(&name(0)).await.unwrap_err();
    let StrategyError::Migration { version: 3, .. } = failed else {
        panic!("{failed:?}");
    };
    let missing = migrate("nobody").await.unwrap_err();
    assert!(matches!(missing, StrategyError::NotProvisioned { .. }), "{missing:?}");
    assert_eq!(schemas.applied().await, [(name(0), vec![1, 2])], "nothing is created");
}
