//! What a plan reads, and what it finds.

use std::num::NonZeroUsize;

use sqlx::{ConnectOptions, Connection};
use tenancy_core::directory::TenantStatus;
use tenancy_sqlx::fleet::{Fleet, FleetOptions, FleetPlan, StrategyPlan};
use tenancy_sqlx::{NewTenant, PgSchemaStrategy, PgServer, StrategyRegistry, TenantDb};

use super::support::{Elsewhere, STEPS, Schemas, create_numbered, execute, name, run, steps};
use crate::postgres::support::server::migrations;

fn of_schema(plan: &FleetPlan) -> &StrategyPlan {
    &plan.strategies[&"schema".parse().unwrap()]
}

/// The directory is elsewhere, so that what is counted is asked of the tenants' database.
#[tokio::test]
async fn what_is_asked_of_a_database_does_not_depend_on_the_number_of_tenants() {
    let Elsewhere {
        database,
        directory,
        wire,
        _folder,
    } = Elsewhere::new().await;
    let server = PgServer::new(database.application(), wire.of(database.administrator()));
    let schema = PgSchemaStrategy::builder(server)
        .with_migrations(steps(1))
        .open()
        .await
        .unwrap();
    let db = TenantDb::new(StrategyRegistry::new().with(schema).unwrap());
    let fleet = Fleet::new(directory.clone(), &db).unwrap();
    let mut costs = Vec::new();
    for tenants in [0..3, 3..40] {
        create_numbered(&directory, &db, tenants).await;
        let before = wire.settled_flights().await;
        let plan = fleet.plan(&FleetOptions::new(), |_| {}).await.unwrap();
        assert!(plan.is_up_to_date(), "{plan:?}");
        assert_eq!((plan.cost.surveys, plan.cost.ledgers), (1, 0));
        costs.push(wire.settled_flights().await - before);
        assert_eq!(of_schema(&plan).unrecorded, 0);
    }
    let before = wire.settled_flights().await;
    let connection = wire.of(database.administrator()).connect().await.unwrap();
    let to_connect = wire.settled_flights().await - before;
    connection.close().await.unwrap();
    // Where versions are recorded, all of them, and the session cleaned for the next plan, which opens no connection unless that one was
    // idle for too long.
    for cost in costs {
        assert!([3, to_connect + 3].contains(&cost), "{cost}, {to_connect}");
    }
}

/// What was migrated before versions were recorded is read from the ledgers, many at a time, and recorded by the next run.
#[tokio::test]
async fn what_is_not_recorded_is_read_from_the_ledgers() {
    let schemas = Schemas::new(7, 1).await;
    let mut connection = schemas.connect().await;
    execute(
        &mut connection,
        "delete from tenancy_versions.tenancy_versions where tenant <> 't003'",
    )
    .await;
    let fleet = schemas.fleet(1).await;
    let plan = fleet.plan(&FleetOptions::new(), |_| {}).await.unwrap();
    assert!(plan.is_up_to_date(), "{plan:?}");
    assert_eq!((of_schema(&plan).up_to_date, of_schema(&plan).unrecorded), (7, 6));
    assert_eq!((plan.cost.surveys, plan.cost.ledgers), (1, 1));
    assert_eq!(run(&fleet, &FleetOptions::new()).await.done, 6);
    let plan = fleet.plan(&FleetOptions::new(), |_| {}).await.unwrap();
    assert_eq!(
        (
            of_schema(&plan).up_to_date,
            of_schema(&plan).unrecorded,
            plan.cost.ledgers
        ),
        (7, 0, 0)
    );
    // Nor where there is no record at all.
    execute(&mut connection, "drop schema tenancy_versions cascade").await;
    let plan = fleet.plan(&FleetOptions::new(), |_| {}).await.unwrap();
    assert_eq!((of_schema(&plan).up_to_date, of_schema(&plan).unrecorded), (7, 7));
}

/// A migration of a branch that was merged late is older than what has run: only the ledgers tell that it has not.
#[tokio::test]
async fn a_migration_that_was_merged_late_is_found_in_the_ledgers() {
    let schemas = Schemas::new(2, 1).await;
    let mut connection = schemas.connect().await;
    for number in 0..2 {
        let ledger = format!("tenant_{}._sqlx_migrations", name(number));
        let sql = format!("insert into {ledger} select 3, description, now(), true, checksum, 1 from {ledger}");
        execute(&mut connection, &sql).await;
        let sql = format!(
            "update {ledger} set checksum = '\\x{}' where version = 3",
            checksum(STEPS[2])
        );
        execute(&mut connection, &sql).await;
    }
    execute(
        &mut connection,
        "update tenancy_versions.tenancy_versions set version = 3",
    )
    .await;
    let fleet = schemas.fleet(3).await;
    assert!(fleet.plan(&FleetOptions::new(), |_| {}).await.unwrap().is_up_to_date());
    let verified = FleetOptions::new().with_verified_ledgers();
    let plan = fleet.plan(&verified, |_| {}).await.unwrap();
    assert_eq!(
        (of_schema(&plan).behind, plan.cost.surveys, plan.cost.ledgers),
        (2, 0, 1)
    );
    let report = run(&fleet, &verified).await;
    assert_eq!(report.done, 2);
    assert!(report.is_complete(), "{report:?}");
    schemas.each_has(&[1, 2]).await;
}

