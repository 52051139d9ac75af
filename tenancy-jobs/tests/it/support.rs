//! A database with tenants, a directory and a queue.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgPool, Postgres, SqlSafeStr};
use tenancy_core::directory::TenantStatus;
use tenancy_core::enforce::Admitted;
use tenancy_core::names::Subject;
use tenancy_core::testing::TestTenant;
use tenancy_jobs::postgres::{JobOutcome, PgJobs, PgWorker, PgWorkerBuilder};
use tenancy_jobs::{Gate, JobKeys, TenantJob};
use tenancy_sqlx::testing::{TestPostgres, db_of};
use tenancy_sqlx::{NewTenant, PgDirectory, PgTenantTable, TenantDb};

pub(crate) const SECRET: &[u8] = b"thirty-two bytes of the service.";

pub(crate) fn keys() -> JobKeys {
    JobKeys::new("test", SECRET).unwrap()
}

pub(crate) fn note() -> Subject {
    Subject::from_static("note")
}

pub(crate) fn migrations(sql: &'static str) -> Migrator {
    let notes = Migration::new(1, "notes".into(), MigrationType::Simple, sql.into_sql_str(), false);
    Migrator::with_migrations(vec![notes])
}

/// What the worker's observer has seen, a line each.
pub(crate) type Seen = Arc<Mutex<Vec<String>>>;

pub(crate) struct World {
    pub(crate) db: TenantDb<Postgres>,
    pub(crate) directory: PgDirectory,
    /// The worker's role, which is the administrator here.
    pub(crate) queue: PgPool,
    pub(crate) postgres: TestPostgres,
}

impl World {
    pub(crate) async fn new() -> Self {
        let postgres = TestPostgres::new(&std::env::var("DATABASE_URL").unwrap())
            .await
            .unwrap();
        let tables = postgres.tables().with_table(PgTenantTable::new("notes").unwrap());
        let notes = "create table notes (tenant_id text not null, body text not null)";
        let row = postgres.row(tables).with_migrations(migrations(notes));
        let db = db_of(row.open().await.unwrap());
        let queue = queue_of(&postgres).await;
        let directory = postgres.directory().await.unwrap();
        let world = Self {
            db,
            directory,
            queue,
            postgres,
        };
        for id in ["acme", "globex"] {
            world.tenant(id, "row").await;
        }
        world
    }

    /// An active tenant of the directory, and its member's capability.
    pub(crate) async fn tenant(&self, id: &str, strategy: &str) -> Admitted {
        let tenant = TestTenant::new(id).with_strategy(strategy);
        let new = NewTenant::new(id.parse().unwrap(), strategy.parse().unwrap());
        self.directory.upsert(&new).await.unwrap();
        self.status(id, TenantStatus::Active).await;
        tenant.admitted()
    }

    pub(crate) async fn status(&self, id: &str, status: TenantStatus) {
        self.directory.set_status(&id.parse().unwrap(), status).await.unwrap();
    }

    /// Enqueues a job `note` in a transaction of the tenant that is committed.
    pub(crate) async fn enqueue(&self, id: &str, body: &str) {
        let admitted = TestTenant::new(id).admitted();
        let mut tx = self.db.begin(&admitted).await.unwrap();
        let job = TenantJob::new(&admitted, note(), body);
        PgJobs::enqueue(&mut tx, &job, &keys()).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// A worker whose jobs are tried again at once and postponed for good, and what it has seen.
    pub(crate) fn worker(&self) -> (PgWorkerBuilder<PgDirectory>, Seen) {
        let seen = Seen::default();
        let lines = Arc::clone(&seen);
        let gate = Gate::new(self.directory.clone(), keys());
        let worker = PgWorker::builder(self.queue.clone(), gate)
            .with_first_retry(Duration::ZERO)
            .with_later(Duration::from_secs(3600))
            .with_poll(Duration::from_millis(20))
            .with_observer(move |event| {
                let outcome = match event.outcome {
                    JobOutcome::Done => "done".to_owned(),
                    JobOutcome::Failed(error) => format!("failed: {error}"),
                    JobOutcome::GaveUp(error) => format!("gave up: {error}"),
                    JobOutcome::Later { reason } => format!("later: {reason}"),
                    JobOutcome::Dropped(reason) => format!("dropped: {reason}"),
                    other => format!("{other:?}"),
                };
                lines.lock().unwrap().push(format!("{} {outcome}", event.tenant));
            });
        (worker, seen)
    }

    /// Makes all jobs that wait due.
    pub(crate) async fn all_due(&self) {
        let sql = "update tenancy_jobs.jobs set run_at = now()";
        sqlx::query(sql).execute(&self.queue).await.unwrap();
    }

    /// The attempts of each job in the queue.
    pub(crate) async fn attempts(&self) -> Vec<i32> {
        let sql = "select attempts from tenancy_jobs.jobs order by run_at, id";
        sqlx::query_scalar(sql).fetch_all(&self.queue).await.unwrap()
    }

    /// The notes of a tenant, as the tenant sees them.
    pub(crate) async fn notes(&self, id: &str) -> Vec<String> {
        let mut tx = self.db.begin_read(&TestTenant::new(id).admitted()).await.unwrap();
        let sql = "select body from notes order by body";
        sqlx::query_scalar(sql).fetch_all(&mut *tx).await.unwrap()
    }
}

/// Sets the queue up and returns the worker's connections.
pub(crate) async fn queue_of(postgres: &TestPostgres) -> PgPool {
    let administrator = postgres.administrator();
    let role = administrator.get_username().to_owned();
    let queue = PgPoolOptions::new()
        .max_connections(4)
        .connect_with(administrator)
        .await
        .unwrap();
    let mut connection = queue.acquire().await.unwrap();
    // A second time changes nothing.
    for _ in 0..2 {
        PgJobs::set_up(&mut connection, postgres.application_role().as_str(), &role)
            .await
            .unwrap();
    }
    drop(connection);
    queue
}

/// Writes a note in the tenant of the scope.
pub(crate) async fn write(db: &TenantDb<Postgres>, body: &str) -> Result<(), anyhow::Error> {
    let mut tx = db.begin_current().await?;
    sqlx::query("insert into notes (body) values ($1)")
        .bind(body)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

pub(crate) fn lines(seen: &Seen) -> Vec<String> {
    seen.lock().unwrap().clone()
}
