//! Tenants that cannot be migrated: they are named, the others go on, and the next run finishes them.

use std::num::NonZeroUsize;
use std::time::Duration;

use tenancy_sqlx::fleet::{Canaries, Fleet, FleetOptions, FleetProgress, ResumeOptions, RunEnd, RunState, Stop};
use tenancy_sqlx::{MigrateOptions, MigrationTarget, Standing};

use super::support::{STEPS, Schemas, execute, failed, impatient, max_failures, name, run};
use crate::postgres::support::server::migrations;

#[tokio::test]
async fn a_tenant_that_fails_half_way_is_named_and_finished_by_the_next_run() {
    let schemas = Schemas::new(5, 1).await;
    let fleet = schemas.fleet(3).await;
    let mut connection = schemas.connect().await;
    // The second migration runs, and the third is refused.
    let sql = "alter table tenant_t002.applied add constraint at_most_two check (version < 3)";
    execute(&mut connection, sql).await;
    let report = run(&fleet, &FleetOptions::new()).await;
    assert!(!report.is_complete() && report.is_resumable());
    assert_eq!((report.done, report.failed, report.pending), (4, 1, 0));
    let [failure] = report.failures.as_slice() else {
        panic!("{:?}", report.failures);
    };
    assert_eq!(failure.tenant.as_ref().unwrap().as_str(), "t002");
    assert_eq!((failure.version, failure.sqlstate.as_deref()), (Some(3), Some("23514")));
    assert_eq!(
        failure.words,
        "failed to run the migration 3: failed to run the migrations: the database refused it (23514), table `applied`, \
        constraint `at_most_two`"
    );
    let applied = schemas.applied().await;
    assert_eq!(applied[2], (name(2), vec![1, 2]));
    assert_eq!(applied[4], (name(4), vec![1, 2, 3]));
    assert_eq!(report.fleet.behind(), 1);
    assert_eq!(
        fleet.find_run(report.run).await.unwrap().unwrap().state,
        RunState::Failed
    );

    execute(
        &mut connection,
        "alter table tenant_t002.applied drop constraint at_most_two",
    )
    .await;
    let report = run(&fleet, &FleetOptions::new()).await;
    assert_eq!(report.done, 1);
    assert!(report.is_complete(), "{report:?}");
    schemas.each_has(&[1, 2, 3]).await;
}

/// The server's message quotes what a tenant has stored. It reaches the operator who runs, and nobody else.
#[tokio::test]
async fn what_is_stored_of_a_failure_has_no_data_of_the_tenant() {
    let schemas = Schemas::new(1, 1).await;
    let mut connection = schemas.connect().await;
    let sql = "create table tenant_t000.bodies (body text); insert into tenant_t000.bodies values ('hidden 1')";
    execute(&mut connection, sql).await;
    let cast = "alter table bodies alter column body type bigint using body::bigint";
    let db = schemas.with_migrations(migrations(&[STEPS[0], cast])).await;
    let fleet = Fleet::new(schemas.directory.clone(), &db).unwrap();
    let mut seen = String::new();
    let stop = Stop::new();
    let options = FleetOptions::new();
    let report = fleet.run(&options, &stop, |progress| {
        if let FleetProgress::Failed { error: Some(error), .. } = progress {
            seen = format!("{error:?}");
        }
    });
    let report = report.await.unwrap();
    assert!(seen.contains("hidden 1"), "{seen}");
    let [failure] = report.failures.as_slice() else {
        panic!("{:?}", report.failures);
    };
    assert_eq!(failure.sqlstate.as_deref(), Some("22P02"));
    let stored: Vec<Option<String>> =
        sqlx::query_scalar("select i::text from tenancy_run_items i union all select r::text from tenancy_runs r")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    assert_eq!(stored.len(), 2);
    assert!(!format!("{stored:?} {report:?}").contains("hidden"), "{stored:?}");
    assert_eq!(fleet.failures(report.run, None, 10).await.unwrap(), report.failures);
    assert!(fleet.failures(report.run, Some("t000"), 10).await.unwrap().is_empty());
}

