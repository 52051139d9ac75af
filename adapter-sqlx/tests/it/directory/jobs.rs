//! Jobs that run for every active tenant.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tenancy_core::context;
use tenancy_core::directory::TenantStatus;
use tenancy_core::enforce::{Admitted, JobRefused, Standing, admit_job};
use tenancy_core::names::Subject;
use tenancy_sqlx::{DirectoryDatabase, DirectoryError, JobError, JobProgress, SqlDirectory};

use super::{active, id, on_both};

const JOB: fn() -> Subject = || Subject::from_static("nightly");

fn at_once(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).unwrap()
}

/// The failures of work that never fails.
type Never = std::convert::Infallible;

/// What was observed last of each tenant.
fn record<E>(seen: &mut BTreeMap<String, String>, progress: JobProgress<'_, E>) {
    let (tenant, outcome) = match progress {
        JobProgress::Started(tenant) => {
            assert!(!seen.contains_key(tenant.as_str()), "{tenant} is started twice");
            (tenant, "started".to_owned())
        }
        JobProgress::Done(tenant) => (tenant, "done".to_owned()),
        JobProgress::Skipped(tenant) => (tenant, "skipped".to_owned()),
        JobProgress::Failed(tenant, JobError::Work(_)) => (tenant, "failed".to_owned()),
        JobProgress::Failed(tenant, JobError::Panicked { message }) => (tenant, format!("panicked: {message}")),
        JobProgress::Failed(tenant, JobError::Refused(_)) => (tenant, "refused".to_owned()),
        _ => panic!("an unexpected outcome"),
    };
    seen.insert(tenant.to_string(), outcome);
}

async fn is_admitted_if_active<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    let acme = id("acme");
    let unknown = admit_job(directory, &acme, JOB()).await;
    assert!(matches!(unknown, Err(JobRefused::Unknown { .. })), "{unknown:?}");
    directory.upsert(&active("acme")).await.unwrap();
    let admitted = admit_job(directory, &acme, JOB()).await.unwrap();
    assert_eq!((admitted.id(), admitted.standing()), (&acme, Standing::Job));
    assert_eq!((admitted.subject(), admitted.issuer()), (&JOB(), None));
    assert_eq!(admitted.resolver().as_str(), "job");
    let provisioning = active("initech").with_status(TenantStatus::Provisioning);
    directory.upsert(&provisioning).await.unwrap();
    for (tenant, status) in [
        ("acme", TenantStatus::Suspended),
        ("acme", TenantStatus::Archived),
        ("initech", TenantStatus::Provisioning),
    ] {
        directory.set_status(&id(tenant), status).await.unwrap();
        match admit_job(directory, &id(tenant), JOB()).await {
            Err(JobRefused::NotActive { status: is, .. }) => assert_eq!(is, status),
            other => panic!("{status:?}: {other:?}"),
        }
    }
    // A slug is no id.
    directory
        .upsert(&active("globex").with_slug("shop".parse().unwrap()))
        .await
        .unwrap();
    assert!(matches!(
        admit_job(directory, &id("shop"), JOB()).await,
        Err(JobRefused::Unknown { .. })
    ));
    directory.close().await;
    let cannot_tell = admit_job(directory, &id("globex"), JOB()).await;
    assert!(matches!(
        cannot_tell,
        Err(JobRefused::Directory(DirectoryError::Database(_)))
    ));
}

on_both!(
    a_job_is_admitted_to_an_active_tenant_alone,
    super::is_admitted_if_active
);

async fn runs_for_each<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    // More than two pages of the list.
    let tenants: Vec<_> = (0..230)
        .map(|number| match number {
            3 => active("t003").with_status(TenantStatus::Provisioning),
            number => active(&format!("t{number:03}")),
        })
        .collect();
    directory.upsert_all(&tenants).await.unwrap();
    for (tenant, status) in [("t001", TenantStatus::Suspended), ("t002", TenantStatus::Archived)] {
        assert!(directory.set_status(&id(tenant), status).await.unwrap());
    }
    let running = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let counted = Arc::clone(&running);
    let work = move |admitted: Admitted| {
        // Also what is done before the first await is inside the scope.
        assert_eq!(context::current().unwrap().id(), admitted.id());
        let counted = Arc::clone(&counted);
        async move {
            let now = counted.0.fetch_add(1, Ordering::SeqCst) + 1;
            counted.1.fetch_max(now, Ordering::SeqCst);
            tokio::task::yield_now().await;
            counted.0.fetch_sub(1, Ordering::SeqCst);
            assert_eq!(context::current().unwrap(), admitted);
            match admitted.id().as_str() {
                "t007" => Err(std::io::Error::other("no disk")),
                "t100" => panic!("at t100"),
                "t101" => panic!("{}", String::from("at t101")),
                _ => Ok(()),
            }
        }
    };
    let mut seen = BTreeMap::new();
    let job = JOB();
    let summary = directory
        .for_each_active(&job, at_once(3), work, |progress| record(&mut seen, progress))
        .await
        .unwrap();
    assert_eq!((summary.done, summary.failed, summary.skipped), (224, 3, 0));
    assert!(!summary.is_complete());
    assert_eq!(seen.len(), 227);
    let odd: Vec<_> = seen.iter().filter(|(_, outcome)| *outcome != "done").collect();
    let odd: Vec<_> = odd
        .iter()
        .map(|(tenant, outcome)| format!("{tenant} {outcome}"))
        .collect();
    assert_eq!(odd, ["t007 failed", "t100 panicked: at t100", "t101 panicked: at t101"]);
    assert_eq!(running.0.load(Ordering::SeqCst), 0);
    let most = running.1.load(Ordering::SeqCst);
    assert!((1..=3).contains(&most), "{most} at once");
}

