//! Strategies by name, a user's own among them.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::{Sqlite, SqlitePool};
use tempfile::tempdir;
use tenancy_core::directory::TenantRecord;
use tenancy_core::enforce::{Access, Outcome};
use tenancy_core::names::StrategyName;
use tenancy_core::request::{Credentials, HeaderList, HttpVersion, RequestView, Target};
use tenancy_core::testing::InsecureTestStub;
use tenancy_sqlx::{
    Binding, Fence, FenceRefusal, InsecureTestStrategy, IsolationStrategy, MigrateOptions, MigrationTarget, Mode,
    RegisterError, SqliteDatabaseStrategy, StrategyError, StrategyFuture, StrategyRegistry, StrategyTransaction,
    TenantDb, TransactionError,
};

use crate::across::AcrossTenants as _;
use crate::common::*;

/// A strategy as a user would write one.
struct Own {
    name: &'static str,
    pool: SqlitePool,
    begins: Arc<AtomicUsize>,
}

impl Own {
    fn named(name: &'static str) -> Self {
        let pool = SqlitePool::connect_lazy("sqlite::memory:").unwrap();
        let begins = Arc::default();
        Self { name, pool, begins }
    }
}

impl IsolationStrategy<Sqlite> for Own {
    fn name(&self) -> StrategyName {
        StrategyName::from_static(self.name)
    }

    fn begin<'f>(&'f self, binding: Binding<'f>) -> StrategyFuture<'f, StrategyTransaction<Sqlite>> {
        self.begins.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            if *binding.id() == "closed" {
                return Err(StrategyError::Fenced(FenceRefusal::Closed));
            }
            if binding.mode() == Mode::ReadOnly || *binding.id() == "refused" {
                return Err(StrategyError::other("not here"));
            }
            Ok(StrategyTransaction::begin(self.pool.acquire().await?, "begin").await?)
        })
    }

    fn provision<'f>(&'f self, _: &'f TenantRecord) -> StrategyFuture<'f, ()> {
        Box::pin(async { Ok(()) })
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.pool.close())
    }
}

#[tokio::test]
async fn strategies_of_ones_own_take_part() {
    let db = TenantDb::new(StrategyRegistry::new().with(Own::named("own")).unwrap());
    let mut tx = db.begin(&admitted("a", "own")).await.unwrap();
    assert_eq!(run(&mut tx, "select 1").await.unwrap(), 1);
    tx.rollback().await.unwrap();
    let refused = db.begin(&admitted("refused", "own")).await.unwrap_err();
    let source = std::error::Error::source(&refused).unwrap();
    assert_eq!(source.to_string(), "not here");
}

/// What the fence says to a few callers of a closed tenant, it need not be asked by all the others.
#[tokio::test]
async fn a_refusal_is_repeated_without_a_look_at_the_database() {
    for (repeated_for, begins) in [(Duration::from_secs(3600), 4), (Duration::ZERO, 50)] {
        let own = Own::named("own");
        let counted = Arc::clone(&own.begins);
        let db = TenantDb::new(StrategyRegistry::new().with(own).unwrap()).with_repeated_refusals(repeated_for);
        for _ in 0..50 {
            let refused = db.begin(&admitted("closed", "own")).await.unwrap_err();
            assert_eq!(
                tenancy_sqlx::ErrorKind::of(&refused),
                tenancy_sqlx::ErrorKind::Forbidden
            );
        }
        assert_eq!(counted.load(Ordering::SeqCst), begins);
        db.begin(&admitted("open", "own"))
            .await
            .unwrap()
            .rollback()
            .await
            .unwrap();
        assert_eq!(counted.load(Ordering::SeqCst), begins + 1);
    }
}

