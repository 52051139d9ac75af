//! How places follow the directory, in two steps of which either may be the last that is done.

use sqlx::AssertSqlSafe;
use tenancy_core::directory::{TenantEntry, TenantStatus};
use tenancy_sqlx::{
    DirectoryError, FenceRefusal, LifecycleError, NewTenant, PgDirectory, PgRowStrategy, PgServer, PgTenantTable,
    PlaceState, StrategyError, StrategyRegistry, TenantDb,
};

use crate::postgres::support::fence_server::{Fenced, STRATEGIES, add, count, open, refusal};

/// As a process leaves it that is killed between the two steps.
async fn directory_alone(fenced: &Fenced) -> PgDirectory {
    PgDirectory::open(fenced.database.administrator()).await.unwrap()
}

#[tokio::test]
async fn what_a_verb_has_not_finished_the_same_verb_finishes() {
    let fenced = Fenced::new().await;
    for strategy in STRATEGIES {
        let record = fenced.create(&format!("acme-{strategy}"), strategy).await;
        assert!(fenced.directory.pending_places().await.unwrap().is_empty());
        assert!(directory_alone(&fenced).await.suspend(&record.id).await.unwrap());
        assert_eq!(count(&fenced.db, &record).await.unwrap(), 0, "{strategy}");
        assert_eq!(
            fenced.directory.pending_places().await.unwrap(),
            std::slice::from_ref(&record.id)
        );
        assert!(!fenced.directory.suspend(&record.id).await.unwrap());
        assert_eq!(
            refusal(count(&fenced.db, &record).await),
            FenceRefusal::Closed,
            "{strategy}"
        );
        assert!(fenced.directory.pending_places().await.unwrap().is_empty());
        let place = fenced.db.place(&record).await.unwrap().unwrap();
        let suspended = fenced.record(&record.id).await;
        assert_eq!(
            (place.state, place.revision),
            (PlaceState::Closed, suspended.revision),
            "{strategy}"
        );
    }
    // And what finishes everything.
    let mut ids = Vec::new();
    for strategy in STRATEGIES {
        let id = format!("acme-{strategy}").parse().unwrap();
        directory_alone(&fenced).await.activate(&id).await.unwrap();
        ids.push(id);
    }
    ids.sort();
    assert_eq!(fenced.directory.pending_places().await.unwrap(), ids);
    assert_eq!(fenced.directory.finish_pending_places().await.unwrap(), 3);
    assert_eq!(fenced.directory.finish_pending_places().await.unwrap(), 0);
    for id in &ids {
        assert_eq!(count(&fenced.db, &fenced.record(id).await).await.unwrap(), 0);
    }
}

/// A process without the administrator changes the directory, say, and cannot change the place.
#[tokio::test]
async fn a_place_that_cannot_be_changed_is_pending_and_says_so() {
    let fenced = Fenced::new().await;
    let record = fenced.create("acme", "row").await;
    let server = PgServer::application_only(fenced.database.application());
    let tables = server
        .row_tables()
        .unwrap()
        .with_table(PgTenantTable::new("notes").unwrap());
    let row = PgRowStrategy::builder(server, tables)
        .with_fence()
        .open()
        .await
        .unwrap();
    let serving = TenantDb::new(StrategyRegistry::new().with(row).unwrap());
    let directory = directory_alone(&fenced).await.with_places(&serving);
    let refused = directory.suspend(&record.id).await.unwrap_err();
    let LifecycleError::Directory(DirectoryError::Pending { id, source }) = &refused else {
        panic!("{refused:?}");
    };
    assert_eq!(*id, record.id);
    assert!(
        matches!(**source, StrategyError::NeedsAdministrator { .. }),
        "{source:?}"
    );
    assert_eq!(fenced.record(&record.id).await.status, TenantStatus::Suspended);
    assert_eq!(
        directory.pending_places().await.unwrap(),
        std::slice::from_ref(&record.id)
    );
    assert!(!fenced.directory.suspend(&record.id).await.unwrap());
    assert_eq!(refusal(count(&fenced.db, &record).await), FenceRefusal::Closed);
    assert!(directory.pending_places().await.unwrap().is_empty());
}

