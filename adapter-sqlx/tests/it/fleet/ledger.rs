//! The ledger of runs is read and written while tenants are migrated.

use std::num::NonZeroUsize;
use std::time::Duration;

use tenancy_sqlx::PgDirectory;
use tenancy_sqlx::fleet::{Fleet, FleetOptions, FleetProgress, Stop};
use tokio::sync::{mpsc, oneshot};

use super::support::{Schemas, execute};

/// How long anything may take here before the test fails.
const LIMIT: Duration = Duration::from_secs(30);

/// What was taken is migrated while nobody can take or write anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_tenant_that_was_taken_waits_for_the_ledger() {
    let schemas = Schemas::new(40, 1).await;
    let directory = PgDirectory::open(schemas.database.administrator()).await.unwrap();
    let fleet = Fleet::new(directory.with_lock_timeout(2 * LIMIT), &schemas.release(2).await).unwrap();
    let (begins, has_begun) = oneshot::channel();
    let (locks, is_locked) = std::sync::mpsc::channel();
    let (ends, mut ended) = mpsc::unbounded_channel();
    let mut holder = schemas.connect().await;
    let holding = tokio::spawn(async move {
        has_begun.await.unwrap();
        execute(
            &mut holder,
            "begin; lock table tenancy_run_items in share row exclusive mode",
        )
        .await;
        locks.send(()).unwrap();
        // Two are taken for each job at first.
        for _ in 0..4 {
            ended.recv().await.unwrap();
        }
        execute(&mut holder, "rollback").await;
    });
    let (options, stop) = (
        FleetOptions::new().with_jobs(NonZeroUsize::new(2).unwrap()),
        Stop::new(),
    );
    let mut first = Some((begins, is_locked));
    let running = fleet.run(&options, &stop, |progress| match progress {
        FleetProgress::Started(_) => {
            if let Some((begins, is_locked)) = first.take() {
                begins.send(()).unwrap();
                tokio::task::block_in_place(|| is_locked.recv()).unwrap();
            }
        }
        // Nobody counts the later ones.
        FleetProgress::Done(..) => drop(ends.send(())),
        _ => {}
    });
    let report = tokio::time::timeout(LIMIT, running).await.unwrap().unwrap();
    holding.await.unwrap();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.done, 40);
    schemas.each_has(&[1, 2]).await;
}
