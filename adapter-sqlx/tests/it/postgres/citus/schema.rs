//! The strategy `schema`: new tenants.

use tenancy_sqlx::{PgSchemaBuilder, PgSchemaStrategy, PgServer};

use super::cluster::TestCluster;
use crate::postgres::support::schema_server::{self, NOTES, member, open};
use crate::postgres::support::server::migrations;

pub(in crate::postgres::citus) fn options(cluster: &TestCluster) -> PgSchemaBuilder {
    options_for(cluster.server())
}

pub(in crate::postgres::citus) fn options_for(server: PgServer) -> PgSchemaBuilder {
    PgSchemaStrategy::builder(server)
        .with_migrations(migrations(&[NOTES]))
        .with_citus()
}

/// The node that the tenant's tables are on, and how many they are.
pub(in crate::postgres::citus) async fn placed(cluster: &TestCluster, id: &str) -> Vec<(i32, i64)> {
    let sql = "select c.groupid, count(*) from pg_dist_shard s join pg_dist_placement c using (shardid)
        join pg_class t on t.oid = s.logicalrelid where t.relnamespace = to_regnamespace($1) group by 1";
    let placed = sqlx::query_as(sql).bind(format!("tenant_{id}"));
    placed.fetch_all(&mut cluster.superuser().await).await.unwrap()
}

#[tokio::test]
async fn each_tenant_is_on_one_worker() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let (db, strategy) = open(options(&cluster)).await;
    for id in ["acme", "globex"] {
        schema_server::provision_with_note(&db, id).await;
    }
    let mut nodes = Vec::new();
    for id in ["acme", "globex"] {
        assert_eq!(schema_server::notes_of(&db, id).await, [format!("of {id}")]);
        let placed = placed(&cluster, id).await;
        // The notes, and the table that says which migrations have run.
        assert!(matches!(placed[..], [(1.., 2)]), "{placed:?}");
        nodes.push(placed[0].0);
    }
    assert_ne!(nodes[0], nodes[1]);
    // Again is nothing.
    db.provision(member("acme").tenant()).await.unwrap();
    strategy
        .dangerously_drop_schema(&"acme".parse().unwrap())
        .await
        .unwrap();
    assert!(placed(&cluster, "globex").await.len() == 1);
    let sql = "select count(*) from pg_dist_schema";
    let left: i64 = sqlx::query_scalar(sql)
        .fetch_one(&mut cluster.superuser().await)
        .await
        .unwrap();
    assert_eq!(left, 1);
    db.close().await;
}
