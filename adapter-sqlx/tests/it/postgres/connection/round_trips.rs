//! How often the application waits for the server: counted on the wire, so that no machine's speed is in it.

use std::time::Duration;

use sqlx::{PgConnection, Postgres};
use tenancy_core::directory::TenantRecord;
use tenancy_core::enforce::Admitted;
use tenancy_core::names::{ResolverName, StrategyName, Subject};
use tenancy_sqlx::{
    PgDatabaseStrategy, PgRowStrategy, PgSchemaStrategy, PgServer, PgTenantTable, PoolSettings, StrategyRegistry,
    TenantDb,
};

use crate::postgres::support::fence_server::{self, Fenced};
use crate::postgres::support::schema_server;
use crate::postgres::support::server::{self, TestDatabase, migrations};
use crate::postgres::support::wire::Wire;

/// To begin: what the last borrower left is cleaned up, and the tenant set, in the same message.
const BEGIN: u64 = 1;
const COMMIT: u64 = 1;
/// When nobody uses the connection for a moment it goes back: it is rolled back and shows that it is in step, and the pool
/// asks whether it lives. Nobody waits for that.
const RETURN: u64 = 2;

#[tokio::test]
async fn row() {
    let database = TestDatabase::new().await;
    let wire = Wire::to(&database.application());
    let schema = database.schema().with_table(PgTenantTable::new("notes").unwrap());
    let row = PgRowStrategy::builder(
        PgServer::new(wire.of(database.application()), database.administrator()),
        schema,
    )
    .with_migrations(migrations(&[server::NOTES]))
    .with_pool(PoolSettings::new().with_max_connections(1));
    let registry = StrategyRegistry::new().with(row.open().await.unwrap());
    costs(&TenantDb::new(registry.unwrap()), "row", &wire).await;
}

#[tokio::test]
async fn schema() {
    let database = TestDatabase::new().await;
    let wire = Wire::to(&database.application());
    let application = wire.of(database.application());
    let schema = PgSchemaStrategy::builder(PgServer::new(application, database.administrator()))
        .with_migrations(migrations(&[schema_server::NOTES]))
        .with_pool(PoolSettings::new().with_max_connections(1));
    let registry = StrategyRegistry::new().with(schema.open().await.unwrap());
    costs(&TenantDb::new(registry.unwrap()), "schema", &wire).await;
}

#[tokio::test]
async fn database() {
    let database = TestDatabase::new().await;
    let wire = Wire::to(&database.application());
    let application = wire.of(database.application());
    let own = PgDatabaseStrategy::builder(PgServer::new(application, database.administrator()))
        .with_prefix(database.prefix())
        .with_template("template0")
        .unwrap()
        .with_migrations(migrations(&[schema_server::NOTES]))
        .with_pool(PoolSettings::new().with_max_connections(1));
    let registry = StrategyRegistry::new().with(own.open().await.unwrap());
    costs(&TenantDb::new(registry.unwrap()), "database", &wire).await;
}

/// Entering is in the message that begins: the fence costs no round trip.
#[tokio::test]
async fn row_fenced() {
    let fenced = Fenced::new().await;
    let database = &fenced.database;
    let wire = Wire::to(&database.application());
    let tables = database.schema().with_table(PgTenantTable::new("notes").unwrap());
    let server = PgServer::new(wire.of(database.application()), database.administrator());
    let row = PgRowStrategy::builder(server, tables)
        .with_pool(PoolSettings::new().with_max_connections(1))
        .with_fence();
    let registry = StrategyRegistry::new().with(row.open().await.unwrap());
    costs(&TenantDb::new(registry.unwrap()), "row", &wire).await;
}

#[tokio::test]
async fn schema_fenced() {
    let fenced = Fenced::new().await;
    let database = &fenced.database;
    let wire = Wire::to(&database.application());
    let server = PgServer::new(wire.of(database.application()), database.administrator());
    let schema = PgSchemaStrategy::builder(server)
        .with_migrations(migrations(&[schema_server::NOTES]))
        .with_pool(PoolSettings::new().with_max_connections(1))
        .with_fence();
    let registry = StrategyRegistry::new().with(schema.open().await.unwrap());
    costs(&TenantDb::new(registry.unwrap()), "schema", &wire).await;
}

/// A warm refusal is three: by what the session has prepared, by what rests on nothing of it, and the rollback that shows that the
/// connection is in step.
#[tokio::test]
async fn a_refusal() {
    let fenced = Fenced::new().await;
    let database = &fenced.database;
    let record = fenced.create("acme", "row").await;
    let wire = Wire::to(&database.application());
    let tables = database.schema().with_table(PgTenantTable::new("notes").unwrap());
    let server = PgServer::new(wire.of(database.application()), database.administrator());
    let row = PgRowStrategy::builder(server, tables)
        .with_pool(PoolSettings::new().with_max_connections(1))
        .with_fence();
    let registry = StrategyRegistry::new().with(row.open().await.unwrap());
    let db = TenantDb::new(registry.unwrap());
    fenced.directory.suspend(&record.id).await.unwrap();
    let member = fence_server::member(&record);
    drop(db.dangerously_begin_in_any_status(&member).await.unwrap());
    // The first may find a connection that has gone back meanwhile.
    for _ in 0..100 {
        let before = wire.flights();
        fence_server::refusal(db.begin(&member).await);
        if wire.flights() - before == 3 {
            return;
        }
    }
    panic!("no refusal was three round trips");
}

/// Asks on a warm connection: its statement is prepared, and the tenant's place is known.
async fn costs(db: &TenantDb<Postgres>, strategy: &'static str, wire: &Wire) {
    let record = TenantRecord::new("acme".parse().unwrap(), StrategyName::from_static(strategy));
    let alice = Subject::from_static("alice");
    let member = Admitted::dangerously_assume(record, ResolverName::from_static("test"), alice);
    db.provision(member.tenant()).await.unwrap();
    ask(&mut db.begin_read(&member).await.unwrap(), 3).await;
    for queries in [1, 5] {
        // The connection is warm: what ends the transaction before goes with what begins the next.
        let mut tx = db.begin_read(&member).await.unwrap();
        let begun = wire.flights();
        ask(&mut tx, queries).await;
        assert_eq!(wire.flights() - begun, queries, "{strategy}");
        drop(tx);

        let mut tx = db.begin(&member).await.unwrap();
        let begun_again = wire.flights();
        assert_eq!(begun_again - begun, queries + BEGIN, "{strategy}");
        ask(&mut tx, queries).await;
        tx.commit().await.unwrap();
        assert_eq!(wire.flights() - begun_again, queries + COMMIT, "{strategy}");

        drop(db.begin_read(&member).await.unwrap());
        assert_eq!(wire.flights() - begun_again, queries + COMMIT + BEGIN, "{strategy}");
        let dropped = wire.flights();
        while wire.flights() == dropped {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop(db.begin_read(&member).await.unwrap());
        assert_eq!(wire.flights() - dropped, RETURN + BEGIN, "{strategy}");
    }
}

async fn ask(connection: &mut PgConnection, times: u64) {
    for _ in 0..times {
        let notes: i64 = sqlx::query_scalar("select count(*) from notes")
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        assert_eq!(notes, 0);
    }
}
