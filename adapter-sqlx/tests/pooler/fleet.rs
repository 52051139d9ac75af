//! The administrator's part needs a session. Through a pooler that lends one for a transaction, nothing is migrated.

use std::error::Error;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Postgres};
use tenancy_core::directory::TenantRecord;
use tenancy_sqlx::{
    MigrateOptions, MigrationTarget, PgDatabaseStrategy, PgRowBuilder, PgRowStrategy, PgSchemaStrategy, PgServer,
    StrategyError, StrategyRegistry, TenantDb,
};

use crate::support::server::{TestDatabase, migrations};

const OLD: &str = "create table notes (id bigint primary key)";
const NEW: &str = "create table drafts (id bigint primary key)";

async fn release(server: PgServer, sql: &[&'static str]) -> Result<TenantDb<Postgres>, Box<dyn Error + Send + Sync>> {
    let schema = PgSchemaStrategy::builder(server)
        .with_migrations(migrations(sql))
        .with_transaction_pooler()
        .open()
        .await?;
    Ok(TenantDb::new(StrategyRegistry::new().with(schema)?))
}

#[tokio::test]
async fn migrations_through_a_pooler_are_refused_before_anything_is_changed() {
    let database = TestDatabase::new().await;
    let record = TenantRecord::new("acme".parse().unwrap(), "schema".parse().unwrap());
    let direct = release(database.server(), &[OLD]).await.unwrap();
    direct.provision(&record).await.unwrap();

    // By sqlx's own defaults it is refused when it connects. As an application must, it gets through.
    let pooler = database.administrator().port(database.application().get_port());
    let pooled = pooler.clone().statement_cache_capacity(0).extra_float_digits(None);
    let server = PgServer::new(database.application(), pooled);
    let db = release(server, &[OLD, NEW]).await.unwrap();
    let strategy = db.strategies().find(&"schema".parse().unwrap()).unwrap();
    for _ in 0..2 {
        let refused = strategy
            .migrate(MigrationTarget::Tenant(&record), &MigrateOptions::DEFAULT)
            .await
            .unwrap_err();
        assert!(matches!(refused, StrategyError::Other(_)), "{refused:?}");
        assert!(refused.to_string().contains("through a pooler"), "{refused}");
    }
    let sql = "select (select count(*) from tenant_acme._sqlx_migrations), to_regclass('tenant_acme.drafts') is null,
        (select count(*) from pg_locks where locktype = 'advisory'
            and database = (select oid from pg_database where datname = current_database()))";
    let found: (i64, bool, i64) = sqlx::query_as(AssertSqlSafe(sql.to_owned()))
        .fetch_one(&mut database.connect().await)
        .await
        .unwrap();
    assert_eq!(found, (1, true, 0));

    let server = PgServer::new(database.application(), pooler);
    assert!(release(server, &[OLD, NEW]).await.is_err());
}

/// As an application connects through a pooler, which an administrator must not.
fn pooled(database: &TestDatabase) -> PgServer {
    let pooler = database.administrator().port(database.application().get_port());
    let pooled = pooler.statement_cache_capacity(0).extra_float_digits(None);
    PgServer::new(database.application(), pooled)
}

fn assert_refused<T>(refused: Result<T, StrategyError>) {
    let Err(refused) = refused else {
        panic!("it was not refused");
    };
    assert!(matches!(refused, StrategyError::Other(_)), "{refused:?}");
    assert!(refused.to_string().contains("through a pooler"), "{refused}");
}

/// How many migrations have run, whether the table of the second one is missing, and how many locks there are that are not a transaction's.
async fn found(database: &PgConnectOptions) -> (i64, bool, i64) {
    let sql = "select (select count(*) from _sqlx_migrations), to_regclass('drafts') is null,
        (select count(*) from pg_locks where locktype = 'advisory'
            and database = (select oid from pg_database where datname = current_database()))";
    let mut connection: PgConnection = database.connect().await.unwrap();
    let found = sqlx::query_as(sql).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    found
}

#[tokio::test]
async fn migrations_of_shared_tables_through_a_pooler_are_refused_before_anything_is_changed() {
    let database = TestDatabase::new().await;
    let tables = |server: PgServer, sql: &[&'static str]| -> PgRowBuilder {
        PgRowStrategy::builder(server, database.schema())
            .with_migrations(migrations(sql))
            .with_transaction_pooler()
    };
    tables(database.server(), &[OLD]).open().await.unwrap();
    assert_refused(tables(pooled(&database), &[OLD, NEW]).open().await);
    let strategy = tables(pooled(&database), &[OLD, NEW])
        .open_for_migrations()
        .await
        .unwrap();
    let db = TenantDb::new(StrategyRegistry::new().with(strategy).unwrap());
    let strategy = db.strategies().find(&"row".parse().unwrap()).unwrap();
    let migrated = strategy
        .migrate(MigrationTarget::SharedTables, &MigrateOptions::DEFAULT)
        .await;
    assert_refused(migrated);
    assert_eq!(found(&database.administrator()).await, (1, true, 0));
}

#[tokio::test]
async fn migrations_of_a_database_through_a_pooler_are_refused_before_anything_is_changed() {
    let database = TestDatabase::new().await;
    let release = async |server: PgServer, sql: &[&'static str]| {
        let own = PgDatabaseStrategy::builder(server)
            .with_prefix(database.prefix())
            .with_template("template0")
            .unwrap()
            .with_migrations(migrations(sql))
            .with_transaction_pooler();
        TenantDb::new(StrategyRegistry::new().with(own.open().await.unwrap()).unwrap())
    };
    let record = TenantRecord::new("acme".parse().unwrap(), "database".parse().unwrap());
    let direct = release(database.server(), &[OLD]).await;
    direct.provision(&record).await.unwrap();
    let db = release(pooled(&database), &[OLD, NEW]).await;
    let strategy = db.strategies().find(&"database".parse().unwrap()).unwrap();
    for _ in 0..2 {
        let tenant = MigrationTarget::Tenant(&record);
        assert_refused(strategy.migrate(tenant, &MigrateOptions::DEFAULT).await);
    }
    let own = database.administrator().database(&format!("{}acme", database.prefix()));
    assert_eq!(found(&own).await, (1, true, 0));
}
