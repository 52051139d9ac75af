//! A tenant whose migrations have not run: its jobs wait, without an attempt.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Postgres, SqlSafeStr};
use tenancy_core::enforce::Admitted;
use tenancy_core::testing::TestTenant;
use tenancy_jobs::postgres::{JobOutcome, PgJobs, PgWorker};
use tenancy_jobs::{Gate, ReceivedJob, TenantJob};
use tenancy_sqlx::TenantDb;
use tenancy_sqlx::testing::{db_of, provisioned};

use crate::support::{Seen, World, keys, lines, migrations, note, write};

const NOTES: &str = "create table notes (body text not null)";

fn two_migrations() -> Migrator {
    let migration = |version, sql: &'static str| {
        Migration::new(
            version,
            "notes".into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    };
    Migrator::with_migrations(vec![
        migration(1, NOTES),
        migration(2, "alter table notes add at timestamptz default now()"),
    ])
}

/// A tenant of the first migration with a job in the queue, and a service that needs the second.
async fn behind(world: &World) -> (Admitted, TenantDb<Postgres>) {
    let schema = world.postgres.schema().with_migrations(migrations(NOTES));
    let before = db_of(schema.open().await.unwrap());
    let tenant = TestTenant::new("initech").with_strategy("schema");
    world.tenant("initech", "schema").await;
    let admitted = provisioned(&before, &tenant).await.unwrap();
    let mut tx = before.begin(&admitted).await.unwrap();
    PgJobs::enqueue(&mut tx, &TenantJob::new(&admitted, note(), "waited"), &keys())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let schema = world.postgres.schema().with_migrations(two_migrations());
    let now = db_of(schema.with_minimum_version(2).open().await.unwrap());
    (admitted, now)
}

/// Runs what is due. Returns how often work has begun, and what was seen.
async fn run_due(world: &World, db: &TenantDb<Postgres>, does_gate_look: bool) -> (usize, Seen) {
    let (seen, begun) = (Seen::default(), Arc::new(AtomicUsize::new(0)));
    let (lines, counter, work) = (Arc::clone(&seen), Arc::clone(&begun), db.clone());
    let gate = Gate::new(world.directory.clone(), keys());
    let gate = if does_gate_look { gate.with_db(db.clone()) } else { gate };
    let worker = PgWorker::builder(world.queue.clone(), gate)
        .with_max_attempts(1)
        .with_later(Duration::from_secs(3600))
        .with_observer(move |event| {
            let line = match event.outcome {
                JobOutcome::Done => "done".to_owned(),
                JobOutcome::Later { reason } => format!("later: {reason}"),
                other => format!("{other:?}"),
            };
            lines.lock().unwrap().push(line);
        })
        .with_job(note(), move |_, job: ReceivedJob<String>| {
            counter.fetch_add(1, Ordering::Relaxed);
            let db = work.clone();
            async move { write(&db, &job.payload).await }
        });
    worker.build().run_due().await.unwrap();
    (begun.load(Ordering::Relaxed), seen)
}

const BEHIND: &str = "later: the data of the tenant `initech` is behind the version that the worker needs";

#[tokio::test]
async fn a_job_waits_for_the_migrations_of_its_tenant_without_an_attempt() {
    let world = World::new().await;
    let (admitted, db) = behind(&world).await;
    for _ in 0..2 {
        let (begun, seen) = run_due(&world, &db, true).await;
        assert_eq!((begun, lines(&seen)), (0, vec![BEHIND.to_owned()]));
        assert_eq!(world.attempts().await, [0]);
        world.all_due().await;
    }
    db.provision(admitted.tenant()).await.unwrap();
    let (begun, seen) = run_due(&world, &db, true).await;
    assert_eq!((begun, lines(&seen)), (1, vec!["done".to_owned()]));
    assert_eq!(world.attempts().await, [0; 0]);
}

/// One that does not look finds it out by the work, whose transaction does not begin. That is no attempt either.
#[tokio::test]
async fn a_gate_that_does_not_look_is_told_by_the_work() {
    let world = World::new().await;
    let (_, db) = behind(&world).await;
    let (begun, seen) = run_due(&world, &db, false).await;
    assert_eq!((begun, lines(&seen)), (1, vec![BEHIND.to_owned()]));
    assert_eq!(world.attempts().await, [0]);
}

/// Without its data a job cannot do its work: it waits for the data, too.
#[tokio::test]
async fn a_job_waits_for_a_database_that_cannot_be_reached() {
    let world = World::new().await;
    world.enqueue("acme", "waited").await;
    let closed = world.db.clone();
    closed.close().await;
    let (begun, seen) = run_due(&world, &closed, true).await;
    assert_eq!(begun, 0);
    let seen = lines(&seen);
    assert!(
        matches!(&seen[..], [line] if line.starts_with("later: no transaction of the tenant `acme` begins: ")),
        "{seen:?}"
    );
    assert_eq!(world.attempts().await, [0]);
}
