//! A tenant's life by the directory's verbs.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use sqlx::Sqlite;
use tenancy_core::directory::{TenantEntry, TenantRecord, TenantStatus};
use tenancy_core::lifecycle::{Stage, Verb};
use tenancy_core::names::{StrategyName, TenantId};
use tenancy_sqlx::{
    Binding, CreationKey, DeleteError, DirectoryDatabase, DirectoryError, IsolationStrategy, LifecycleError, NewTenant,
    Removal, SqlDirectory, StrategyError, StrategyFuture, StrategyRegistry, StrategyTransaction, TenantDb, UpsertError,
};

use super::{active, id, on_both};
use crate::polling::poll_at_most;

const NO_GRACE: Duration = Duration::ZERO;

/// A strategy that removes nothing, and counts how often it was to. It can fail to make anything, too.
#[derive(Clone, Default)]
pub(super) struct Removals {
    pub(super) count: Arc<AtomicUsize>,
    pub(super) failures: Arc<AtomicUsize>,
    pub(super) makes_nothing: bool,
}

impl Removals {
    pub(super) fn database(&self) -> TenantDb<Sqlite> {
        TenantDb::new(StrategyRegistry::new().with(self.clone()).unwrap())
    }

    fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

impl IsolationStrategy<Sqlite> for Removals {
    fn name(&self) -> StrategyName {
        StrategyName::from_static("row")
    }

    fn begin<'f>(&'f self, _: Binding<'f>) -> StrategyFuture<'f, StrategyTransaction<Sqlite>> {
        Box::pin(async { Err(StrategyError::Closed) })
    }

    fn provision<'f>(&'f self, _: &'f TenantRecord) -> StrategyFuture<'f, ()> {
        Box::pin(async {
            if self.makes_nothing {
                Err(StrategyError::Closed)
            } else {
                Ok(())
            }
        })
    }

    fn remove<'f>(&'f self, _: Removal<'f>) -> StrategyFuture<'f, ()> {
        Box::pin(async {
            self.count.fetch_add(1, Ordering::SeqCst);
            // So that a dropped future may have got as far as here.
            tokio::task::yield_now().await;
            let left = self.failures.load(Ordering::SeqCst);
            self.failures.store(left.saturating_sub(1), Ordering::SeqCst);
            if left > 0 { Err(StrategyError::Closed) } else { Ok(()) }
        })
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {})
    }
}

async fn lead<DB: DirectoryDatabase>(
    directory: &SqlDirectory<DB>,
    tenant: &TenantId,
    verb: Verb,
) -> Result<bool, LifecycleError> {
    match verb {
        Verb::Suspend => directory.suspend(tenant).await,
        Verb::Activate => directory.activate(tenant).await,
        Verb::Archive => directory.archive(tenant).await,
        Verb::Restore => directory.restore(tenant).await,
        Verb::Complete => directory.set_status(tenant, TenantStatus::Active).await,
        Verb::Delete => panic!("it is tried on its own"),
    }
}

async fn status_of<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>, tenant: &TenantId) -> TenantStatus {
    directory.find_by_id(tenant).await.unwrap().unwrap().record().status
}

/// The verbs that lead to each status from nothing.
const WAYS: [(TenantStatus, &[Verb]); 4] = [
    (TenantStatus::Provisioning, &[]),
    (TenantStatus::Active, &[Verb::Complete]),
    (TenantStatus::Suspended, &[Verb::Complete, Verb::Suspend]),
    (TenantStatus::Archived, &[Verb::Archive]),
];

