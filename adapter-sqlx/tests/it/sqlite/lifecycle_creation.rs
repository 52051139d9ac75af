//! Creations that fail or are overtaken.

use crate::sqlite::lifecycle::{Scripted, new, open, scripted};
use sqlx::Sqlite;
use std::pin::Pin;
use std::sync::Arc;
use tenancy_core::directory::{TenantEntry, TenantRecord, TenantStatus};
use tenancy_core::names::StrategyName;
use tenancy_sqlx::{
    Binding, CreateError, CreationKey, DirectoryError, IsolationStrategy, RemoveError, StrategyError, StrategyFuture,
    StrategyRegistry, StrategyTransaction, TenantDb,
};

#[tokio::test]
async fn a_failed_creation_goes_on_where_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let (_, directory) = open(&dir).await;
    let script = Arc::new(Scripted {
        failures: 2,
        ..Scripted::default()
    });
    let db = scripted(script);
    let (tenant, key) = (new("acme", "scripted"), CreationKey::random());
    for _ in 0..2 {
        let failed = directory.create(&db, &tenant, &key).await.unwrap_err();
        assert!(matches!(failed, CreateError::Provision(_)), "{failed:?}");
        let entry = directory.find_by_id(&"acme".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(entry.record().status, TenantStatus::Provisioning);
    }
    let entry = directory.create(&db, &tenant, &key).await.unwrap();
    assert_eq!(entry.record().status, TenantStatus::Active);
    // A suspended tenant is not let in by being created again, and an archived one is not made again.
    for status in [TenantStatus::Suspended, TenantStatus::Archived] {
        directory.set_status(&entry.record().id, status).await.unwrap();
        let again = directory.create(&db, &tenant, &key).await.unwrap();
        assert_eq!(again.record().status, status);
    }
    let refused = db.dangerously_remove(directory.list().await.unwrap()[0].record()).await;
    assert!(matches!(
        refused,
        Err(RemoveError::Strategy {
            source: StrategyError::Unsupported { .. },
            ..
        })
    ));
}

/// Makes a tenant's place, and does something to the directory meanwhile.
struct Meanwhile<F>(F);

impl<F, A> IsolationStrategy<Sqlite> for Meanwhile<F>
where
    F: Fn(TenantRecord) -> A + Send + Sync + 'static,
    A: Future<Output = ()> + Send + 'static,
{
    fn name(&self) -> StrategyName {
        StrategyName::from_static("scripted")
    }

    fn begin<'f>(&'f self, _: Binding<'f>) -> StrategyFuture<'f, StrategyTransaction<Sqlite>> {
        Box::pin(async { Err(StrategyError::Closed) })
    }

    fn provision<'f>(&'f self, tenant: &'f TenantRecord) -> StrategyFuture<'f, ()> {
        Box::pin(async {
            (self.0)(tenant.clone()).await;
            Ok(())
        })
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {})
    }
}

/// A tenant that is archived while it is made, and perhaps restored, is not active when its creation ends.
#[tokio::test]
async fn a_tenant_that_was_stopped_while_it_was_made_is_not_active() {
    let dir = tempfile::tempdir().unwrap();
    let (_, directory) = open(&dir).await;
    for status in [TenantStatus::Suspended, TenantStatus::Archived] {
        let stopping = directory.clone();
        let strategy = Meanwhile(move |tenant: TenantRecord| {
            let directory = stopping.clone();
            async move {
                assert!(directory.archive(&tenant.id).await.unwrap());
                let is_restored = status == TenantStatus::Suspended;
                assert!(!is_restored || directory.restore(&tenant.id).await.unwrap());
            }
        });
        let db = TenantDb::new(StrategyRegistry::new().with(strategy).unwrap());
        let tenant = new(status.as_str(), "scripted");
        let told = directory.create(&db, &tenant, &CreationKey::random()).await.unwrap();
        assert_eq!(told.record().status, status);
        let found = directory.find_by_id(&told.record().id).await.unwrap().unwrap();
        assert_eq!(found.record().status, status);
    }
    let removing = directory.clone();
    let strategy = Meanwhile(move |tenant: TenantRecord| {
        let directory = removing.clone();
        async move {
            directory.set_status(&tenant.id, TenantStatus::Archived).await.unwrap();
            assert!(directory.remove(&tenant.id).await.unwrap());
        }
    });
    let db = TenantDb::new(StrategyRegistry::new().with(strategy).unwrap());
    let gone = directory
        .create(&db, &new("gone", "scripted"), &CreationKey::random())
        .await;
    assert!(
        matches!(gone, Err(CreateError::Directory(DirectoryError::UnknownTenant { .. }))),
        "{gone:?}"
    );
}