/// Another session holds a lock on a table of one tenant: that tenant fails after its attempts, and nobody waits behind it for long.
#[tokio::test]
async fn a_table_that_is_locked_fails_its_tenant_alone() {
    let schemas = Schemas::new(4, 2).await;
    let fleet = schemas.fleet(3).await;
    let mut holder = schemas.connect().await;
    execute(&mut holder, "begin; lock table tenant_t001.drafts in access share mode").await;
    let report = run(&fleet, &impatient()).await;
    assert_eq!((report.done, report.failed), (3, 1));
    let [failure] = report.failures.as_slice() else {
        panic!("{:?}", report.failures);
    };
    assert_eq!(failure.tenant.as_ref().unwrap().as_str(), "t001");
    assert_eq!((failure.version, failure.sqlstate.as_deref()), (Some(3), Some("55P03")));
    assert!(
        failure.words.contains("in 2 attempts: other sessions hold locks"),
        "{}",
        failure.words
    );
    execute(&mut holder, "rollback").await;
    let report = run(&fleet, &impatient()).await;
    assert_eq!(report.done, 1);
    assert!(report.is_complete());
    schemas.each_has(&[1, 2, 3]).await;
}

/// A migration that finds its lock taken is tried again, and has run when the lock is free.
#[tokio::test]
async fn a_lock_that_is_given_up_is_waited_for() {
    let schemas = Schemas::new(1, 2).await;
    let fleet = schemas.fleet(3).await;
    let mut holder = schemas.connect().await;
    execute(&mut holder, "begin; lock table tenant_t000.drafts in access share mode").await;
    let options = FleetOptions::new().with_lock_timeout(Duration::from_millis(100), 100.try_into().unwrap());
    let (report, ()) = tokio::join!(run(&fleet, &options), async {
        // It has waited for the lock, and given up at least once, when a second is over.
        tokio::time::sleep(Duration::from_secs(1)).await;
        execute(&mut holder, "rollback").await;
    });
    assert!(report.is_complete(), "{report:?}");
    schemas.each_has(&[1, 2, 3]).await;
}

/// Behind the bound no other tenant is begun. What was not begun is pending, and the run says so.
#[tokio::test]
async fn too_many_failures_end_a_run() {
    let schemas = Schemas::new(12, 1).await;
    let fleet = schemas.fleet(2).await;
    let mut connection = schemas.connect().await;
    for number in 0..12 {
        execute(
            &mut connection,
            &format!("create table tenant_{}.drafts ()", name(number)),
        )
        .await;
    }
    let one = impatient().with_jobs(NonZeroUsize::new(1).unwrap());
    let report = run(&fleet, &one.clone().with_max_failures(max_failures(3))).await;
    assert_eq!(report.ended, RunEnd::TooManyFailures);
    assert_eq!((report.failed, report.pending), (3, 9));
    assert!(!report.is_complete());
    let all = report.failed;

    // Failures of before do not count against a resumed run.
    let resume = ResumeOptions::new().with_max_failures(max_failures(1));
    let report = fleet.resume(None, &resume, &Stop::new(), |_| {}).await.unwrap();
    assert_eq!(report.ended, RunEnd::TooManyFailures);
    assert_eq!((report.failed, report.pending), (all + 1, 8));

    for number in 0..12 {
        execute(&mut connection, &format!("drop table tenant_{}.drafts", name(number))).await;
    }
    let report = fleet
        .resume(None, &ResumeOptions::new(), &Stop::new(), |_| {})
        .await
        .unwrap();
    assert!(
        report.failed > all && report.pending == 0,
        "those that failed are not tried again by themselves: {report:?}"
    );
    assert!(!report.is_complete());
    let report = fleet
        .resume(None, &ResumeOptions::new().with_failed(), &Stop::new(), |_| {})
        .await
        .unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.done, 12);
    schemas.each_has(&[1, 2]).await;
}