async fn each_verb_from_each_status<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    for (status, way) in WAYS {
        for verb in [Verb::Suspend, Verb::Activate, Verb::Archive, Verb::Restore] {
            let tenant = id(&format!("{status:?}-{verb:?}").to_lowercase());
            let new = NewTenant::new(tenant.clone(), "row".parse().unwrap());
            directory.upsert(&new).await.unwrap();
            for step in way {
                assert!(lead(directory, &tenant, *step).await.unwrap(), "{step:?}");
            }
            let is_legal = verb.apply(status.into()).is_ok();
            let will_change = is_legal && verb.target() != Stage::from(status);
            match lead(directory, &tenant, verb).await {
                Ok(has_changed) => assert_eq!((is_legal, has_changed), (true, will_change), "{verb:?} from {status:?}"),
                Err(LifecycleError::Illegal { source, .. }) => {
                    assert!(!is_legal, "{verb:?} from {status:?}");
                    assert_eq!((source.stage(), source.verb()), (status.into(), verb));
                }
                Err(other) => panic!("{other:?}"),
            }
            let target = verb.target().status().unwrap();
            assert_eq!(
                status_of(directory, &tenant).await,
                if is_legal { target } else { status }
            );
            // Given again, a verb that was fine is fine.
            assert_eq!(
                lead(directory, &tenant, verb).await.ok(),
                is_legal.then_some(false),
                "{verb:?}"
            );
        }
    }
}
on_both!(each_verb_from_each_status_, super::each_verb_from_each_status);

/// What the verbs refuse, a seed does not do either.
async fn an_upsert_leads_nowhere_that_the_verbs_do_not<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    let half_removed = active("acme").with_status(TenantStatus::Suspended);
    directory.upsert(&active("acme")).await.unwrap();
    directory.archive(&id("acme")).await.unwrap();
    let removals = Removals::default();
    removals.failures.store(1, Ordering::SeqCst);
    let failed = directory.delete(&removals.database(), &id("acme"), NO_GRACE).await;
    assert!(failed.is_err(), "{failed:?}");
    let taken_back = directory.upsert(&half_removed).await;
    assert!(
        matches!(&taken_back, Err(UpsertError::DeletionBegan { id }) if id.as_str() == "acme"),
        "{taken_back:?}"
    );
    assert_eq!(status_of(directory, &id("acme")).await, TenantStatus::Archived);
    // Other changes of it are fine, and the deletion goes on.
    directory
        .upsert(&active("acme").with_status(TenantStatus::Archived))
        .await
        .unwrap();
    assert!(
        directory
            .delete(&removals.database(), &id("acme"), NO_GRACE)
            .await
            .unwrap()
    );

    let unmade = NewTenant::new(id("globex"), "row".parse().unwrap());
    let makes_nothing = Removals {
        makes_nothing: true,
        ..Removals::default()
    };
    let failed = directory
        .create(&makes_nothing.database(), &unmade, &CreationKey::random())
        .await;
    assert!(failed.is_err(), "{failed:?}");
    let made = directory.upsert(&active("globex")).await;
    assert!(
        matches!(&made, Err(UpsertError::CreationUnfinished { id }) if id.as_str() == "globex"),
        "{made:?}"
    );
    assert_eq!(status_of(directory, &id("globex")).await, TenantStatus::Provisioning);
}
on_both!(
    an_upsert_leads_nowhere_that_the_verbs_do_not_,
    super::an_upsert_leads_nowhere_that_the_verbs_do_not
);

async fn a_removed_tenant_is_not_led_anywhere<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    directory.upsert(&active("acme")).await.unwrap();
    directory.archive(&id("acme")).await.unwrap();
    assert!(directory.remove(&id("acme")).await.unwrap());
    for verb in [Verb::Suspend, Verb::Activate, Verb::Archive, Verb::Restore] {
        match lead(directory, &id("acme"), verb).await {
            Err(LifecycleError::Illegal { source, .. }) => assert_eq!(source.stage(), Stage::Removed),
            other => panic!("{other:?}"),
        }
    }
    let never = directory.suspend(&id("globex")).await;
    let is_unknown = matches!(
        never,
        Err(LifecycleError::Directory(DirectoryError::UnknownTenant { .. }))
    );
    assert!(is_unknown, "{never:?}");
}
on_both!(a_removed_tenant, super::a_removed_tenant_is_not_led_anywhere);

/// A seed that names a status can do what a verb can.
async fn an_upsert_leads_nobody_where_no_verb_does<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    directory.upsert(&active("acme")).await.unwrap();
    directory.archive(&id("acme")).await.unwrap();
    let refused = directory.upsert(&active("acme").with_name("Acme Inc")).await;
    match refused {
        Err(UpsertError::IllegalStatus { id, source }) => {
            assert_eq!((id.as_str(), source.stage()), ("acme", Stage::Archived));
        }
        other => panic!("{other:?}"),
    }
    let entry = directory.find_by_id(&id("acme")).await.unwrap().unwrap();
    assert_eq!((entry.name(), entry.record().status), ("acme", TenantStatus::Archived));
    let suspended = active("acme").with_status(TenantStatus::Suspended);
    let entry = directory.upsert(&suspended).await.unwrap();
    assert_eq!(entry.record().status, TenantStatus::Suspended);
}
on_both!(an_upsert, super::an_upsert_leads_nobody_where_no_verb_does);

