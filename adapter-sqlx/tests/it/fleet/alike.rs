//! Tenants that are as the one before are migrated by one message. One that is otherwise is found, whatever it is.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::{AssertSqlSafe, Connection, Postgres};
use tenancy_sqlx::{
    IsolationStrategy, MigrateOptions, Migrated, MigrationTarget, PgSchemaStrategy, StrategyError, StrategyRegistry,
    TenantDb,
};

use super::support::{PLAIN, Schemas, create, execute};
use crate::postgres::support::server::{TestDatabase, migrations};

/// Short, so that what is to fail fails soon.
const IMPATIENT: MigrateOptions = {
    let mut options = MigrateOptions::DEFAULT;
    options.lock_timeout = Duration::from_millis(50);
    options.attempts = NonZeroU32::new(2).unwrap();
    options
};

/// Tenants of the first release, and how the last one migrates each of them.
struct Tenants {
    schemas: Schemas,
    strategy: Arc<dyn IsolationStrategy<Postgres>>,
}

impl Tenants {
    async fn new(ids: &[&str]) -> Self {
        let database = TestDatabase::new().await;
        let directory = tenancy_sqlx::PgDirectory::open(database.administrator()).await.unwrap();
        let schemas = Schemas { database, directory };
        let old = schemas.with_migrations(migrations(&PLAIN[..1])).await;
        create(&schemas.directory, &old, "schema", ids).await;
        old.close().await;
        Self {
            strategy: release(&schemas, 3).await,
            schemas,
        }
    }

    async fn migrate(&self, id: &str) -> Result<Migrated, StrategyError> {
        migrate(&*self.strategy, id).await
    }

    async fn execute(&self, sql: &str) {
        execute(&mut self.schemas.connect().await, sql).await;
    }

    /// The versions that the tenant's ledger has, whether the version recorded is the last of them, and whether the tables are as they are
    /// behind the last migration.
    async fn stand(&self, id: &str) -> (Vec<i64>, bool, bool) {
        let sql = format!(
            "select array(select version from tenant_{id}._sqlx_migrations where success and execution_time > 0 order by version),
                (select version from tenancy_versions.tenancy_versions where tenant = '{id}')
                    = (select max(version) from tenant_{id}._sqlx_migrations),
                (select count(*) from pg_attribute a join pg_class c on c.oid = a.attrelid
                    where c.relnamespace = 'tenant_{id}'::regnamespace and c.relkind = 'r'
                        and (c.relname, a.attname) in (('notes', 'title'), ('drafts', 'body'))) = 2"
        );
        sqlx::query_as(AssertSqlSafe(sql))
            .fetch_one(&mut self.schemas.connect().await)
            .await
            .unwrap()
    }

    /// How many locks sessions of this database have that are not a transaction's.
    async fn locks(&self) -> i64 {
        let sql = "select count(*) from pg_locks where locktype = 'advisory'
            and database = (select oid from pg_database where datname = current_database())";
        sqlx::query_scalar(sql)
            .fetch_one(&mut self.schemas.connect().await)
            .await
            .unwrap()
    }
}

async fn release(schemas: &Schemas, migrations_of: usize) -> Arc<dyn IsolationStrategy<Postgres>> {
    let all = migrations(&PLAIN[..migrations_of]);
    let schema = PgSchemaStrategy::builder(schemas.database.server()).with_migrations(all);
    let db = TenantDb::new(StrategyRegistry::new().with(schema.open().await.unwrap()).unwrap());
    Arc::clone(db.strategies().find(&"schema".parse().unwrap()).unwrap())
}

async fn migrate(strategy: &dyn IsolationStrategy<Postgres>, id: &str) -> Result<Migrated, StrategyError> {
    let record = crate::common::record(id, "schema");
    strategy.migrate(MigrationTarget::Tenant(&record), &IMPATIENT).await
}

