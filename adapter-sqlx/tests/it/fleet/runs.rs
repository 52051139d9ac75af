//! Runs that nothing disturbs.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use tenancy_core::directory::TenantStatus;
use tenancy_core::names::TenantId;
use tenancy_sqlx::fleet::{
    Canaries, Fleet, FleetError, FleetOptions, FleetProgress, ResumeOptions, RunEnd, RunState, Stop, Wave,
};
use tenancy_sqlx::{
    NewTenant, PgDatabaseStrategy, PgDirectory, PgRowStrategy, PgSchemaStrategy, PgTenantTable, Standing,
    StrategyRegistry, TenantDb,
};

use super::support::{STEPS, Schemas, create, execute, impatient, name, run, steps};
use crate::postgres::support::server::{NOTES, TestDatabase, migrations};

const COLUMN: &str = "alter table notes add column title text";

/// Every strategy of a release with so many migrations.
async fn release(
    database: &TestDatabase,
    rows: &[&'static str],
    count: usize,
    migrates: bool,
) -> TenantDb<sqlx::Postgres> {
    let tables = database.schema().with_table(PgTenantTable::new("notes").unwrap());
    let row = PgRowStrategy::builder(database.server(), tables).with_migrations(migrations(rows));
    let row = if migrates {
        row.open().await
    } else {
        row.open_for_migrations().await
    };
    let schema = PgSchemaStrategy::builder(database.server()).with_migrations(steps(count));
    let own = PgDatabaseStrategy::builder(database.server())
        .with_prefix(database.prefix())
        .with_template("template0")
        .unwrap()
        .with_migrations(steps(count));
    let registry = StrategyRegistry::new().with(row.unwrap()).unwrap();
    let registry = registry.with(schema.open().await.unwrap()).unwrap();
    TenantDb::new(registry.with(own.open().await.unwrap()).unwrap())
}

#[tokio::test]
async fn all_strategies_are_migrated_by_one_run() {
    let database = TestDatabase::new().await;
    let directory = PgDirectory::open(database.administrator()).await.unwrap();
    let old = release(&database, &[NOTES], 1, true).await;
    create(&directory, &old, "row", &["r1", "r2"]).await;
    create(&directory, &old, "schema", &["s1", "s2", "s3"]).await;
    create(&directory, &old, "database", &["d1", "d2"]).await;

    let fleet = Fleet::new(directory.clone(), &release(&database, &[NOTES, COLUMN], 4, false).await).unwrap();
    let mut observed = Vec::new();
    let plan = fleet
        .plan(&FleetOptions::new(), |planned| {
            let tenant = planned.tenant.map_or("tables", TenantId::as_str).to_owned();
            observed.push((
                tenant,
                planned.version.unwrap().standing,
                planned.version.unwrap().version,
                planned.target,
            ));
        })
        .await
        .unwrap();
    observed.sort_by(|one, other| one.0.cmp(&other.0));
    let behind = |tenant: &str, target| (tenant.to_owned(), Standing::Behind, Some(1), Some(target));
    let expected = [
        behind("d1", 4),
        behind("d2", 4),
        behind("s1", 4),
        behind("s2", 4),
        behind("s3", 4),
        behind("tables", 2),
    ];
    assert_eq!(observed, expected);
    assert_eq!(plan.behind(), 6);
    assert!(!plan.is_up_to_date() && !plan.has_findings());

    let mut waves = Vec::new();
    let report = fleet
        .run(&FleetOptions::new(), &Stop::new(), |progress| {
            if let FleetProgress::Wave(wave, servers) = progress {
                waves.push((wave, servers.iter().map(|server| server.total).sum::<u64>()));
            }
        })
        .await
        .unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!((report.done, report.failed, report.pending), (6, 0, 0));
    assert_eq!(waves, [(Wave::SharedTables, 1), (Wave::Rest, 5)]);

    // Nothing is left, and nothing is done twice.
    let again = run(&fleet, &FleetOptions::new()).await;
    assert!(again.is_complete());
    assert_eq!(again.done, 0);
    assert!(again.run > report.run);
    let states: Vec<RunState> = fleet.runs(10).await.unwrap().iter().map(|run| run.state).collect();
    assert_eq!(states, [RunState::Done, RunState::Done]);
    let sql = "select array_agg(version order by version) from tenant_s2.applied";
    let versions: Vec<i64> = sqlx::query_scalar(sql)
        .fetch_one(&mut database.connect().await)
        .await
        .unwrap();
    assert_eq!(versions, [1, 2, 3]);
}

/// Suspended tenants are migrated, archived ones are not unless it is said, and one without a schema is named.
#[tokio::test]
async fn tenants_that_are_not_served() {
    let schemas = Schemas::new(4, 1).await;
    let directory = &schemas.directory;
    directory.suspend(&name(1).parse().unwrap()).await.unwrap();
    directory.archive(&name(2).parse().unwrap()).await.unwrap();
    let created = |id: &str, status| NewTenant::new(id.parse().unwrap(), "schema".parse().unwrap()).with_status(status);
    directory
        .upsert(&created("creating", TenantStatus::Provisioning))
        .await
        .unwrap();
    let fleet = schemas.fleet(2).await;
    let report = run(&fleet, &FleetOptions::new()).await;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.done, 3);
    let of_schema = &report.fleet.strategies[&"schema".parse().unwrap()];
    assert_eq!((of_schema.up_to_date, of_schema.archived, of_schema.behind), (3, 1, 0));
    assert_eq!(
        of_schema.not_provisioned.first,
        ["creating".parse::<TenantId>().unwrap()]
    );

    // An active one without a schema is not all right.
    directory.upsert(&created("lost", TenantStatus::Active)).await.unwrap();
    let report = run(&fleet, &FleetOptions::new()).await;
    assert!(!report.is_complete());
    assert_eq!(report.fleet.strategies[&"schema".parse().unwrap()].lost, 1);
    let applied = |applied: Vec<(String, Vec<i64>)>| {
        applied
            .into_iter()
            .map(|(_, versions)| versions.len())
            .collect::<Vec<_>>()
    };
    assert_eq!(applied(schemas.applied().await), [2, 2, 1, 2]);

    let report = run(&fleet, &FleetOptions::new().with_archived()).await;
    assert_eq!(report.done, 1);
    assert_eq!(applied(schemas.applied().await), [2, 2, 2, 2]);
}

