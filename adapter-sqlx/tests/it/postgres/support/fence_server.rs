//! What the tests of the fence share: each strategy in a fenced database.

use std::time::Duration;

use sqlx::{PgConnection, Postgres};
use tenancy_core::directory::{TenantEntry, TenantRecord};
use tenancy_core::enforce::Admitted;
use tenancy_core::names::{ResolverName, Subject, TenantId};
use tenancy_sqlx::{
    CreationKey, FenceRefusal, NewTenant, PgDatabaseBuilder, PgDirectory, PgRowBuilder, PgSchemaBuilder, PoolSettings,
    StrategyError, StrategyRegistry, TenantDb, TenantTransaction, TransactionError,
};

use super::server::{TestDatabase, by_the_same_way};
use super::{database_server, schema_server};

pub(crate) const STRATEGIES: [&str; 3] = ["row", "schema", "database"];

/// A database in which all strategies are fenced, and its directory.
pub(crate) struct Fenced {
    pub(crate) database: TestDatabase,
    pub(crate) directory: PgDirectory,
    pub(crate) db: TenantDb<Postgres>,
}

impl Fenced {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::new().await;
        // The table is there when the fence is turned on.
        let unfenced = by_the_same_way(database.row()).open().await.unwrap();
        drop(unfenced);
        row(&database).enable_fence().await.unwrap();
        schema(&database).enable_fence().await.unwrap();
        let db = open(&database).await;
        let directory = PgDirectory::open(database.administrator()).await.unwrap();
        Self {
            directory: directory.with_places(&db),
            database,
            db,
        }
    }

    /// The record of a tenant that is created, as every process has it by now.
    pub(crate) async fn create(&self, id: &str, strategy: &str) -> TenantRecord {
        let new = NewTenant::new(id.parse().unwrap(), strategy.parse().unwrap());
        let created = self.directory.create(&self.db, &new, &CreationKey::random()).await;
        created.unwrap().record().clone()
    }

    pub(crate) async fn record(&self, id: &TenantId) -> TenantRecord {
        self.directory.find_by_id(id).await.unwrap().unwrap().record().clone()
    }

    /// Connected as the administrator to where the tenant's place is.
    pub(crate) async fn administrator_of(&self, record: &TenantRecord) -> PgConnection {
        use sqlx::ConnectOptions;

        let options = self.database.administrator();
        let options = if record.strategy == "database" {
            let name = format!("{}{}", self.database.prefix(), record.id);
            options.database(&name)
        } else {
            options
        };
        options.connect().await.unwrap()
    }

    /// Connected as the application to where the tenant's data is.
    pub(crate) async fn application_of(&self, record: &TenantRecord) -> PgConnection {
        use sqlx::ConnectOptions;

        let options = self.database.application();
        let options = if record.strategy == "database" {
            let name = format!("{}{}", self.database.prefix(), record.id);
            options.database(&name)
        } else {
            options
        };
        options.connect().await.unwrap()
    }
}

fn pool() -> PoolSettings {
    PoolSettings::new()
        .with_max_connections(4)
        .with_acquire_timeout(Duration::from_secs(120))
}

pub(crate) fn row(database: &TestDatabase) -> PgRowBuilder {
    by_the_same_way(database.row().with_pool(pool())).with_fence()
}

pub(crate) fn schema(database: &TestDatabase) -> PgSchemaBuilder {
    schema_server::options(database).with_pool(pool()).with_fence()
}

pub(crate) fn database(database: &TestDatabase) -> PgDatabaseBuilder {
    database_server::options(database).with_pool(pool()).with_fence()
}

/// Another process.
pub(crate) async fn open(test: &TestDatabase) -> TenantDb<Postgres> {
    let registry = StrategyRegistry::new()
        .with(row(test).open().await.unwrap())
        .unwrap()
        .with(schema(test).open().await.unwrap())
        .unwrap()
        .with(database(test).open().await.unwrap())
        .unwrap();
    TenantDb::new(registry)
}

pub(crate) fn member(record: &TenantRecord) -> Admitted {
    let (job, alice) = (ResolverName::from_static("test"), Subject::from_static("alice"));
    Admitted::dangerously_assume(record.clone(), job, alice)
}

pub(crate) async fn add(db: &TenantDb<Postgres>, record: &TenantRecord, name: &str) -> Result<(), TransactionError> {
    let mut tx = db.begin(&member(record)).await?;
    write(&mut tx, name).await;
    tx.commit().await
}

pub(crate) async fn write(tx: &mut TenantTransaction<Postgres>, name: &str) {
    let sql = "insert into notes (name) values ($1)";
    sqlx::query(sql).bind(name.to_owned()).execute(&mut **tx).await.unwrap();
}

pub(crate) async fn count(db: &TenantDb<Postgres>, record: &TenantRecord) -> Result<i64, TransactionError> {
    let mut tx = db.begin_read(&member(record)).await?;
    Ok(notes(&mut tx).await)
}

pub(crate) async fn notes(tx: &mut TenantTransaction<Postgres>) -> i64 {
    let counted = sqlx::query_scalar("select count(*) from notes");
    counted.fetch_one(&mut **tx).await.unwrap()
}

/// By what the fence has refused.
pub(crate) fn refusal<T: std::fmt::Debug>(begun: Result<T, TransactionError>) -> FenceRefusal {
    match begun {
        Err(TransactionError::Begin {
            source: StrategyError::Fenced(refusal),
            ..
        }) => refusal,
        other => panic!("{other:?}"),
    }
}

/// Waits for a condition, for 30 seconds at most.
pub(crate) async fn until(mut condition: impl AsyncFnMut() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while !condition().await {
        assert!(std::time::Instant::now() < deadline, "it does not come");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