#[tokio::test]
async fn what_is_otherwise_than_in_the_tenant_before_is_found() {
    let tenants = Tenants::new(&["first", "done", "changed", "begun", "closed", "alike", "half"]).await;
    migrate(&*release(&tenants.schemas, 2).await, "half").await.unwrap();
    migrate(&*release(&tenants.schemas, 3).await, "done").await.unwrap();
    let app = tenants.schemas.database.application().get_username().to_owned();
    tenants
        .execute(&format!(
            "update tenant_changed._sqlx_migrations set checksum = '\\x00';
            insert into tenant_begun._sqlx_migrations (version, description, success, checksum, execution_time)
                values (2, 'test', false, '\\x00', -1);
            revoke usage on schema tenant_closed from {app}"
        ))
        .await;

    let whole = (vec![1, 2, 3], true, true);
    assert_eq!(
        tenants.migrate("first").await.unwrap(),
        Migrated::new(Some(1), Some(3), 2)
    );
    assert_eq!(tenants.stand("first").await, whole);
    // Each of these is taken to be as the first was.
    assert_eq!(
        tenants.migrate("done").await.unwrap(),
        Migrated::new(Some(3), Some(3), 0)
    );
    let changed = tenants.migrate("changed").await.unwrap_err();
    assert!(
        matches!(changed, StrategyError::Migrate(MigrateError::VersionMismatch(1))),
        "{changed:?}"
    );
    let closed = tenants.migrate("closed").await.unwrap_err();
    assert!(matches!(closed, StrategyError::NotProvisioned { .. }), "{closed:?}");
    for id in ["changed", "closed"] {
        assert_eq!(tenants.stand(id).await, (vec![1], true, false), "{id}");
    }
    assert_eq!(
        tenants.migrate("begun").await.unwrap(),
        Migrated::new(Some(1), Some(3), 2)
    );
    tenants.migrate("alike").await.unwrap();
    assert_eq!(
        tenants.migrate("half").await.unwrap(),
        Migrated::new(Some(2), Some(3), 1)
    );
    for id in ["done", "begun", "alike", "half"] {
        assert_eq!(tenants.stand(id).await, whole, "{id}");
    }
}

/// The message that migrates frees the lock and cleans the session.
#[tokio::test]
async fn nothing_is_left_behind_one_message() {
    let tenants = Tenants::new(&["first", "alike"]).await;
    tenants.migrate("first").await.unwrap();
    assert_eq!(
        tenants.migrate("alike").await.unwrap(),
        Migrated::new(Some(1), Some(3), 2)
    );
    assert_eq!(tenants.stand("alike").await, (vec![1, 2, 3], true, true));
    assert_eq!(tenants.locks().await, 0);
}

#[tokio::test]
async fn a_tenant_that_another_process_has_is_not_migrated_by_one_message() {
    let tenants = Tenants::new(&["first", "held"]).await;
    tenants.migrate("first").await.unwrap();
    let mut holder = tenants.schemas.connect().await;
    execute(
        &mut holder,
        "select pg_advisory_lock(hashtextextended('tenant_held', 0))",
    )
    .await;
    let refused = tenants.migrate("held").await.unwrap_err();
    assert!(matches!(refused, StrategyError::LocksHeld { .. }), "{refused:?}");
    assert_eq!(tenants.stand("held").await, (vec![1], true, false));
    holder.close().await.unwrap();
    tenants.migrate("held").await.unwrap();
    assert_eq!(tenants.stand("held").await, (vec![1, 2, 3], true, true));
}

/// Each migration commits by itself, in one message as well. The one that fails is named.
#[tokio::test]
async fn a_migration_that_fails_in_one_message_leaves_those_before_it() {
    let tenants = Tenants::new(&["first", "fails"]).await;
    tenants.migrate("first").await.unwrap();
    tenants.execute("create table tenant_fails.drafts (id bigint)").await;
    let failed = tenants.migrate("fails").await.unwrap_err();
    assert!(
        matches!(failed, StrategyError::Migration { version: 3, .. }),
        "{failed:?}"
    );
    assert_eq!(tenants.stand("fails").await, (vec![1, 2], true, false));
    tenants.execute("drop table tenant_fails.drafts").await;
    assert_eq!(
        tenants.migrate("fails").await.unwrap(),
        Migrated::new(Some(2), Some(3), 1)
    );
    assert_eq!(tenants.stand("fails").await, (vec![1, 2, 3], true, true));
}

/// The attempt of the message is one of those that a migration has.
#[tokio::test]
async fn a_lock_that_is_not_free_counts_as_an_attempt_in_one_message() {
    let tenants = Tenants::new(&["first", "locked"]).await;
    tenants.migrate("first").await.unwrap();
    let mut holder = tenants.schemas.connect().await;
    execute(
        &mut holder,
        "begin; lock table tenant_locked.notes in access share mode",
    )
    .await;
    let failed = tenants.migrate("locked").await.unwrap_err();
    let StrategyError::Migration { version: 2, source } = &failed else {
        panic!("{failed:?}");
    };
    assert!(
        matches!(**source, StrategyError::LocksHeld { attempts: 2, .. }),
        "{source:?}"
    );
    execute(&mut holder, "rollback").await;
    tenants.migrate("locked").await.unwrap();
    assert_eq!(tenants.stand("locked").await, (vec![1, 2, 3], true, true));
}