async fn a_tenant_is_deleted_once_its_grace_is_over<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    let removals = Removals::default();
    let db = removals.database();
    let acme = id("acme");
    directory.upsert(&active("acme")).await.unwrap();
    let served = directory.delete(&db, &acme, NO_GRACE).await;
    let is_refused = matches!(&served, Err(DeleteError::Lifecycle(LifecycleError::Illegal { .. })));
    assert!(is_refused, "{served:?}");
    directory.archive(&acme).await.unwrap();
    let month = Duration::from_secs(30 * 24 * 60 * 60);
    for _ in 0..2 {
        match directory.delete(&db, &acme, month).await {
            Err(DeleteError::InGrace { until, .. }) => {
                let left = until.duration_since(SystemTime::now()).unwrap();
                assert!(left <= month && left > month - Duration::from_secs(60), "{left:?}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(removals.count(), 0);
    // What is archived anew has a grace of its own.
    assert!(directory.restore(&acme).await.unwrap());
    assert!(directory.archive(&acme).await.unwrap());
    // The first attempt finds the data's server away.
    removals.failures.store(1, Ordering::SeqCst);
    let failed = directory.delete(&db, &acme, NO_GRACE).await;
    assert!(matches!(failed, Err(DeleteError::Data(_))), "{failed:?}");
    let restored = directory.restore(&acme).await;
    assert!(
        matches!(restored, Err(LifecycleError::DeletionBegan { .. })),
        "{restored:?}"
    );
    // Begun is begun: the grace is not asked about again.
    assert!(directory.delete(&db, &acme, month).await.unwrap());
    assert_eq!(removals.count(), 2);
    assert!(directory.find_by_id(&acme).await.unwrap().is_none());
    assert!(!directory.delete(&db, &acme, NO_GRACE).await.unwrap(), "it is removed");
    assert_eq!(removals.count(), 2);
    let unknown = directory.delete(&db, &id("globex"), NO_GRACE).await;
    assert!(
        matches!(unknown, Err(DeleteError::Lifecycle(LifecycleError::Directory(_)))),
        "{unknown:?}"
    );
}
on_both!(a_tenant_is_deleted, super::a_tenant_is_deleted_once_its_grace_is_over);

/// Dropped after any number of polls, the same call finishes the work, and each event is there once.
async fn a_verb_that_is_dropped_anywhere_is_given_again<DB: DirectoryDatabase>(directory: &SqlDirectory<DB>) {
    let db = Removals::default().database();
    for polls in 0..40 {
        let tenant = format!("t{polls}");
        let tenant = id(&tenant);
        directory.upsert(&active(tenant.as_str())).await.unwrap();
        drop(poll_at_most(polls, directory.suspend(&tenant)).await);
        directory.suspend(&tenant).await.unwrap();
        drop(poll_at_most(polls, directory.archive(&tenant)).await);
        directory.archive(&tenant).await.unwrap();
        drop(poll_at_most(polls, directory.restore(&tenant)).await);
        directory.restore(&tenant).await.unwrap();
        directory.archive(&tenant).await.unwrap();
        drop(poll_at_most(polls, directory.delete(&db, &tenant, NO_GRACE)).await);
        directory.delete(&db, &tenant, NO_GRACE).await.unwrap();
        assert!(directory.find_by_id(&tenant).await.unwrap().is_none());
        let events = directory.events_of(&tenant, 0, 100.try_into().unwrap()).await.unwrap();
        let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
        let expected = [
            "tenant.created",
            "tenant.suspended",
            "tenant.archived",
            "tenant.restored",
            "tenant.archived",
            "tenant.deletion_began",
            "tenant.deleted",
        ];
        assert_eq!(kinds, expected, "after {polls} polls");
    }
}
on_both!(
    a_verb_that_is_dropped_anywhere,
    super::a_verb_that_is_dropped_anywhere_is_given_again
);