/// One failure among canaries, and nobody else is touched.
#[tokio::test]
async fn a_canary_that_fails_ends_a_run() {
    let schemas = Schemas::new(6, 1).await;
    let fleet = schemas.fleet(2).await;
    let mut connection = schemas.connect().await;
    execute(&mut connection, "create table tenant_t004.drafts ()").await;
    let options = impatient().with_canaries(Canaries::Tenants(["t004".parse().unwrap()].into()));
    let report = run(&fleet, &options).await;
    assert_eq!(
        (report.ended, failed(&report)),
        (RunEnd::TooManyFailures, vec!["t004".to_owned()])
    );
    assert_eq!((report.done, report.pending), (0, 5));
    schemas.each_has(&[1]).await;
    execute(&mut connection, "drop table tenant_t004.drafts").await;
    let resumed = fleet
        .resume(None, &ResumeOptions::new(), &Stop::new(), |_| {})
        .await
        .unwrap();
    assert_eq!((resumed.ended, resumed.done), (RunEnd::TooManyFailures, 0));
    let resumed = fleet
        .resume(None, &ResumeOptions::new().with_failed(), &Stop::new(), |_| {})
        .await
        .unwrap();
    assert!(resumed.is_complete(), "{resumed:?}");
}

/// A release that is older than the database migrates nothing, and says of which tenants.
#[tokio::test]
async fn a_database_that_is_ahead_is_left_alone() {
    let schemas = Schemas::new(3, 1).await;
    let newer = schemas.fleet(3).await;
    let options = FleetOptions::new().with_tenants([name(1).parse().unwrap()]);
    assert!(run(&newer, &options).await.is_complete());
    let older = schemas.fleet(2).await;
    let report = run(&older, &FleetOptions::new()).await;
    assert_eq!(report.done, 2);
    let of_schema = &report.fleet.strategies[&"schema".parse().unwrap()];
    assert_eq!(of_schema.ahead.first.len(), 1);
    assert_eq!((of_schema.up_to_date, of_schema.behind), (2, 0));
    assert!(report.is_complete());
    let applied = schemas.applied().await;
    assert_eq!(applied[1].1, [1, 2, 3]);
    // Nor does it if it is told to by itself.
    let db = schemas.release(2).await;
    let strategy = db.strategies().find(&"schema".parse().unwrap()).unwrap();
    let record = schemas
        .directory
        .find_by_id(&name(1).parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    let record = tenancy_core::directory::TenantEntry::record(&record);
    let refused = strategy
        .migrate(MigrationTarget::Tenant(record), &MigrateOptions::DEFAULT)
        .await;
    refused.unwrap_err();
    let version = strategy.version(MigrationTarget::Tenant(record)).await.unwrap();
    assert_eq!((version.standing, version.version), (Standing::Ahead, Some(3)));
}

/// A migration whose text was changed after it ran is found where ledgers are read, and the tenant is not migrated.
#[tokio::test]
async fn a_migration_that_was_changed_is_found() {
    let schemas = Schemas::new(3, 2).await;
    let edited = "create table drafts (body text not null)";
    let db = schemas.with_migrations(migrations(&[STEPS[0], edited, STEPS[2]])).await;
    let fleet = Fleet::new(schemas.directory.clone(), &db).unwrap();
    let plan = fleet
        .plan(&FleetOptions::new().with_verified_ledgers(), |_| {})
        .await
        .unwrap();
    let of_schema = &plan.strategies[&"schema".parse().unwrap()];
    assert_eq!((of_schema.changed.count, of_schema.behind), (3, 0));
    assert!(plan.has_findings());
    let report = run(&fleet, &FleetOptions::new().with_verified_ledgers()).await;
    assert_eq!((report.done, report.failed), (0, 0));
    assert!(!report.is_complete());
    // Recorded versions do not tell of it: the tenants fail, and nothing runs.
    let report = run(&fleet, &FleetOptions::new()).await;
    assert_eq!((report.done, report.failed), (0, 3));
    schemas.each_has(&[1, 2]).await;
}
