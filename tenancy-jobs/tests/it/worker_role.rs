//! A worker in a role of its own: what it may do, and what the application may not.

use std::thread;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tenancy_core::testing::TestTenant;
use tenancy_jobs::postgres::{PgJobs, PgWorker, SetUpError};
use tenancy_jobs::{Gate, ReceivedJob};

use crate::support::{World, keys, note, write};

/// A role that may log in and is a member of none. Dropped, it is removed; drop the database before.
struct WorkerRole(String);

fn superuser() -> PgConnectOptions {
    std::env::var("DATABASE_URL").unwrap().parse().unwrap()
}

impl WorkerRole {
    /// By a superuser: the owner of a database makes no roles.
    async fn new(world: &World) -> Self {
        let role = format!("{}_worker", world.postgres.application_role().as_str());
        let mut connection = PgConnection::connect_with(&superuser()).await.unwrap();
        let sql = format!("create role {role} login password 'worker'");
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await
            .unwrap();
        Self(role)
    }

    fn options(&self, world: &World) -> PgConnectOptions {
        world.postgres.application().username(&self.0).password("worker")
    }
}

impl Drop for WorkerRole {
    fn drop(&mut self) {
        let sql = format!("drop role if exists {}", self.0);
        let removing = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let mut connection = PgConnection::connect_with(&superuser()).await.unwrap();
                // What it has rights to is gone with the database.
                let _ = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await;
            });
        });
        let _ = removing.join();
    }
}

/// The role is declared first, so that it is dropped last.
async fn with_worker(test: impl AsyncFnOnce(&World, &WorkerRole)) {
    let role;
    let world = World::new().await;
    role = WorkerRole::new(&world).await;
    let mut administrator = world.queue.acquire().await.unwrap();
    let application = world.postgres.application_role();
    PgJobs::set_up(&mut administrator, application.as_str(), &role.0)
        .await
        .unwrap();
    drop(administrator);
    test(&world, &role).await;
    drop(world);
}

async fn refused(connection: &mut PgConnection, sql: &'static str) {
    let refused = connection.execute(sql).await.unwrap_err();
    let code = refused
        .as_database_error()
        .and_then(|error| error.code().map(String::from));
    assert_eq!(code.as_deref(), Some("42501"), "{sql}: {refused}");
}

#[tokio::test]
async fn a_worker_in_a_role_of_its_own_runs_what_the_application_enqueues() {
    with_worker(async |world, role| {
        world.enqueue("acme", "of acme").await;
        world.enqueue("globex", "of globex").await;
        let pool = PgPoolOptions::new()
            .max_connections(2)
            .connect_with(role.options(world))
            .await
            .unwrap();
        let db = world.db.clone();
        let gate = Gate::new(world.directory.clone(), keys()).with_db(db.clone());
        let worker = PgWorker::builder(pool.clone(), gate)
            .with_first_retry(Duration::ZERO)
            .with_job(note(), move |_, job: ReceivedJob<String>| {
                let db = db.clone();
                async move { write(&db, &job.payload).await }
            });
        worker.build().run_due().await.unwrap();
        assert_eq!(world.attempts().await, [0; 0]);
        assert_eq!(world.notes("acme").await, ["of acme"]);
        assert_eq!(world.notes("globex").await, ["of globex"]);
        pool.close().await;
    })
    .await;
}

/// The queue's role is no way to the tenants' data, nor to jobs that nobody has enqueued.
#[tokio::test]
async fn the_workers_role_reaches_the_queue_and_nothing_else() {
    with_worker(async |world, role| {
        world.enqueue("acme", "1").await;
        let mut connection = PgConnection::connect_with(&role.options(world)).await.unwrap();
        for sql in [
            "select * from notes",
            "insert into notes values ('acme', 'x')",
            "insert into tenancy_jobs.jobs (id, tenant, name, sealed) values ('1', 'acme', 'note', '')",
            "truncate tenancy_jobs.jobs",
            "create table tenancy_jobs.others ()",
            "drop table tenancy_jobs.jobs",
            "alter table tenancy_jobs.jobs add column x int",
        ] {
            refused(&mut connection, sql).await;
        }
        let jobs: i64 = sqlx::query_scalar("select count(*) from tenancy_jobs.jobs")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(jobs, 1);
        connection.close().await.unwrap();
    })
    .await;
}

/// A queue that tenants' SQL can write forges tenants: theirs adds rows that no key has sealed, and touches no other.
#[tokio::test]
async fn the_application_enqueues_and_reaches_no_job_of_others() {
    with_worker(async |world, role| {
        world.enqueue("globex", "1").await;
        let id: String = sqlx::query_scalar("select id from tenancy_jobs.jobs")
            .fetch_one(&world.queue)
            .await
            .unwrap();
        for sql in [
            "select 1 from tenancy_jobs.jobs".to_owned(),
            "table tenancy_jobs.jobs".to_owned(),
            "select 1 from tenancy_jobs.jobs for update".to_owned(),
            "copy tenancy_jobs.jobs to stdout".to_owned(),
            "lock table tenancy_jobs.jobs in share mode".to_owned(),
            "update tenancy_jobs.jobs set sealed = ''".to_owned(),
            "delete from tenancy_jobs.jobs".to_owned(),
            format!(
                "insert into tenancy_jobs.jobs (id, tenant, name, sealed) values ('{id}', 'acme', 'note', '')
                 on conflict (id) do update set sealed = excluded.sealed"
            ),
            format!(
                "merge into tenancy_jobs.jobs j using (select '{id}' as id) s on j.id = s.id when matched then delete"
            ),
            format!("set local role {}", role.0),
            "create index on tenancy_jobs.jobs (id)".to_owned(),
            "create trigger t before insert on tenancy_jobs.jobs execute function suppress_redundant_updates_trigger()"
                .to_owned(),
        ] {
            let mut tx = world.db.begin(&TestTenant::new("acme").admitted()).await.unwrap();
            let refused = sqlx::raw_sql(AssertSqlSafe(sql.clone()))
                .execute(&mut *tx)
                .await
                .unwrap_err();
            let code = refused
                .as_database_error()
                .and_then(|error| error.code().map(String::from));
            assert_eq!(code.as_deref(), Some("42501"), "{sql}: {refused}");
        }
        assert_eq!(world.attempts().await, [0]);
    })
    .await;
}

#[tokio::test]
async fn an_application_that_is_a_member_of_the_workers_role_is_refused() {
    with_worker(async |world, role| {
        let application = world.postgres.application_role();
        // By a superuser: the owner of a database has no right to the role.
        let mut connection = PgConnection::connect_with(&superuser()).await.unwrap();
        let grant = format!("grant {} to {application}", role.0);
        sqlx::raw_sql(AssertSqlSafe(grant))
            .execute(&mut connection)
            .await
            .unwrap();
        let mut administrator = world.queue.acquire().await.unwrap();
        let refused = PgJobs::set_up(&mut administrator, application.as_str(), &role.0).await;
        assert!(matches!(refused, Err(SetUpError::SameRole)), "{refused:?}");
    })
    .await;
}
