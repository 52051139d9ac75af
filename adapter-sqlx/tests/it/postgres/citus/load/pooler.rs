//! Both strategies on a cluster through PgBouncer in transaction mode, where `TENANCY_CITUS_PGBOUNCER_PORT` names one.

use std::sync::Arc;

use tenancy_sqlx::PgServer;

use super::clients::Load;
use crate::postgres::citus::cluster::TestCluster;
use crate::postgres::citus::serving::{row_is_refused, schema_is_served};
use crate::postgres::citus::{row, schema};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_foreign_or_short_through_a_pooler() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let Some(application) = cluster.application_by_pooler() else {
        return;
    };
    let server = PgServer::new(application, cluster.administrator());
    let by_row = row::options_for(server.clone(), row::declared(&cluster)).with_transaction_pooler();
    let by_schema = schema::options_for(server).with_transaction_pooler();
    let load = Arc::new(Load::open(by_row, by_schema).await);
    for round in 0..Load::rounds() {
        load.clone().beside(round, async {}).await;
    }
    load.settle().await;
}

/// The process that migrates and provisions is another one.
#[tokio::test]
async fn without_the_administrator_schemas_are_served_through_a_pooler() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let Some(application) = cluster.application_by_pooler() else {
        return;
    };
    let serving = PgServer::application_only(application);
    let tables = row::declare(serving.row_tables().unwrap().with_citus());
    row_is_refused(row::options_for(serving.clone(), tables).with_transaction_pooler()).await;
    schema_is_served(&cluster, schema::options_for(serving).with_transaction_pooler()).await;
}