/// Tenants that were suspended before the fence was turned on.
#[tokio::test]
async fn tenants_that_were_suspended_before_the_fence_are_pending() {
    let fenced = Fenced::new().await;
    let alone = directory_alone(&fenced).await;
    for (id, status) in [
        ("acme", TenantStatus::Active),
        ("globex", TenantStatus::Suspended),
        ("initech", TenantStatus::Archived),
    ] {
        let new = NewTenant::new(id.parse().unwrap(), "row".parse().unwrap()).with_status(status);
        alone.upsert(&new).await.unwrap();
    }
    let pending = fenced.directory.pending_places().await.unwrap();
    assert_eq!(
        pending.iter().map(AsRef::as_ref).collect::<Vec<&str>>(),
        ["globex", "initech"]
    );
    assert_eq!(fenced.directory.finish_pending_places().await.unwrap(), 2);
    for id in ["globex", "initech"] {
        // As a cache has it from before.
        let record = fenced
            .record(&id.parse().unwrap())
            .await
            .with_status(TenantStatus::Active);
        assert_eq!(refusal(count(&fenced.db, &record).await), FenceRefusal::Closed, "{id}");
    }
}

/// Seeds and imports lead a tenant to a status, too.
#[tokio::test]
async fn upserts_reach_the_place() {
    let fenced = Fenced::new().await;
    let new = NewTenant::new("acme".parse().unwrap(), "row".parse().unwrap());
    let active = fenced
        .directory
        .upsert(&new.clone().with_status(TenantStatus::Active))
        .await
        .unwrap();
    let record = active.record().clone();
    add(&fenced.db, &record, "first").await.unwrap();
    fenced
        .directory
        .upsert(&new.clone().with_status(TenantStatus::Suspended))
        .await
        .unwrap();
    assert_eq!(refusal(count(&fenced.db, &record).await), FenceRefusal::Closed);
    // It says nothing of the status, and changes nothing of it.
    fenced
        .directory
        .upsert_all(&[new.clone().with_name("Acme")])
        .await
        .unwrap();
    assert_eq!(refusal(count(&fenced.db, &record).await), FenceRefusal::Closed);
    let revision = fenced.record(&record.id).await.revision;
    fenced
        .directory
        .upsert_all(&[new.with_status(TenantStatus::Active)])
        .await
        .unwrap();
    assert_eq!(count(&fenced.db, &record).await.unwrap(), 1);
    assert_eq!(fenced.record(&record.id).await.revision, revision + 1);
}

/// A directory from a backup counts from where it was. What it says is in force even so.
#[tokio::test]
async fn a_restored_directory_is_in_force_over_a_newer_place() {
    let fenced = Fenced::new().await;
    let record = fenced.create("acme", "row").await;
    for _ in 0..3 {
        fenced.directory.suspend(&record.id).await.unwrap();
        fenced.directory.activate(&record.id).await.unwrap();
    }
    let mut administrator = fenced.database.connect().await;
    for back_to in ["revision = 1, placed_revision = 1", "revision = 6, placed_revision = 6"] {
        let sql = format!("update tenancy_tenants set {back_to}, status = 'active' where id = 'acme'");
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut administrator)
            .await
            .unwrap();
        assert!(fenced.directory.suspend(&record.id).await.unwrap());
        assert_eq!(
            refusal(count(&fenced.db, &record).await),
            FenceRefusal::Closed,
            "{back_to}"
        );
        let place = fenced.db.place(&record).await.unwrap().unwrap();
        assert_eq!(place.revision, fenced.record(&record.id).await.revision, "{back_to}");
        fenced.directory.activate(&record.id).await.unwrap();
    }
    // Of a tenant that was removed after the backup, nothing is opened again.
    let gone = "update tenancy_fence.tenancy_places set state = 'gone' where tenant = 'acme'";
    sqlx::raw_sql(gone).execute(&mut administrator).await.unwrap();
    let refused = fenced.directory.suspend(&record.id).await.unwrap_err();
    assert!(
        matches!(refused, LifecycleError::Directory(DirectoryError::Pending { .. })),
        "{refused:?}"
    );
    assert_eq!(refusal(count(&fenced.db, &record).await), FenceRefusal::Gone);
}

/// Each table that is declared later is fenced when the administrator opens, and a process that only serves does not open before.
#[tokio::test]
async fn a_table_that_is_declared_later_is_fenced() {
    let fenced = Fenced::new().await;
    let record = fenced.create("acme", "row").await;
    let serving = || {
        let server = PgServer::application_only(fenced.database.application());
        let tables = server
            .row_tables()
            .unwrap()
            .with_table(PgTenantTable::new("notes").unwrap());
        PgRowStrategy::builder(server, tables).with_fence().open()
    };
    serving().await.unwrap();
    let mut administrator = fenced.database.connect().await;
    sqlx::raw_sql("drop policy tenancy_fence on notes")
        .execute(&mut administrator)
        .await
        .unwrap();
    let refused = serving().await.unwrap_err();
    assert!(refused.to_string().contains("public.notes is not fenced"), "{refused}");
    let process = open(&fenced.database).await;
    serving().await.unwrap();
    add(&process, &record, "first").await.unwrap();
}
