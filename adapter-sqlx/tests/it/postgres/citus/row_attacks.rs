//! The strategy `row` on a cluster: ways to other tenants' rows, tried and found.

use sqlx::{ConnectOptions, PgConnection, Row};
use tenancy_sqlx::{PgFault, PgFinding, PgReport, PgRowStrategy, StrategyError, StrategyRegistry, TenantDb};

use super::cluster::TestCluster;
use super::row::{declared, open, options};
use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::{bodies_of, code, seed, tenant};

const TENANTS: [&str; 6] = ["t1", "t2", "t3", "t4", "t5", "t6"];

async fn verified(cluster: &TestCluster) -> PgReport {
    declared(cluster).verify(&mut cluster.connect().await).await.unwrap()
}

fn faults(report: &PgReport) -> Vec<PgFault> {
    report.findings().iter().map(PgFinding::fault).collect()
}

async fn refused(cluster: &TestCluster) -> Vec<PgFault> {
    match options(cluster).open().await {
        Err(StrategyError::UnsafeDatabase(report)) => faults(&report),
        other => panic!("{other:?}"),
    }
}

/// A shard of the notes that is on a worker: its name there, and which worker.
async fn a_shard(cluster: &TestCluster) -> (String, PgConnection) {
    let sql = "select shard_name(s.logicalrelid, s.shardid), nodename, nodeport from pg_dist_shard s
        join pg_dist_shard_placement p using (shardid) where s.logicalrelid = 'notes'::regclass order by s.shardid limit 1";
    let row = sqlx::query(sql)
        .fetch_one(&mut cluster.superuser().await)
        .await
        .unwrap();
    let (name, host, port): (String, String, i32) = (row.get(0), row.get(1), row.get(2));
    let worker = cluster.on(1).host(&host).port(u16::try_from(port).unwrap());
    let mut worker = worker.connect().await.unwrap();
    // A superuser's: shards are changed by the coordinator alone otherwise.
    run(&mut worker, "set citus.enable_manual_changes_to_shards = on").await;
    run(&mut worker, "set citus.enable_ddl_propagation = off").await;
    (name, worker)
}

/// On shards every policy is permissive, whatever the coordinator's catalog says.
#[tokio::test]
async fn a_policy_beside_shows_every_row_and_is_found() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let db = open(&cluster, 1).await;
    seed(&db, &TENANTS).await;
    let mut administrator = cluster.connect().await;
    let application = cluster.application_role();
    for policy in [
        format!("create policy beside on notes for select to {application} using (true)"),
        "create policy beside on notes for select to public using (true)".to_owned(),
        format!("create policy beside on notes as restrictive for select to {application} using (true)"),
    ] {
        run(&mut administrator, &*policy).await;
        assert_eq!(bodies_of(&db, "t1").await.len(), TENANTS.len(), "{policy}");
        let report = verified(&cluster).await;
        let [finding] = report.findings() else {
            panic!("{report}")
        };
        assert_eq!(finding.fault(), PgFault::PolicyBeside);
        assert_eq!(refused(&cluster).await, [PgFault::PolicyBeside]);
        run(&mut administrator, finding.mend()).await;
        assert!(verified(&cluster).await.is_clean());
        assert_eq!(bodies_of(&db, "t1").await, ["of t1"]);
    }
}

/// The policy that the strategy has on one server, beside which the tenant's hides nothing here.
#[tokio::test]
async fn the_policies_of_one_server_are_made_those_of_a_cluster() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let db = open(&cluster, 1).await;
    seed(&db, &TENANTS).await;
    let open_to_all = format!(
        "create policy tenancy_application on notes to {} using (true) with check (true)",
        cluster.application_role()
    );
    run(&mut cluster.connect().await, open_to_all).await;
    assert_eq!(bodies_of(&db, "t1").await.len(), TENANTS.len());
    let found = faults(&verified(&cluster).await);
    assert_eq!(found, [PgFault::PolicyDiffers, PgFault::PolicyBeside]);
    open(&cluster, 1).await;
    assert_eq!(bodies_of(&db, "t1").await, ["of t1"]);
}