on_both!(
    a_job_runs_for_each_active_tenant_and_some_at_a_time,
    super::runs_for_each
);

async fn asks_again<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    for tenant in ["a", "b", "c", "d"] {
        directory.upsert(&active(tenant)).await.unwrap();
    }
    let store = directory.clone();
    let work = move |admitted: Admitted| {
        let store = store.clone();
        async move {
            // The list with all four was read before.
            if *admitted.id() == *"a" {
                store.set_status(&id("b"), TenantStatus::Suspended).await.unwrap();
                store.set_status(&id("c"), TenantStatus::Archived).await.unwrap();
                store.remove(&id("c")).await.unwrap();
            }
            Ok::<_, Never>(())
        }
    };
    let mut seen = BTreeMap::new();
    let summary = directory
        .for_each_active(&JOB(), at_once(1), work, |progress| record(&mut seen, progress))
        .await
        .unwrap();
    assert_eq!((summary.done, summary.failed, summary.skipped), (2, 0, 2));
    assert!(summary.is_complete());
    let outcomes: Vec<&str> = seen.values().map(String::as_str).collect();
    assert_eq!(outcomes, ["done", "skipped", "skipped", "done"]);
}

on_both!(a_tenant_that_is_not_active_any_more_is_skipped, super::asks_again);

async fn tells_where_it_ended<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    let tenants: Vec<_> = (0..120).map(|number| active(&format!("t{number:03}"))).collect();
    directory.upsert_all(&tenants).await.unwrap();
    let store = directory.clone();
    let work = move |admitted: Admitted| {
        let store = store.clone();
        async move {
            if *admitted.id() == *"t050" {
                store.close().await;
            }
            Ok::<_, Never>(())
        }
    };
    let mut seen = BTreeMap::new();
    let interrupted = directory
        .for_each_active(&JOB(), at_once(1), work, |progress| record(&mut seen, progress))
        .await
        .unwrap_err();
    // Those of the page that was read cannot be admitted; the next page cannot be read.
    let summary = interrupted.summary;
    assert_eq!((summary.done, summary.failed, summary.skipped), (51, 49, 0));
    assert!(matches!(interrupted.source, DirectoryError::Database(_)));
    assert_eq!(seen.values().filter(|outcome| *outcome == "refused").count(), 49);
}

on_both!(a_job_tells_where_the_directory_failed, super::tells_where_it_ended);

/// Counts what is dropped.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

async fn ends_its_tasks<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    for tenant in ["a", "b", "c", "d"] {
        directory.upsert(&active(tenant)).await.unwrap();
    }
    let (dropped, started) = (Arc::new(AtomicUsize::new(0)), Arc::new(tokio::sync::Semaphore::new(0)));
    let (counted, signal) = (Arc::clone(&dropped), Arc::clone(&started));
    let work = move |_| {
        let guard = Dropped(Arc::clone(&counted));
        let signal = Arc::clone(&signal);
        async move {
            let _guard = guard;
            signal.add_permits(1);
            std::future::pending::<Result<(), Never>>().await
        }
    };
    let job = JOB();
    let mut running = Box::pin(directory.for_each_active(&job, at_once(3), work, |_| {}));
    tokio::select! {
        _ = &mut running => panic!("the work does not end"),
        _ = started.acquire_many(3) => {}
    }
    drop(running);
    // Tasks that are ended are dropped by the runtime.
    for _ in 0..100 {
        if dropped.load(Ordering::SeqCst) == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(dropped.load(Ordering::SeqCst), 3);
}

on_both!(a_job_that_is_dropped_ends_its_tasks, super::ends_its_tasks);
