//! What operators read of places, and write anew.

use sqlx::AssertSqlSafe;
use tenancy_sqlx::{DirectoryError, EventKind, PlaceState, StrategyError};

use crate::postgres::support::fence_server::{self, Fenced, STRATEGIES, add, refusal};
use crate::postgres::support::server::TestDatabase;
use crate::postgres::support::{database_server, schema_server};

/// No cluster is needed to refuse what is declared to be one. That an undeclared one is refused, too, only a cluster shows.
#[tokio::test]
async fn what_is_declared_to_be_a_citus_cluster_is_refused_by_name() {
    let database = TestDatabase::new().await;
    let schema = || schema_server::options(&database).with_citus();
    let declared = database.schema().with_citus();
    let row = || tenancy_sqlx::PgRowStrategy::builder(database.server(), declared.clone());
    for refused in [
        schema().enable_fence().await.unwrap_err(),
        schema().with_fence().open().await.unwrap_err(),
        row().enable_fence().await.unwrap_err(),
        row().with_fence().open().await.unwrap_err(),
    ] {
        let text = refused.to_string();
        assert!(text.contains("a Citus cluster has no fence"), "{text}");
    }
    assert!(!schema_server::options(&database).is_database_fenced().await.unwrap());
}

#[tokio::test]
async fn the_places_are_those_of_the_database() {
    let fenced = Fenced::new().await;
    let (row, database) = (
        fence_server::row(&fenced.database),
        database_server::options(&fenced.database),
    );
    for strategy in STRATEGIES {
        fenced.create(&format!("acme-{strategy}"), strategy).await;
        fenced
            .directory
            .suspend(&format!("acme-{strategy}").parse().unwrap())
            .await
            .unwrap();
    }
    let places = row.places().await.unwrap();
    let seen: Vec<_> = places.iter().map(|(id, place)| (id.as_str(), place.state)).collect();
    // One database, and one table, of two strategies.
    assert_eq!(
        seen,
        [("acme-row", PlaceState::Closed), ("acme-schema", PlaceState::Closed)]
    );
    assert_eq!(fence_server::schema(&fenced.database).places().await.unwrap().len(), 2);
    let own = fenced.record(&"acme-database".parse().unwrap()).await;
    assert_eq!(
        database.place_of(&own).await.unwrap().unwrap().state,
        PlaceState::Closed
    );
}

#[tokio::test]
async fn a_database_of_a_tenant_is_fenced_by_itself() {
    let database = TestDatabase::new().await;
    let builder = database_server::options(&database);
    let registry = tenancy_sqlx::StrategyRegistry::new();
    let unfenced = registry
        .with(database_server::options(&database).open().await.unwrap())
        .unwrap();
    let directory = tenancy_sqlx::PgDirectory::open(database.administrator()).await.unwrap();
    let new = tenancy_sqlx::NewTenant::new("acme".parse().unwrap(), "database".parse().unwrap());
    let entry = directory.upsert(&new).await.unwrap();
    let record = tenancy_core::directory::TenantEntry::record(&entry).clone();
    // It makes no database.
    for refused in [
        builder.place_of(&record).await.map(drop),
        builder.enable_fence_of(&record).await,
    ] {
        assert!(
            matches!(refused, Err(StrategyError::NotProvisioned { .. })),
            "{refused:?}"
        );
    }
    let unfenced = tenancy_sqlx::TenantDb::new(unfenced);
    unfenced.provision(&record).await.unwrap();
    let refused = builder.place_of(&record).await;
    assert!(
        matches!(
            refused,
            Err(StrategyError::FenceMismatch {
                is_database_fenced: false
            })
        ),
        "{refused:?}"
    );
    for _ in 0..2 {
        builder.enable_fence_of(&record).await.unwrap();
        // The version that was recorded before is the place's.
        let mut place = tenancy_sqlx::Place::new(0, 0, tenancy_sqlx::PlaceState::Open);
        place.version = Some(1);
        assert_eq!(builder.place_of(&record).await.unwrap(), Some(place));
    }
    unfenced.close().await;
}

#[tokio::test]
async fn a_place_is_written_anew_as_the_directory_says() {
    let fenced = Fenced::new().await;
    let record = fenced.create("acme", "row").await;
    fenced.directory.suspend(&record.id).await.unwrap();
    let mut administrator = fenced.database.connect().await;
    for lost in [
        "delete from",
        "update tenancy_fence.tenancy_places set state = 'open', revision = 0 --",
    ] {
        let sql = AssertSqlSafe(format!("{lost} tenancy_fence.tenancy_places"));
        sqlx::raw_sql(sql).execute(&mut administrator).await.unwrap();
        // The directory knows of nothing: it had written the place.
        assert_eq!(fenced.directory.finish_pending_places().await.unwrap(), 0);
        add(&fenced.db, &record, lost).await.unwrap();
        fenced.directory.restate_place(&record.id).await.unwrap();
        assert_eq!(
            refusal(add(&fenced.db, &record, "late").await),
            tenancy_sqlx::FenceRefusal::Closed
        );
    }
    let events = fenced
        .directory
        .events_of(&record.id, 0, std::num::NonZeroU32::MAX)
        .await
        .unwrap();
    let restated = events.iter().filter(|event| event.kind == EventKind::PLACE_RESTATED);
    assert_eq!(restated.count(), 2);
    let unknown = fenced.directory.restate_place(&"nobody".parse().unwrap()).await;
    assert!(
        matches!(unknown, Err(DirectoryError::UnknownTenant { .. })),
        "{unknown:?}"
    );
}