#[tokio::test]
async fn tenants_of_different_strategies_are_served_at_once() {
    let dir = tempdir().unwrap();
    let rows = row_options(&dir).open().await.unwrap();
    let files = SqliteDatabaseStrategy::builder(dir.path().join("tenants"))
        .with_migrations(migrations(&["create table notes (id text primary key, body text)"]));
    let registry = StrategyRegistry::new()
        .with(rows)
        .unwrap()
        .with(files.open().await.unwrap())
        .unwrap();
    let db = TenantDb::new(registry);
    let tenants = [
        row_tenant("a"),
        row_tenant("b"),
        admitted("c", "database"),
        admitted("d", "database"),
    ];
    for tenant in &tenants {
        db.provision(tenant.tenant()).await.unwrap();
        let mut tx = db.begin(tenant).await.unwrap();
        run(
            &mut tx,
            &format!("insert into notes (id, body) values ('1', '{}')", tenant.id()),
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }
    for tenant in &tenants {
        assert_eq!(bodies(&db, tenant).await, [tenant.id().as_str()]);
    }
}

#[tokio::test]
async fn names_are_unique_and_known() {
    let mut registry = StrategyRegistry::new()
        .with(Own::named("own"))
        .unwrap()
        .with(Own::named("other"))
        .unwrap();
    let duplicate = registry.register(Arc::new(Own::named("own"))).unwrap_err();
    assert!(matches!(duplicate, RegisterError::Duplicate { .. }));
    let unknown = registry.find(&StrategyName::from_static("row")).err().unwrap();
    assert_eq!(
        unknown.to_string(),
        "no strategy `row` is registered; registered are `other`, `own`"
    );
    let begun = TenantDb::new(registry).begin(&row_tenant("a")).await;
    assert!(matches!(begun, Err(TransactionError::UnknownStrategy { .. })));
    let nothing = TenantDb::<Sqlite>::new(StrategyRegistry::new());
    assert!(nothing.begin(&row_tenant("a")).await.is_err());
    assert!(nothing.across_tenants().await.is_err());
    assert!(nothing.provision(row_tenant("a").tenant()).await.is_err());
}

/// What a strategy does not have fails by name: it neither pretends to have done it nor does it keep one from compiling.
#[tokio::test]
async fn what_a_strategy_does_not_have_is_unsupported() {
    let (strategy, tenant) = (Own::named("own"), row_tenant("a"));
    let record = tenant.tenant();
    let target = MigrationTarget::Tenant(record);
    let refusals = [
        strategy.migrate(target, &MigrateOptions::DEFAULT).await.unwrap_err(),
        strategy.version(target).await.unwrap_err(),
        strategy.fence(record, Fence::Raised).await.unwrap_err(),
        strategy.fence(record, Fence::Lifted).await.unwrap_err(),
    ];
    let told = refusals.map(|error| match error {
        StrategyError::Unsupported { ref strategy, .. } if strategy.as_str() == "own" => error.to_string(),
        error => panic!("{error:?}"),
    });
    let expected = [
        "the strategy `own` has no migration of one tenant",
        "the strategy `own` has no version of a tenant's data",
        "the strategy `own` has no fence around a tenant's data",
        "the strategy `own` has no fence around a tenant's data",
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn schema_needs_postgres() {
    let registry = StrategyRegistry::new().with(Own::named("own")).unwrap();
    let unknown = registry.find(&StrategyName::from_static("schema")).err().unwrap();
    assert!(unknown.to_string().contains("needs PostgreSQL"), "{unknown}");
    assert!(unknown.to_string().contains("`own`"), "{unknown}");
    let refused = registry.with(Own::named("schema")).unwrap_err();
    assert!(refused.to_string().contains("needs PostgreSQL"), "{refused}");
}

#[tokio::test]
async fn the_stub_for_tests_goes_with_the_cores() {
    let tables = migrations(&["create table notes (id text, body text)"]);
    let strategy = InsecureTestStrategy::open(&tables).await.unwrap();
    let db = TenantDb::new(StrategyRegistry::new().with(strategy).unwrap());
    let headers = [(InsecureTestStub::HEADER, b"acme".as_slice())];
    let headers = HeaderList::new(&headers);
    let claims = InsecureTestStub::claims();
    let request = RequestView {
        version: HttpVersion::Http11,
        target: Target::path("/"),
        headers: &headers,
        credentials: Credentials::Verified(&claims),
    };
    let enforcer = InsecureTestStub::enforcer();
    let mut key = None;
    let step = enforcer.begin(&request, Access::Scoped, &mut key);
    let outcome = tenancy_core::enforce::drive(step, &InsecureTestStub, &InsecureTestStub)
        .await
        .unwrap();
    let Outcome::Admitted(acme) = outcome else {
        panic!("{outcome:?}")
    };

    let mut tx = db.begin(&acme).await.unwrap();
    run(&mut tx, "insert into notes values ('1', 'x')").await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = db.begin_read(&acme).await.unwrap();
    assert!(run(&mut tx, "delete from notes").await.is_err());
    drop(tx);
    let mut tx = db.begin(&acme).await.unwrap();
    assert_eq!(run(&mut tx, "delete from notes returning 1").await.unwrap(), 1);
}