#[tokio::test]
async fn canaries_come_first_and_are_watched() {
    let schemas = Schemas::new(6, 1).await;
    let fleet = schemas.fleet(2).await;
    let canaries = Canaries::Tenants([name(4).parse().unwrap(), name(2).parse().unwrap()].into());
    let soak = Duration::from_millis(1_500);
    let options = FleetOptions::new().with_canaries(canaries).with_soak(soak);
    let begun = Instant::now();
    let (mut order, mut soaked) = (Vec::new(), 0);
    let stop = Stop::new();
    let report = fleet.run(&options, &stop, |progress| match progress {
        FleetProgress::Done(item, _) => order.push(item.tenant.unwrap().to_string()),
        FleetProgress::Soaking(_) => {
            assert_eq!(order.len(), 2);
            soaked += 1;
        }
        _ => {}
    });
    assert!(report.await.unwrap().is_complete());
    order[..2].sort();
    assert_eq!(order[..2], [name(2), name(4)]);
    assert_eq!(order.len(), 6);
    assert!(soaked > 0 && begun.elapsed() >= soak);

    let unknown = FleetOptions::new().with_canaries(Canaries::Tenants(["nobody".parse().unwrap()].into()));
    let refused = fleet.run(&unknown, &Stop::new(), |_| {}).await;
    assert!(matches!(refused, Err(FleetError::UnknownCanary { .. })), "{refused:?}");
    // A run that could not be planned does not stand in the way.
    assert!(run(&fleet, &FleetOptions::new()).await.is_complete());
}

#[tokio::test]
async fn only_those_that_are_named() {
    let schemas = Schemas::new(4, 1).await;
    let fleet = schemas.fleet(2).await;
    let options = FleetOptions::new().with_tenants([name(1).parse().unwrap()]);
    let report = run(&fleet, &options).await;
    assert_eq!(report.done, 1);
    assert!(report.is_complete());
    assert_eq!(fleet.plan(&FleetOptions::new(), |_| {}).await.unwrap().behind(), 3);
    let mistyped = FleetOptions::new().with_tenants(["t0001".parse().unwrap()]);
    let refused = fleet.plan(&mistyped, |_| {}).await;
    assert!(matches!(refused, Err(FleetError::UnknownTenant { .. })), "{refused:?}");
    let strategy = FleetOptions::new().with_strategies(["row".parse().unwrap()]);
    let refused = fleet.plan(&strategy, |_| {}).await;
    assert!(matches!(refused, Err(FleetError::NoMigrations { .. })), "{refused:?}");
}

