//! The administrator's part needs a session. Through a pooler that lends one for a transaction, nothing is migrated.

use std::error::Error;

use sqlx::{AssertSqlSafe, Postgres};
use tenancy_core::directory::TenantRecord;
use tenancy_sqlx::{
    MigrateOptions, MigrationTarget, PgSchemaStrategy, PgServer, StrategyError, StrategyRegistry, TenantDb,
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