#[tokio::test]
async fn one_tampered_shard_of_many_is_found() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let db = open(&cluster, 1).await;
    seed(&db, &TENANTS).await;
    let (shard, mut worker) = a_shard(&cluster).await;
    let application = cluster.application_role();
    let beside = format!("create policy beside on {shard} to {application} using (true)");
    for (tamper, mend) in [
        (beside, format!("drop policy beside on {shard}")),
        (
            format!("alter table {shard} disable row level security"),
            format!("alter table {shard} enable row level security"),
        ),
        (
            format!("alter policy tenancy_tenant on {shard} using (true)"),
            format!(
                "alter policy tenancy_tenant on {shard}
                using (tenant_id = nullif(current_setting('app.tenant_id', true), ''))"
            ),
        ),
    ] {
        run(&mut worker, &*tamper).await;
        let report = verified(&cluster).await;
        let [finding] = report.findings() else {
            panic!("{tamper}: {report}")
        };
        assert_eq!(finding.fault(), PgFault::ShardDiffers);
        assert!(finding.object().starts_with(&format!("{shard} on ")), "{finding}");
        assert_eq!(refused(&cluster).await, [PgFault::ShardDiffers], "{tamper}");
        run(&mut worker, &*mend).await;
        assert!(verified(&cluster).await.is_clean(), "{tamper}");
    }
    // The role is another on that node, for each shard of both tables there.
    for (tamper, mend) in [
        (
            format!("alter role {application} bypassrls"),
            format!("alter role {application} nobypassrls"),
        ),
        (
            format!("alter role {application} set app.tenant_id = 't1'"),
            format!("alter role {application} reset app.tenant_id"),
        ),
        (
            format!("grant {} to {application}", cluster.administrator_role()),
            format!("revoke {} from {application}", cluster.administrator_role()),
        ),
    ] {
        run(&mut worker, &*tamper).await;
        let report = verified(&cluster).await;
        assert!(report.findings().len() > 1, "{tamper}: {report}");
        assert!(
            faults(&report).iter().all(|fault| *fault == PgFault::ShardDiffers),
            "{report}"
        );
        run(&mut worker, &*mend).await;
        assert!(verified(&cluster).await.is_clean(), "{tamper}");
    }
    assert_eq!(bodies_of(&db, "t1").await, ["of t1"]);
}

/// What a statement of `t1` may not write, in every way that Citus writes rows by.
const FORGED: [&str; 6] = [
    "insert into notes (tenant_id, name) values ('t2', 'forged')",
    "insert into notes (tenant_id, name) select 't2', 'forged'",
    "insert into notes (tenant_id, name) select 't2', name || ' forged' from notes",
    "insert into notes (tenant_id, name) select 't2', name || ' forged' from notes limit 1",
    "with made as (select 't2' as id, name from notes) insert into notes (tenant_id, name) select id, 'forged' from made",
    "insert into notes (tenant_id, name) values ('t1', 'own'), ('t2', 'forged')",
];

async fn forge(db: &TenantDb<sqlx::Postgres>) {
    for sql in FORGED {
        let mut tx = db.begin(&tenant("t1")).await.unwrap();
        let code = code(sqlx::raw_sql(sql).execute(&mut *tx).await);
        assert!(["42501", "0A000"].contains(&&*code), "{sql}: {code}");
    }
    let mut tx = db.begin(&tenant("t1")).await.unwrap();
    let copied = async {
        let mut copy = tx.copy_in_raw("copy notes (tenant_id, id, name) from stdin").await?;
        copy.send(&b"t2\t1\tforged\n"[..]).await?;
        copy.finish().await
    };
    assert!(["42501", "0A000"].contains(&&*code(copied.await)));
    drop(tx);
    for id in TENANTS {
        assert_eq!(bodies_of(db, id).await, [format!("of {id}")]);
    }
}

#[tokio::test]
async fn rows_of_another_tenant_are_not_forged() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let db = open(&cluster, 1).await;
    seed(&db, &TENANTS).await;
    forge(&db).await;
}

/// Without a connection to itself, the coordinator writes its own shards past their policies.
#[tokio::test]
async fn nor_on_the_node_that_the_application_connects_to() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let (host, port) = (cluster.on(0).get_host().to_owned(), cluster.on(0).get_port());
    let keeps = |keeps: bool| format!("select citus_set_node_property('{host}', {port}, 'shouldhaveshards', {keeps})");
    run(&mut cluster.superuser().await, keeps(true)).await;
    let allowed = options(&cluster).dangerously_allow_findings().open().await.unwrap();
    let db = TenantDb::new(StrategyRegistry::new().with(allowed).unwrap());
    seed(&db, &TENANTS).await;
    let report = verified(&cluster).await;
    assert_eq!(
        faults(&report),
        [PgFault::LocalShards, PgFault::LocalShards],
        "{report}"
    );
    assert_eq!(refused(&cluster).await, [PgFault::LocalShards, PgFault::LocalShards]);
    forge(&db).await;
    run(&mut cluster.superuser().await, keeps(false)).await;
    run(
        &mut cluster.superuser().await,
        format!("select citus_drain_node('{host}', {port}, 'block_writes')"),
    )
    .await;
    assert!(verified(&cluster).await.is_clean());
    for id in TENANTS {
        assert_eq!(bodies_of(&db, id).await, [format!("of {id}")]);
    }
}

/// A declaration that says nothing of a cluster is not clean on one.
#[tokio::test]
async fn distributed_tables_are_found_without_the_declaration() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    open(&cluster, 1).await;
    let undeclared = tenancy_sqlx::PgRowTables::new(cluster.application_role(), cluster.administrator_role())
        .unwrap()
        .with_table(tenancy_sqlx::PgTenantTable::new("notes").unwrap());
    let report = undeclared.verify(&mut cluster.connect().await).await.unwrap();
    assert!(faults(&report).contains(&PgFault::ClusterUnsupported), "{report}");
    let builder = PgRowStrategy::builder(cluster.server(), undeclared);
    assert!(builder.open().await.is_err());
}
