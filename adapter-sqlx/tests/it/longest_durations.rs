//! A setting that means "for ever" is one, and no request panics by it: the longest duration overflows whatever it is added to.

use std::time::Duration;

use tempfile::tempdir;
use tenancy_core::directory::TenantRecord;
use tenancy_core::enforce::Admitted;
use tenancy_core::names::ResolverName;
use tenancy_sqlx::{
    FenceRefusal, IsolationStrategy, MigrateOptions, MigrationTarget, PoolSettings, StrategyError, StrategyRegistry,
    TenantDb, TransactionError,
};

use crate::common::{migrations, record, row_options, row_tenant, two_tenants};
use crate::postgres::support::fence_server;
use crate::postgres::support::server::{TestDatabase, tenant};
use crate::sqlite::database;

fn for_ever() -> PoolSettings {
    PoolSettings::new()
        .with_acquire_timeout(Duration::MAX)
        .with_idle_timeout(Duration::MAX)
        .with_max_lifetime(Duration::MAX)
}

#[tokio::test]
async fn on_sqlite() {
    let dir = tempdir().unwrap();
    drop(two_tenants(&dir).await);
    let row = row_options(&dir).with_pool(for_ever()).with_busy_timeout(Duration::MAX);
    let db = TenantDb::new(StrategyRegistry::new().with(row.open().await.unwrap()).unwrap())
        .with_slow_begin(Duration::MAX)
        .with_repeated_refusals(Duration::MAX);
    for _ in 0..2 {
        db.begin(&row_tenant("acme")).await.unwrap().commit().await.unwrap();
        db.begin_read(&row_tenant("acme"))
            .await
            .unwrap()
            .commit()
            .await
            .unwrap();
    }

    let files = database::options(&dir)
        .with_pool(for_ever().with_max_connections(1))
        .with_busy_timeout(Duration::MAX);
    let (db, _) = database::open(files).await;
    let acme = database::provisioned(&db, "acme").await;
    db.begin_read(&acme).await.unwrap().commit().await.unwrap();
    let more = "create table more (id text primary key)";
    let later = database::options(&dir).with_migrations(migrations(&[database::OWN_NOTES, more]));
    let (_, strategy) = database::open(later).await;
    let mut options = MigrateOptions::DEFAULT;
    options.lock_timeout = Duration::MAX;
    let acme = record("acme", "database");
    let migrated = strategy
        .migrate(MigrationTarget::Tenant(&acme), &options)
        .await
        .unwrap();
    assert_eq!(migrated.ran, 1);
}

/// What the fence refuses is repeated, and forgotten, by a clock.
#[tokio::test]
async fn on_postgres_with_a_fence() {
    let server = TestDatabase::new().await;
    let row = fence_server::row(&server);
    row.enable_fence().await.unwrap();
    let row = row.with_pool(for_ever()).open().await.unwrap();
    let db = TenantDb::new(StrategyRegistry::new().with(row).unwrap()).with_repeated_refusals(Duration::MAX);
    let mut elsewhere: TenantRecord = tenant("acme").tenant().clone();
    elsewhere.epoch = 7;
    let elsewhere =
        Admitted::dangerously_assume(elsewhere, ResolverName::from_static("test"), "alice".parse().unwrap());
    for _ in 0..10 {
        let error = db.begin(&elsewhere).await.unwrap_err();
        let TransactionError::Begin { source, .. } = error else {
            panic!("{error:?}")
        };
        assert!(
            matches!(source, StrategyError::Fenced(FenceRefusal::Gone)),
            "{source:?}"
        );
    }
    db.begin(&tenant("globex")).await.unwrap().commit().await.unwrap();
}
