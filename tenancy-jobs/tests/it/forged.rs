//! What tenants' SQL can do to the queue: nothing that runs.

use sqlx::Executor;
use tenancy_core::testing::TestTenant;
use tenancy_jobs::{JobKeys, ReceivedJob, SealedJob, TenantJob};

use crate::support::{SECRET, World, keys, lines, note};

const INSERT: &str = "insert into tenancy_jobs.jobs (id, tenant, name, sealed) values ($1, $2, 'note', $3)";

/// Inserts a row as the application's role, in a transaction of acme, as injected SQL could.
async fn insert(world: &World, id: &str, tenant: &str, sealed: &str) {
    let mut tx = world.db.begin(&TestTenant::new("acme").admitted()).await.unwrap();
    let query = sqlx::query(INSERT).bind(id).bind(tenant).bind(sealed);
    query.execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

/// Runs what is due; the work must not be reached.
async fn dropped(world: &World) -> Vec<String> {
    let (worker, seen) = world.worker();
    let worker = worker.with_job(note(), |tenant, _: ReceivedJob<String>| {
        let ran = format!("a forged job has run in {}", tenant.id());
        async move { Err::<(), _>(ran) }
    });
    worker.with_max_attempts(1).build().run_due().await.unwrap();
    assert_eq!(world.attempts().await, [0; 0]);
    lines(&seen)
}

fn sealed(keys: &JobKeys) -> (String, String) {
    let job = TenantJob::new(&TestTenant::new("acme").admitted(), note(), "forged");
    let sealed = serde_json::to_string(&job.seal(keys).unwrap()).unwrap();
    (job.id().to_owned(), sealed)
}

const REASON: &str = "dropped: the job was not sealed by a key of the application";

#[tokio::test]
async fn a_forged_job_does_nothing() {
    let world = World::new().await;
    let (id, by_another_key) = sealed(&JobKeys::new("test", &[7; 32]).unwrap());
    insert(&world, &id, "acme", &by_another_key).await;
    let (id, by_no_key) = sealed(&JobKeys::new("made-up", SECRET).unwrap());
    insert(&world, &id, "acme", &by_no_key).await;
    // A true job whose text was changed to another tenant's.
    let (id, own) = sealed(&keys());
    insert(&world, &id, "globex", &own.replace("acme", "globex")).await;
    for (id, garbage) in [
        ("1", ""),
        ("2", "{}"),
        ("3", "null"),
        ("4", r#"{"key":"test","code":"","job":"{}"}"#),
    ] {
        insert(&world, id, "globex", garbage).await;
    }
    let seen = dropped(&world).await;
    assert_eq!(seen.len(), 7, "{seen:?}");
    assert!(seen.iter().all(|line| line.ends_with(REASON)), "{seen:?}");
    assert_eq!(world.notes("globex").await, [] as [String; 0]);
}

#[tokio::test]
async fn a_sealed_job_in_another_row_does_nothing() {
    let world = World::new().await;
    let (id, own) = sealed(&keys());
    insert(&world, "copy", "acme", &own).await;
    insert(&world, &id, "globex", &own).await;
    let mut seen = dropped(&world).await;
    seen.sort();
    assert_eq!(seen, [format!("acme {REASON}"), format!("globex {REASON}")]);
}

#[tokio::test]
async fn the_application_reads_changes_and_removes_no_job() {
    let world = World::new().await;
    world.enqueue("acme", "1").await;
    for sql in [
        "select 1 from tenancy_jobs.jobs",
        "update tenancy_jobs.jobs set run_at = now()",
        "delete from tenancy_jobs.jobs",
        "truncate tenancy_jobs.jobs",
        "insert into tenancy_jobs.jobs (id, tenant, name, sealed, attempts) values ('1', 'a', 'n', '', -9)",
        "insert into tenancy_jobs.jobs (id, tenant, name, sealed) values ('1', 'a', 'n', '') returning sealed",
        "create table tenancy_jobs.others ()",
        "drop table tenancy_jobs.jobs",
    ] {
        let mut tx = world.db.begin(&TestTenant::new("acme").admitted()).await.unwrap();
        let refused = tx.execute(sql).await.unwrap_err();
        let code = refused
            .as_database_error()
            .and_then(|error| error.code().map(String::from));
        assert_eq!(code.as_deref(), Some("42501"), "{sql}: {refused}");
    }
    assert_eq!(world.attempts().await, [0]);
}

#[tokio::test]
async fn a_sealed_job_is_known_by_its_bytes_and_shows_no_payload() {
    let job = TenantJob::new(
        &TestTenant::new("acme").admitted(),
        note(),
        "se\0cret \u{1F980} \"quoted\"",
    );
    let sealed = job.seal(&keys()).unwrap();
    let text = serde_json::to_string(&sealed).unwrap();
    assert_eq!(serde_json::from_str::<SealedJob>(&text).unwrap(), sealed);
    assert!(!format!("{sealed:?}").contains("cret"));
    let world = World::new().await;
    let mut connection = world.queue.acquire().await.unwrap();
    // As a queue would store it that has a column of JSON.
    let stored: String = sqlx::query_scalar("select $1::jsonb::text")
        .bind(&text)
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    assert_eq!(serde_json::from_str::<SealedJob>(&stored).unwrap(), sealed);
}
