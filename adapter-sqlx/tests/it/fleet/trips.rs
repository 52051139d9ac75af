//! What a run asks of the servers for each tenant: a migration is a few milliseconds of the server's, and what is asked beside it
//! must not be more.

use std::num::NonZeroUsize;
use std::time::Instant;

use sqlx::Postgres;
use tenancy_sqlx::fleet::{Fleet, FleetOptions};
use tenancy_sqlx::{
    MigrateOptions, MigrationTarget, PgDatabaseStrategy, PgDirectory, PgSchemaStrategy, PgServer, StrategyRegistry,
    TenantDb,
};

use super::support::{Elsewhere, PLAIN, Schemas, create, create_numbered, flights_of_run, run};
use crate::postgres::support::server::{TestDatabase, migrations};
use crate::postgres::support::wire::Wire;

fn jobs(count: usize) -> FleetOptions {
    FleetOptions::new().with_jobs(NonZeroUsize::new(count).unwrap())
}

async fn schemas(database: &TestDatabase, wire: &Wire, release: usize) -> TenantDb<Postgres> {
    let server = PgServer::new(database.application(), wire.of(database.administrator()));
    let schema = PgSchemaStrategy::builder(server).with_migrations(migrations(&PLAIN[..release]));
    TenantDb::new(StrategyRegistry::new().with(schema.open().await.unwrap()).unwrap())
}

/// The directory is elsewhere, so that what is counted is asked of the tenants' database.
#[tokio::test]
async fn a_schema_is_migrated_in_one_round_trip() {
    let Elsewhere {
        database,
        directory,
        wire,
        _folder,
    } = Elsewhere::new().await;
    let old = schemas(&database, &wire, 1).await;
    let mut trips = Vec::new();
    for (tenants, release) in [(0..3, 2), (3..23, 2)] {
        create_numbered(&directory, &old, tenants).await;
        let fleet = Fleet::new(directory.clone(), &schemas(&database, &wire, release).await).unwrap();
        trips.push(flights_of_run(&wire, &fleet, &jobs(1)).await);
    }
    // The lock and all looks; the migration with its row, its version and its end; the session cleaned for the next one.
    assert_eq!(trips[1] - trips[0], 17, "{trips:?}");
}

/// Several migrations are one round trip as well. A tenant that is otherwise than the one before is one for what was sent in vain and one
/// to undo that, one for the lock and all looks, one for each migration, and one for the session.
#[tokio::test]
async fn a_tenant_that_is_otherwise_takes_more_round_trips_than_the_one_behind_it() {
    let Elsewhere {
        database,
        directory,
        wire,
        _folder,
    } = Elsewhere::new().await;
    let old = schemas(&database, &wire, 1).await;
    let mut trips = Vec::new();
    for (tenants, release) in [(0..5, 2), (5..10, 3)] {
        create_numbered(&directory, &old, tenants).await;
        let fleet = Fleet::new(directory.clone(), &schemas(&database, &wire, release).await).unwrap();
        trips.push(flights_of_run(&wire, &fleet, &jobs(1)).await);
    }
    // The first five lack one migration in the second run as well. The sixth lacks two, and is otherwise.
    assert_eq!(trips[1] - trips[0], 6 + 4, "{trips:?}");
}

/// Rows may be anywhere, so the catalogs are looked at before and behind such a migration.
#[tokio::test]
async fn a_migration_that_may_reach_further_takes_some_round_trips_more() {
    let Elsewhere {
        database,
        directory,
        wire,
        _folder,
    } = Elsewhere::new().await;
    let release = async |count: usize| {
        let server = PgServer::new(database.application(), wire.of(database.administrator()));
        let all = [PLAIN[0], "insert into notes values (1, 'first')"];
        let schema = PgSchemaStrategy::builder(server).with_migrations(migrations(&all[..count]));
        TenantDb::new(StrategyRegistry::new().with(schema.open().await.unwrap()).unwrap())
    };
    let old = release(1).await;
    let mut trips = Vec::new();
    for tenants in [0..3, 3..23] {
        create_numbered(&directory, &old, tenants).await;
        let fleet = Fleet::new(directory.clone(), &release(2).await).unwrap();
        trips.push(flights_of_run(&wire, &fleet, &jobs(1)).await);
    }
    // The lock and all looks; the transaction begun; a look, the migration, and three looks; its row; its version by three statements; its
    // end; the session cleaned for the next one.
    assert_eq!(trips[1] - trips[0], 13 * 17, "{trips:?}");
}

