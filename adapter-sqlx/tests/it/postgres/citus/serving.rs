//! A process that serves without the administrator, on a cluster that another one has set up.

use sqlx::postgres::PgConnectOptions;
use tenancy_sqlx::{PgFault, PgFinding, PgRowBuilder, PgSchemaBuilder, PgServer, ProvisionError, StrategyError};

use super::cluster::TestCluster;
use super::{row, schema};
use crate::postgres::support::schema_server::{member, notes_of, open, provision_with_note};
use crate::postgres::support::server::{TestDatabase, bodies_of, seed};

/// Whether rows are kept apart is decided on the shards, which only the administrator may look at.
pub(in crate::postgres::citus) async fn row_is_refused(builder: PgRowBuilder) {
    let Err(error) = builder.open().await else {
        panic!("it opened")
    };
    assert!(matches!(error, StrategyError::NeedsAdministrator { .. }), "{error:?}");
    assert!(
        error.to_string().contains("compare the shards of a Citus cluster"),
        "{error}"
    );
}

/// Of two tenants, which the administrator makes first.
pub(in crate::postgres::citus) async fn schema_is_served(cluster: &TestCluster, builder: PgSchemaBuilder) {
    let (administrators, _) = open(schema::options(cluster)).await;
    for id in ["acme", "globex"] {
        provision_with_note(&administrators, id).await;
    }
    let (db, strategy) = open(builder).await;
    for id in ["acme", "globex", "acme"] {
        let mut tx = db.begin(&member(id)).await.unwrap();
        let write = "update notes set body = body || '.'";
        assert_eq!(sqlx::raw_sql(write).execute(&mut *tx).await.unwrap().rows_affected(), 1);
        tx.commit().await.unwrap();
    }
    assert_eq!(notes_of(&db, "acme").await, ["of acme.."]);
    assert_eq!(notes_of(&administrators, "globex").await, ["of globex."]);
    let made = db.provision(member("initech").tenant()).await;
    assert!(
        matches!(
            made,
            Err(ProvisionError::Strategy {
                source: StrategyError::NeedsAdministrator { .. },
                ..
            })
        ),
        "{made:?}"
    );
    let verified = strategy.verify().await;
    assert!(
        matches!(verified, Err(StrategyError::NeedsAdministrator { .. })),
        "{verified:?}"
    );
    db.close().await;
}

#[tokio::test]
async fn rows_are_not_served_without_the_administrator() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let db = row::open(&cluster, 1).await;
    seed(&db, &["acme"]).await;
    let serving = PgServer::application_only(cluster.application());
    let declared = row::declare(serving.row_tables().unwrap().with_citus());
    row_is_refused(row::options_for(serving, declared)).await;
    assert_eq!(bodies_of(&db, "acme").await, ["of acme"]);
}

#[tokio::test]
async fn schemas_are_served_without_the_administrator() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let serving = PgServer::application_only(cluster.application());
    schema_is_served(&cluster, schema::options_for(serving)).await;
}

/// The application finds what the administrator finds where there is no cluster, or a worker in its place.
#[tokio::test]
async fn nor_are_they_served_where_there_is_no_coordinator() {
    let database = TestDatabase::new().await;
    let found = refused(database.application()).await;
    assert_eq!(found, [(PgFault::ExtensionMissing, "citus".to_owned())]);
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let worker = cluster.on(1);
    let worker = cluster.application().host(worker.get_host()).port(worker.get_port());
    let found = refused(worker).await;
    assert_eq!(
        found,
        [(PgFault::NotCoordinator, "the application's connection".to_owned())]
    );
}

async fn refused(application: PgConnectOptions) -> Vec<(PgFault, String)> {
    match schema::options_for(PgServer::application_only(application))
        .open()
        .await
    {
        Err(StrategyError::UnsafeDatabase(report)) => {
            let told = |finding: &PgFinding| (finding.fault(), finding.object().to_owned());
            report.findings().iter().map(told).collect()
        }
        other => panic!("{other:?}"),
    }
}