fn checksum(sql: &'static str) -> String {
    let migrator = migrations(&[sql]);
    let checksum = &migrator.iter().next().unwrap().checksum;
    checksum.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One whose ledger cannot be read is named, and the others are read even so.
#[tokio::test]
async fn one_that_cannot_be_read_is_named() {
    let schemas = Schemas::new(4, 1).await;
    let mut connection = schemas.connect().await;
    execute(
        &mut connection,
        "alter table tenant_t002._sqlx_migrations rename column checksum to sum",
    )
    .await;
    let fleet = schemas.fleet(1).await;
    let plan = fleet
        .plan(&FleetOptions::new().with_verified_ledgers(), |_| {})
        .await
        .unwrap();
    assert_eq!((of_schema(&plan).up_to_date, of_schema(&plan).unreadable.count), (3, 1));
    assert_eq!(of_schema(&plan).unreadable.first[0].as_str(), "t002");
    assert!(!plan.is_up_to_date());
}

/// A schema that was dropped by hand is missed, whatever is recorded of it.
#[tokio::test]
async fn a_schema_that_is_gone_is_missed() {
    let schemas = Schemas::new(3, 1).await;
    execute(&mut schemas.connect().await, "drop schema tenant_t001 cascade").await;
    let fleet = schemas.fleet(2).await;
    for options in [FleetOptions::new(), FleetOptions::new().with_verified_ledgers()] {
        let plan = fleet.plan(&options, |_| {}).await.unwrap();
        assert_eq!((of_schema(&plan).behind, of_schema(&plan).lost), (2, 1));
        assert!(plan.has_findings());
    }
    let report = run(&fleet, &FleetOptions::new()).await;
    assert_eq!((report.done, report.failed), (2, 0));
    assert!(!report.is_complete());
}

/// The tenants of a strategy that this process does not have are not forgotten.
#[tokio::test]
async fn a_strategy_that_is_not_registered_is_named() {
    let schemas = Schemas::new(1, 1).await;
    let other = NewTenant::new("other".parse().unwrap(), "row".parse().unwrap()).with_status(TenantStatus::Active);
    schemas.directory.upsert(&other).await.unwrap();
    let plan = schemas.fleet(1).await.plan(&FleetOptions::new(), |_| {}).await.unwrap();
    assert_eq!(plan.unknown_strategies.get("row"), Some(&1));
    assert!(!plan.is_up_to_date());
}

/// Pages of the directory are read one at a time, and the versions beside them: what is in memory does not grow with the tenants.
#[test]
fn memory_is_flat_in_the_number_of_tenants() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (schemas, fleet) = runtime.block_on(async {
        let schemas = Schemas::new(1, 1).await;
        let fleet = schemas.fleet(1).await;
        (schemas, fleet)
    });
    let add = |from: u32, to: u32| {
        let sql = format!(
            "insert into tenancy_tenants (id, slug, name, status, strategy)
            select 'z' || n, 'z' || n, 'z' || n, 'active', 'schema' from generate_series({from}, {to}) n;
            insert into tenancy_versions.tenancy_versions (tenant, version) select 'z' || n, 1 from generate_series({from}, {to}) n"
        );
        runtime.block_on(async { execute(&mut schemas.connect().await, &sql).await });
    };
    // All of it runs on this thread, whose memory is counted.
    let plan = |options: &FleetOptions| {
        let (mut observed, mut plan) = (0, None);
        let memory = allocation_counter::measure(|| {
            plan = Some(runtime.block_on(fleet.plan(options, |_| observed += 1)).unwrap());
        });
        (memory.bytes_max, observed, plan.unwrap())
    };
    let verified = FleetOptions::new()
        .with_verified_ledgers()
        .with_jobs(NonZeroUsize::new(2).unwrap());
    add(1, 3000);
    let _ = plan(&FleetOptions::new());
    let (of_some, of_some_ledgers) = (plan(&FleetOptions::new()).0, plan(&verified).0);
    add(3001, 18_000);
    let (of_many, observed, found) = plan(&FleetOptions::new());
    assert_eq!((observed, of_schema(&found).lost), (18_001, 18_000));
    assert_eq!(
        (found.cost.largest_batch, found.cost.pages, found.cost.surveys),
        (2_000, 10, 1)
    );
    assert_eq!(of_schema(&found).not_provisioned.first.len(), 100);
    let (of_many_ledgers, _, found) = plan(&verified);
    assert_eq!((found.cost.largest_batch, found.cost.ledgers), (500, 37));
    // Six times as many tenants, and the memory of one page.
    for (some, many) in [(of_some, of_many), (of_some_ledgers, of_many_ledgers)] {
        assert!(
            many * 10 < some * 13,
            "{some} bytes for 3,001 tenants, {many} for 18,001"
        );
    }
}