/// Turns are taken and results are written for many tenants at once.
#[tokio::test]
async fn the_directory_is_asked_less_than_once_for_each_tenant() {
    let schemas = Schemas::new(3, 1).await;
    let wire = Wire::to(&schemas.database.administrator());
    let directory = PgDirectory::open(wire.of(schemas.database.administrator()))
        .await
        .unwrap();
    let mut trips = Vec::new();
    let mut waits = 0;
    for (tenants, release) in [(0..0, 2), (3..83, 3)] {
        create_numbered(&schemas.directory, &schemas.release(2).await, tenants).await;
        let fleet = Fleet::new(directory.clone(), &schemas.release(release).await).unwrap();
        let begun = Instant::now();
        trips.push(flights_of_run(&wire, &fleet, &jobs(8)).await);
        // Results are written twice a second, too, however few there are.
        waits = 12 * begun.elapsed().as_secs();
    }
    assert!(trips[1] - trips[0] < 80 + waits, "{trips:?}, {waits}");
}

/// Those by which it is seen that the administrator connects directly, and those that have read the versions, migrate tenants.
#[tokio::test]
async fn a_run_opens_hardly_more_connections_than_it_has_jobs() {
    let Elsewhere {
        database,
        directory,
        wire,
        _folder,
    } = Elsewhere::new().await;
    create_numbered(&directory, &schemas(&database, &wire, 1).await, 0..12).await;
    let fleet = Fleet::new(directory.clone(), &schemas(&database, &wire, 2).await).unwrap();
    let before = wire.connections();
    let report = run(&fleet, &jobs(4)).await;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.done, 12);
    // That which has read the versions may still be cleaned when tenants are begun.
    let opened = wire.connections() - before;
    assert!((1..=5).contains(&opened), "{opened}");
}

/// A database of its own needs a connection of its own, and the same two messages.
#[tokio::test]
async fn a_database_is_migrated_in_so_many_round_trips() {
    let Elsewhere {
        database,
        directory,
        wire,
        _folder,
    } = Elsewhere::new().await;
    let release = async |count: usize| {
        let server = PgServer::new(database.application(), wire.of(database.administrator()));
        let own = PgDatabaseStrategy::builder(server)
            .with_prefix(database.prefix())
            .with_template("template0")
            .unwrap()
            .with_migrations(migrations(&PLAIN[..count]));
        TenantDb::new(StrategyRegistry::new().with(own.open().await.unwrap()).unwrap())
    };
    let old = release(1).await;
    create(&directory, &old, "database", &["d0", "d1"]).await;
    let new = release(2).await;
    let strategy = new.strategies().find(&"database".parse().unwrap()).unwrap();
    let migrate = async |id| {
        let record = crate::common::record(id, "database");
        let (tenant, options) = (MigrationTarget::Tenant(&record), MigrateOptions::DEFAULT);
        strategy.migrate(tenant, &options).await.unwrap()
    };
    // Of the server it is looked once whether a pooler stands before it.
    migrate("d0").await;
    let before = wire.settled_flights().await;
    let migrated = migrate("d1").await;
    let trips = wire.settled_flights().await - before;
    assert_eq!(migrated.ran, 1);
    // Four to connect with a password, one to see whose database it is, two to migrate, and the word that it is over.
    assert!(trips <= 8, "{trips}");
}