/// What runs is finished, the rest stays, and the run goes on there.
#[tokio::test]
async fn a_run_that_is_stopped_is_resumed() {
    let schemas = Schemas::new(12, 1).await;
    let fleet = schemas.fleet(5).await;
    let stop = Stop::new();
    let options = impatient().with_jobs(NonZeroUsize::new(1).unwrap());
    let mut done = 0;
    let raised = stop.clone();
    let report = fleet.run(&options, &stop, |progress| {
        if let FleetProgress::Done(..) = progress {
            done += 1;
            if done == 3 {
                raised.raise();
            }
        }
    });
    let report = report.await.unwrap();
    assert_eq!(report.ended, RunEnd::Stopped);
    assert!(!report.is_complete() && report.is_resumable());
    assert!(report.done >= 3 && report.pending > 0, "{report:?}");
    assert_eq!(report.done + report.pending, 12);
    assert_eq!(
        fleet.find_run(report.run).await.unwrap().unwrap().state,
        RunState::Stopped
    );

    let resumed = fleet
        .resume(None, &ResumeOptions::new(), &Stop::new(), |_| {})
        .await
        .unwrap();
    assert_eq!(resumed.run, report.run);
    assert!(resumed.is_complete(), "{resumed:?}");
    assert_eq!(resumed.done, 12);
    schemas.each_has(&[1, 2, 3, 5]).await;
    let nothing = fleet.resume(None, &ResumeOptions::new(), &Stop::new(), |_| {}).await;
    assert!(matches!(nothing, Err(FleetError::NothingToResume)), "{nothing:?}");
}

#[tokio::test]
async fn a_stop_before_the_plan_leaves_a_run_that_is_resumed() {
    let schemas = Schemas::new(3, 1).await;
    let fleet = schemas.fleet(2).await;
    let stop = Stop::new();
    stop.raise();
    let report = fleet.run(&FleetOptions::new(), &stop, |_| {}).await.unwrap();
    assert_eq!((report.ended, report.done), (RunEnd::Stopped, 0));
    schemas.each_has(&[1]).await;
    let resumed = fleet
        .resume(Some(report.run), &ResumeOptions::new(), &Stop::new(), |_| {})
        .await;
    assert!(resumed.unwrap().is_complete());
    schemas.each_has(&[1, 2]).await;
}

/// Tables that were made by other means get their rows in the ledger, and nothing runs.
#[tokio::test]
async fn a_baseline_runs_nothing() {
    let schemas = Schemas::new(3, 1).await;
    let mut connection = schemas.connect().await;
    for number in 0..3 {
        let sql = format!("create table tenant_{}.drafts (body text, title text)", name(number));
        execute(&mut connection, &sql).await;
    }
    let fleet = schemas.fleet(5).await;
    let unknown = fleet
        .run(&FleetOptions::new().with_baseline(9), &Stop::new(), |_| {})
        .await;
    assert!(
        matches!(unknown, Err(FleetError::UnknownBaseline { version: 9, .. })),
        "{unknown:?}"
    );
    let report = run(&fleet, &FleetOptions::new().with_baseline(3)).await;
    assert_eq!((report.done, report.failed), (3, 0));
    assert!(!report.is_complete(), "two are left to run");
    schemas.each_has(&[1]).await;
    assert_eq!(run(&fleet, &FleetOptions::new().with_baseline(3)).await.done, 0);
    let report = run(&fleet, &FleetOptions::new()).await;
    assert!(report.is_complete(), "{report:?}");
    schemas.each_has(&[1, 5]).await;
}

/// A file that cannot be continued after a crash is refused before anything runs, by its name.
#[tokio::test]
async fn several_statements_outside_of_a_transaction_are_refused() {
    let schemas = Schemas::new(1, 1).await;
    let sql = "-- no-transaction\ncreate index concurrently a on applied (version); create index concurrently b on applied (version)";
    let db = schemas.with_migrations(migrations(&[STEPS[0], sql])).await;
    let refused = Fleet::new(schemas.directory.clone(), &db);
    let Err(FleetError::SeveralStatements {
        version: 2,
        statements: 2,
        ..
    }) = refused
    else {
        panic!("{refused:?}");
    };
    let one = "-- no-transaction\n-- one; only\ncreate index concurrently a on applied (version);";
    let db = schemas.with_migrations(migrations(&[STEPS[0], one])).await;
    assert!(
        run(
            &Fleet::new(schemas.directory.clone(), &db).unwrap(),
            &FleetOptions::new()
        )
        .await
        .is_complete()
    );
}
