//! The directory and its feed on a cluster.

use std::time::Duration;

use tenancy_core::directory::ChangeFeed as _;
use tenancy_core::names::StrategyName;
use tenancy_sqlx::{NewTenant, PgChanges, PgDirectory};

use super::cluster::TestCluster;

/// The coordinator's notifications do not reach the workers, and nobody would know.
#[tokio::test]
async fn a_feed_is_the_coordinator_s() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let directory = PgDirectory::open(cluster.administrator()).await.unwrap();
    let worker = cluster.on(1);
    let worker = cluster.administrator().host(worker.get_host()).port(worker.get_port());
    let refused = PgChanges::connect(worker).await.unwrap_err();
    assert!(refused.to_string().contains("a worker of Citus"), "{refused}");
    let mut changes = PgChanges::connect(cluster.administrator()).await.unwrap();
    let entry = NewTenant::new("acme".parse().unwrap(), StrategyName::from_static("schema"));
    directory.upsert(&entry).await.unwrap();
    let change = tokio::time::timeout(Duration::from_secs(10), changes.next()).await;
    assert!(matches!(change, Ok(Ok(Some(_)))), "{change:?}");
}
