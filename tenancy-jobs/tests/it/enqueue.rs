//! A job is part of the transaction that makes it.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection};
use tenancy_core::testing::TestTenant;
use tenancy_jobs::postgres::{EnqueueError, PgJobs, SetUpError};
use tenancy_jobs::{ReceivedJob, TenantJob};
use tenancy_sqlx::testing::{db_of, provisioned};
use tenancy_sqlx::{PgTenantTable, TenantDb};

use crate::support::{World, keys, lines, migrations, note, write};

const OWN_NOTES: &str = "create table notes (body text not null)";

#[tokio::test]
async fn a_rolled_back_transaction_leaves_no_job() {
    let world = World::new().await;
    let admitted = TestTenant::new("acme").admitted();
    let mut tx = world.db.begin(&admitted).await.unwrap();
    PgJobs::enqueue(&mut tx, &TenantJob::new(&admitted, note(), "undone"), &keys())
        .await
        .unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(world.attempts().await, [0; 0]);
    world.enqueue("acme", "kept").await;
    assert_eq!(world.attempts().await, [0]);
}

#[tokio::test]
async fn a_tenant_with_a_schema_enqueues_in_its_transaction() {
    let world = World::new().await;
    let schema = world
        .postgres
        .schema()
        .with_migrations(migrations(OWN_NOTES))
        .open()
        .await
        .unwrap();
    let db: TenantDb<_> = db_of(schema);
    let tenant = TestTenant::new("initech").with_strategy("schema");
    world.tenant("initech", "schema").await;
    let admitted = provisioned(&db, &tenant).await.unwrap();
    for (body, commits) in [("undone", false), ("kept", true)] {
        let mut tx = db.begin(&admitted).await.unwrap();
        PgJobs::enqueue(&mut tx, &TenantJob::new(&admitted, note(), body), &keys())
            .await
            .unwrap();
        if commits {
            tx.commit().await.unwrap();
        } else {
            tx.rollback().await.unwrap();
        }
    }
    let (worker, seen) = world.worker();
    let work = db.clone();
    let worker = worker.with_job(note(), move |_, job: ReceivedJob<String>| {
        let db = work.clone();
        async move { write(&db, &job.payload).await }
    });
    worker.build().run_due().await.unwrap();
    assert_eq!(lines(&seen), ["initech done"]);
    let mut tx = db.begin_read(&admitted).await.unwrap();
    let notes: Vec<String> = sqlx::query_scalar("select body from notes")
        .fetch_all(&mut *tx)
        .await
        .unwrap();
    assert_eq!(notes, ["kept"]);
}

#[tokio::test]
async fn the_database_of_a_tenant_has_no_queue() {
    let world = World::new().await;
    let database = world
        .postgres
        .database()
        .with_migrations(migrations(OWN_NOTES))
        .open()
        .await
        .unwrap();
    let db: TenantDb<_> = db_of(database);
    let tenant = TestTenant::new("umbrella").with_strategy("database");
    let admitted = provisioned(&db, &tenant).await.unwrap();
    let job = TenantJob::new(&admitted, note(), "later");
    let mut tx = db.begin(&admitted).await.unwrap();
    let refused = PgJobs::enqueue(&mut tx, &job, &keys()).await;
    assert!(matches!(refused, Err(EnqueueError::NoQueue)), "{refused:?}");
    tx.rollback().await.unwrap();
    // After the commit, by a connection to the queue's database.
    let options = world.postgres.application();
    let mut queue = sqlx::PgConnection::connect_with(&options).await.unwrap();
    PgJobs::enqueue_apart(&mut queue, &job, &keys(), Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(world.attempts().await, [0]);
    db.close().await;
}

#[tokio::test]
async fn a_job_of_another_tenant_than_the_transaction_is_refused_before_it_is_written() {
    let world = World::new().await;
    let [acme, globex] = ["acme", "globex"].map(|id| TestTenant::new(id).admitted());
    let job = TenantJob::new(&acme, note(), "of acme");
    let mut tx = world.db.begin(&globex).await.unwrap();
    for delay in [None, Some(Duration::from_secs(60))] {
        let refused = match delay {
            None => PgJobs::enqueue(&mut tx, &job, &keys()).await,
            Some(delay) => PgJobs::enqueue_after(&mut tx, &job, &keys(), delay).await,
        };
        let Err(EnqueueError::AnotherTenant { job, transaction }) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!((job, transaction), (acme.id().clone(), Some(globex.id().clone())));
    }
    // The transaction is as before, and takes its own tenant's job.
    let own = TenantJob::new(&globex, note(), "of globex");
    PgJobs::enqueue(&mut tx, &own, &keys()).await.unwrap();
    tx.commit().await.unwrap();
    let sql = "select tenant from tenancy_jobs.jobs";
    let queued: Vec<String> = sqlx::query_scalar(sql).fetch_all(&world.queue).await.unwrap();
    assert_eq!(queued, ["globex"]);

    // One that sees all tenants is nobody's.
    let mut tx = {
        let (who, why) = ("test".parse().unwrap(), "to enqueue for nobody".parse().unwrap());
        let begun = world.db.dangerously_begin_across_tenants(&world.directory, who, why);
        begun.await.unwrap()
    };
    let refused = PgJobs::enqueue(&mut tx, &job, &keys()).await;
    assert!(
        matches!(refused, Err(EnqueueError::AnotherTenant { transaction: None, .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn the_application_is_not_the_worker() {
    let world = World::new().await;
    let application = world.postgres.application_role().as_str();
    let mut connection = world.queue.acquire().await.unwrap();
    let refused = PgJobs::set_up(&mut connection, application, application).await;
    assert!(matches!(refused, Err(SetUpError::SameRole)), "{refused:?}");
}

#[tokio::test]
async fn a_queue_that_somebody_else_owns_is_not_set_up() {
    let world = World::new().await;
    let administrator = world.postgres.administrator();
    // Neither the owner of the database nor the application may give the table away: a superuser plants this.
    let server: PgConnectOptions = std::env::var("DATABASE_URL").unwrap().parse().unwrap();
    let superuser = server.database(administrator.get_database().unwrap());
    let application = world.postgres.application_role();
    let plant = format!("alter table tenancy_jobs.jobs owner to {application}");
    let mut connection = sqlx::PgConnection::connect_with(&superuser).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(plant))
        .execute(&mut connection)
        .await
        .unwrap();
    let mut connection = world.queue.acquire().await.unwrap();
    let worker = administrator.get_username();
    let refused = PgJobs::set_up(&mut connection, application.as_str(), worker).await;
    assert!(matches!(refused, Err(SetUpError::ForeignSchema)), "{refused:?}");
}

/// The queue is no tenants' table, and opening the strategy verifies the database with it.
#[tokio::test]
async fn the_queue_is_no_finding_of_the_verification() {
    let world = World::new().await;
    let tables = world.postgres.tables().with_table(PgTenantTable::new("notes").unwrap());
    let notes = "create table notes (tenant_id text not null, body text not null)";
    let again = world.postgres.row(tables).with_migrations(migrations(notes));
    again.open().await.unwrap();
}

#[tokio::test]
async fn the_jobs_of_an_erased_tenant_are_removed() {
    let world = World::new().await;
    world.enqueue("acme", "1").await;
    world.enqueue("acme", "2").await;
    world.enqueue("globex", "3").await;
    let mut connection = world.queue.acquire().await.unwrap();
    let acme = "acme".parse().unwrap();
    assert_eq!(PgJobs::remove_of(&mut connection, &acme).await.unwrap(), 2);
    assert_eq!(world.attempts().await, [0]);
}
