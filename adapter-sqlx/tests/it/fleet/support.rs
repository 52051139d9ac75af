//! Tenants of two releases of a service.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::ops::Range;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Database, PgConnection, Postgres};
use tempfile::TempDir;
use tenancy_core::directory::{TenantRecord, TenantStatus};
use tenancy_sqlx::fleet::{Fleet, FleetOptions, FleetReport, Stop};
use tenancy_sqlx::{
    DirectoryDatabase, NewTenant, PgDirectory, PgSchemaStrategy, SqlDirectory, SqliteDirectory, StrategyRegistry,
    TenantDb,
};

use crate::postgres::support::server::{TestDatabase, migrations};
use crate::postgres::support::wire::Wire;

/// Each says in the tenant's own table that it has run.
pub(super) const STEPS: [&str; 5] = [
    "create table applied (version bigint not null); insert into applied values (1)",
    "create table drafts (body text); insert into applied values (2)",
    "alter table drafts add column title text; insert into applied values (3)",
    "-- no-transaction\ncreate index concurrently drafts_title on drafts (title)",
    "insert into applied values (5)",
];

/// Each is plain: it makes and alters tables of the tenant. The last one is two statements.
pub(super) const PLAIN: [&str; 3] = [
    "create table notes (id bigint primary key, body text not null)",
    "alter table notes add column title text -- and no line behind it",
    "create table drafts (id bigint primary key, body text not null); create index on drafts (body)",
];

pub(super) fn steps(count: usize) -> Migrator {
    migrations(&STEPS[..count])
}

/// A directory that is not in the tenants' database, so that what passes the wire is asked of that database for them.
pub(super) struct Elsewhere {
    pub(super) database: TestDatabase,
    pub(super) directory: SqliteDirectory,
    pub(super) wire: Wire,
    /// That of the directory, which is there as long as this is.
    pub(super) _folder: TempDir,
}

impl Elsewhere {
    pub(super) async fn new() -> Self {
        let database = TestDatabase::new().await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("directory.sqlite");
        Self {
            directory: SqliteDirectory::open(file).await.unwrap(),
            wire: Wire::to(&database.administrator()),
            _folder: folder,
            database,
        }
    }
}

/// A directory with tenants of the strategy `schema`, in one database.
pub(super) struct Schemas {
    pub(super) database: TestDatabase,
    pub(super) directory: PgDirectory,
}

impl Schemas {
    /// So many tenants, which the release with so many migrations has provisioned: `t000`, `t001` and so on.
    pub(super) async fn new(tenants: usize, release: usize) -> Self {
        let database = TestDatabase::new().await;
        let directory = PgDirectory::open(database.administrator()).await.unwrap();
        let this = Self { database, directory };
        let db = this.release(release).await;
        create_numbered(&this.directory, &db, 0..tenants).await;
        db.close().await;
        this
    }

    /// The release of the service that has so many migrations.
    pub(super) async fn release(&self, count: usize) -> TenantDb<Postgres> {
        self.with_migrations(steps(count)).await
    }

    pub(super) async fn with_migrations(&self, migrations: Migrator) -> TenantDb<Postgres> {
        let schema = PgSchemaStrategy::builder(self.database.server()).with_migrations(migrations);
        TenantDb::new(StrategyRegistry::new().with(schema.open().await.unwrap()).unwrap())
    }

    pub(super) async fn fleet(&self, release: usize) -> Fleet<Postgres> {
        Fleet::new(self.directory.clone(), &self.release(release).await).unwrap()
    }

    pub(super) async fn connect(&self) -> PgConnection {
        self.database.connect().await
    }

    /// What each tenant's migrations have said, by the tenant.
    pub(super) async fn applied(&self) -> Vec<(String, Vec<i64>)> {
        let mut connection = self.connect().await;
        let sql = "select nspname::text from pg_namespace where nspname like 'tenant\\_%' order by nspname";
        let schemas: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap();
        let mut applied = Vec::new();
        for schema in schemas {
            let sql = format!("select version from \"{schema}\".applied order by version");
            let versions = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut connection).await;
            applied.push((schema.trim_start_matches("tenant_").to_owned(), versions.unwrap()));
        }
        applied
    }

    /// Fails unless these versions, and none twice, have run for each tenant.
    pub(super) async fn each_has(&self, versions: &[i64]) {
        for (tenant, applied) in self.applied().await {
            assert_eq!(applied, versions, "{tenant}");
        }
    }
}

pub(super) fn name(number: usize) -> String {
    format!("t{number:03}")
}

/// Active tenants, provisioned.
pub(crate) async fn create<D: DirectoryDatabase, T: Database>(
    directory: &SqlDirectory<D>,
    db: &TenantDb<T>,
    strategy: &str,
    ids: &[&str],
) {
    let mut records: Vec<TenantRecord> = Vec::new();
    for id in ids {
        let tenant = NewTenant::new(id.parse().unwrap(), strategy.parse().unwrap()).with_status(TenantStatus::Active);
        directory.upsert(&tenant).await.unwrap();
        records.push(TenantRecord::new(id.parse().unwrap(), strategy.parse().unwrap()));
    }
    let summary = db.provision_all(records, NonZeroUsize::new(4).unwrap(), |_| {}).await;
    assert!(summary.failed.is_empty(), "{:?}", summary.failed);
}

/// Active tenants of the strategy `schema`, provisioned: `t000`, `t001` and so on, of these numbers.
pub(super) async fn create_numbered<D: DirectoryDatabase, T: Database>(
    directory: &SqlDirectory<D>,
    db: &TenantDb<T>,
    numbers: Range<usize>,
) {
    let ids: Vec<String> = numbers.map(name).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    create(directory, db, "schema", &ids).await;
}

/// How many round trips a run takes, which leaves no tenant behind.
pub(super) async fn flights_of_run<D: DirectoryDatabase>(wire: &Wire, fleet: &Fleet<D>, options: &FleetOptions) -> u64 {
    let before = wire.settled_flights().await;
    let report = run(fleet, options).await;
    assert!(report.is_complete(), "{report:?}");
    wire.settled_flights().await - before
}

/// Short waits, so that what is to fail fails soon.
pub(super) fn impatient() -> FleetOptions {
    FleetOptions::new()
        .with_jobs(NonZeroUsize::new(2).unwrap())
        .with_lease(Duration::from_secs(2))
        .with_lock_timeout(Duration::from_millis(50), NonZeroU32::new(2).unwrap())
}

pub(super) const fn max_failures(count: u64) -> NonZeroU64 {
    NonZeroU64::new(count).unwrap()
}

pub(crate) async fn run<DB: DirectoryDatabase>(fleet: &Fleet<DB>, options: &FleetOptions) -> FleetReport {
    fleet.run(options, &Stop::new(), |_| {}).await.unwrap()
}

pub(super) async fn execute(connection: &mut PgConnection, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    sqlx::raw_sql(sql).execute(connection).await.unwrap();
}

/// The ids of failures.
pub(super) fn failed(report: &FleetReport) -> Vec<String> {
    let tenants = report.failures.iter().filter_map(|failure| failure.tenant.as_ref());
    tenants.map(ToString::to_string).collect()
}
