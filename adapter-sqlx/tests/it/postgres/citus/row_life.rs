//! The strategy `row` on a cluster: shards that move, tenants that go, how both roles connect.

use std::time::Duration;

use sqlx::Postgres;
use sqlx::postgres::PgConnectOptions;
use tenancy_sqlx::{PgFault, PgFinding, PgRowStrategy, PgServer, StrategyError, TenantDb};

use super::cluster::TestCluster;
use super::row::TABLES;
use super::row::{declared, open};
use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::{bodies_of, migrations, seed, tenant};

/// Not blocking writes: PostgreSQL replicates into no table whose row-level security is forced.
#[tokio::test]
async fn shards_move_and_split_while_they_are_written() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let db = open(&cluster, 2).await;
    let tenants = ["t1", "t2", "t3", "t4"];
    seed(&db, &tenants).await;
    // Moves are a superuser's, or of who has rights on the nodes' catalog.
    let mut superuser = cluster.superuser().await;
    let moved = "select citus_move_shard_placement(s.shardid, n.nodename, n.nodeport, o.nodename, o.nodeport,
            shard_transfer_mode => 'force_logical')
        from pg_dist_shard s join pg_dist_placement p using (shardid) join pg_dist_node n using (groupid)
        join pg_dist_node o on o.groupid <> n.groupid and o.groupid <> 0
        where s.shardid = get_shard_id_for_distribution_column('notes', 't1')";
    let alone = "select isolate_tenant_to_new_shard('notes', 't1', 'CASCADE', shard_transfer_mode => 'force_logical')";
    // What is written meanwhile is replicated.
    let changing = async move {
        run(&mut superuser, moved).await;
        run(&mut superuser, alone).await;
    };
    let (mut written, mut attempts) = (0, 0);
    let changing = tokio::time::timeout(Duration::from_secs(120), changing);
    tokio::pin!(changing);
    loop {
        attempts += 1;
        tokio::select! {
            changed = &mut changing => break changed.expect("the shards did not move in time"),
            done = write(&db, attempts) => written += u32::from(done),
        }
    }
    assert!(written > 0);
    let report = declared(&cluster).verify(&mut cluster.connect().await).await.unwrap();
    assert!(report.is_clean(), "{report}");
    for id in &tenants[1..] {
        assert_eq!(bodies_of(&db, id).await, [format!("of {id}")]);
    }
    let bodies = bodies_of(&db, "t1").await;
    // The last one was cancelled wherever it was.
    assert!(
        [1 + written, 2 + written].contains(&u32::try_from(bodies.len()).unwrap()),
        "{written} {bodies:?}"
    );
    let shard =
        "select count(*) from pg_dist_shard where logicalrelid = 'notes'::regclass and shardminvalue = shardmaxvalue";
    assert_eq!(
        sqlx::query_scalar::<_, i64>(shard)
            .fetch_one(&mut cluster.superuser().await)
            .await
            .unwrap(),
        1
    );
}

/// Whether it was done: a shard that is given away waits, and may be another one afterwards.
async fn write(db: &TenantDb<Postgres>, number: u32) -> bool {
    let mut tx = match db.begin(&tenant("t1")).await {
        Ok(tx) => tx,
        Err(_) => return false,
    };
    let insert = sqlx::query("insert into notes (name, body) values ($1, 'written')").bind(number.to_string());
    insert.execute(&mut *tx).await.is_ok() && tx.commit().await.is_ok()
}

#[tokio::test]
async fn a_tenant_is_removed_and_nobody_else() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let db = open(&cluster, 2).await;
    seed(&db, &["acme", "globex"]).await;
    for id in ["acme", "globex"] {
        let mut tx = db.begin(&tenant(id)).await.unwrap();
        sqlx::raw_sql("insert into tags (note) values ('first')")
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    let record = tenant("acme").tenant().clone();
    let archived = record.with_status(tenancy_core::directory::TenantStatus::Archived);
    db.dangerously_remove(&archived).await.unwrap();
    assert_eq!(bodies_of(&db, "acme").await, [""; 0]);
    assert_eq!(bodies_of(&db, "globex").await, ["of globex"]);
    let left = "select string_agg(distinct tenant_id, ',') from (select tenant_id from tags union all
        select tenant_id from notes) as left_over";
    let left: String = sqlx::query_scalar(left)
        .fetch_one(&mut cluster.connect().await)
        .await
        .unwrap();
    assert_eq!(left, "globex");
}

#[tokio::test]
async fn presets_and_workers_are_found_and_pinned() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let mut superuser = cluster.superuser().await;
    for role in [cluster.application_role(), cluster.administrator_role()] {
        // Presets of a role are a superuser's, or its own.
        run(
            &mut superuser,
            format!("alter role {role} set citus.propagate_set_commands = 'local'"),
        )
        .await;
        run(
            &mut superuser,
            format!("alter role {role} set citus.enable_local_execution = on"),
        )
        .await;
    }
    let db = open(&cluster, 1).await;
    seed(&db, &["acme", "globex"]).await;
    assert_eq!(bodies_of(&db, "acme").await, ["of acme"]);
    let on_worker = |of: PgConnectOptions| of.host(cluster.on(1).get_host()).port(cluster.on(1).get_port());
    let by_worker = PgServer::new(on_worker(cluster.application()), cluster.administrator());
    let builder = PgRowStrategy::builder(by_worker, declared(&cluster)).with_migrations(migrations(&TABLES));
    let Err(StrategyError::UnsafeDatabase(report)) = builder.open().await else {
        panic!("it opened")
    };
    assert_eq!(
        report.findings().iter().map(PgFinding::fault).collect::<Vec<_>>(),
        [PgFault::ConnectionDiffers]
    );
}
