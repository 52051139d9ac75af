//! Both strategies under load, while shards move and split, a worker is killed and services start.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, ConnectOptions};
use tokio::task::JoinSet;

use super::clients::{Load, TENANTS};
use crate::postgres::citus::cluster::TestCluster;
use crate::postgres::citus::{row, schema};
use crate::postgres::support::schema_server::run;

/// What a database goes through beside the load, in turns.
async fn event(cluster: &TestCluster, number: usize) {
    println!("on Citus: event {number}");
    match number % 4 {
        0 => move_a_shard(cluster).await,
        1 => tenant_on_its_own_node(cluster, number / 4).await,
        2 => kill_a_worker(cluster).await,
        _ => open_six(cluster).await,
    }
}

// Moves are a superuser's.
async fn move_a_shard(cluster: &TestCluster) {
    let moved = "select citus_move_shard_placement(s.shardid, n.nodename, n.nodeport, o.nodename, o.nodeport,
            shard_transfer_mode => 'force_logical')
        from pg_dist_shard s join pg_dist_placement p using (shardid) join pg_dist_node n using (groupid)
        join pg_dist_node o on o.groupid <> n.groupid and o.groupid <> 0
        where s.logicalrelid = 'notes'::regclass order by s.shardid limit 1";
    run(&mut cluster.superuser().await, moved).await;
}

/// A tenant of `row` in a shard of its own, on a node that has nothing else; and a tenant's schema to another node.
async fn tenant_on_its_own_node(cluster: &TestCluster, number: usize) {
    let mut superuser = cluster.superuser().await;
    let own = cluster.on(2);
    let (host, port) = (own.get_host().to_owned(), own.get_port());
    let tenant = format!("t{}", number % TENANTS);
    let keeps = |keeps: bool| format!("select citus_set_node_property('{host}', {port}, 'shouldhaveshards', {keeps})");
    if number < TENANTS {
        let alone =
            "isolate_tenant_to_new_shard('notes', '{tenant}', 'CASCADE', shard_transfer_mode => 'force_logical')";
        run(&mut superuser, format!("select {}", alone.replace("{tenant}", &tenant))).await;
    }
    run(&mut superuser, keeps(false)).await;
    run(
        &mut superuser,
        format!("select citus_drain_node('{host}', {port}, 'force_logical')"),
    )
    .await;
    run(&mut superuser, keeps(true)).await;
    let moved = format!(
        "select citus_move_shard_placement(p.shardid, n.nodename, n.nodeport, '{host}', {port},
            shard_transfer_mode => 'force_logical') from pg_dist_placement p join pg_dist_node n using (groupid)
        where p.shardid = get_shard_id_for_distribution_column('notes', '{tenant}')"
    );
    run(&mut superuser, moved).await;
    let there = format!(
        "select array_agg(s.logicalrelid::text order by 1) from pg_dist_shard s join pg_dist_placement p using (shardid)
        join pg_dist_node n using (groupid) join pg_dist_partition t using (logicalrelid)
        where n.nodeport = {port} and t.repmodel <> 't' and s.shardminvalue = s.shardmaxvalue"
    );
    let of_all = there.replace(" and s.shardminvalue = s.shardmaxvalue", "");
    for sql in [there, of_all] {
        let tables: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut superuser)
            .await
            .unwrap();
        assert_eq!(tables, ["notes", "tags"], "{tenant} is not alone on its node");
    }
    let moved = format!(
        "select citus_schema_move('tenant_{tenant}', '{host}', {port}, shard_transfer_mode => 'force_logical')"
    );
    run(&mut superuser, moved).await;
}

/// The server ends all sessions of a worker when one of its processes is killed, and recovers.
async fn kill_a_worker(cluster: &TestCluster) {
    let mut worker = cluster.on(1).connect().await.unwrap();
    let kill = "do $$ begin execute format('copy (select 1) to program %L', 'kill -9 ' || pg_backend_pid()); end $$";
    assert!(sqlx::raw_sql(kill).execute(&mut worker).await.is_err());
}

async fn open_six(cluster: &TestCluster) {
    let mut opening = JoinSet::new();
    for _ in 0..6 {
        opening.spawn(row::options(cluster).open());
    }
    while let Some(opened) = opening.join_next().await {
        opened.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_foreign_or_short_while_the_cluster_changes() {
    let Some(cluster) = TestCluster::alone().await else {
        return;
    };
    // Fewer moves where a node is emptied. Presets of the owner, who distributes, are a superuser's.
    let few = format!("alter role {} set citus.shard_count = 6", cluster.administrator_role());
    run(&mut cluster.superuser().await, few).await;
    let load = Arc::new(Load::open(row::options(&cluster), schema::options(&cluster)).await);
    load.clone().beside(0, async {}).await;
    for round in 1..Load::rounds() {
        load.clone().beside(round, event(&cluster, round - 1)).await;
    }
    load.settle().await;
    let report = row::declared(&cluster)
        .verify(&mut cluster.connect().await)
        .await
        .unwrap();
    assert!(report.is_clean(), "{report}");
}
