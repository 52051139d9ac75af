//! The strategy `row` on a cluster: what it promises.

use sqlx::{AssertSqlSafe, PgConnection, Postgres};
use tenancy_sqlx::{
    PgRowBuilder, PgRowStrategy, PgRowTables, PgServer, PgTenantTable, PoolSettings, StrategyRegistry, TenantDb,
};

use super::cluster::TestCluster;
use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::{NOTES, bodies_of, code, migrations, seed, tenant};

/// Each refers to the one before, and all to a table that is everybody's.
pub(in crate::postgres::citus) const TABLES: [&str; 3] = [
    "create table plans (name text primary key)",
    NOTES,
    "create table tags (tenant_id text not null, id bigint generated always as identity, note text not null,
        plan text references plans, primary key (tenant_id, id),
        foreign key (tenant_id, note) references notes (tenant_id, name) on delete cascade)",
];

pub(in crate::postgres::citus) fn declared(cluster: &TestCluster) -> PgRowTables {
    declare(cluster.schema())
}

pub(in crate::postgres::citus) fn declare(tables: PgRowTables) -> PgRowTables {
    // Not in the order in which they can be distributed.
    let declared = ["tags", "notes"].map(|name| PgTenantTable::new(name).unwrap());
    let declared = declared.into_iter().fold(tables, PgRowTables::with_table);
    declared.with_reference_table("public", "plans").unwrap()
}

pub(in crate::postgres::citus) fn options(cluster: &TestCluster) -> PgRowBuilder {
    options_for(cluster.server(), declared(cluster))
}

pub(in crate::postgres::citus) fn options_for(server: PgServer, declared: PgRowTables) -> PgRowBuilder {
    PgRowStrategy::builder(server, declared).with_migrations(migrations(&TABLES))
}

pub(in crate::postgres::citus) async fn open(cluster: &TestCluster, max: usize) -> TenantDb<Postgres> {
    let row = options(cluster)
        .with_pool(PoolSettings::new().with_max_connections(max))
        .open()
        .await
        .unwrap();
    TenantDb::new(StrategyRegistry::new().with(row).unwrap())
}

/// How many tasks the query is for the coordinator.
async fn tasks(connection: &mut PgConnection, sql: &str) -> i64 {
    let explain = sqlx::query_scalar(AssertSqlSafe(format!("explain {sql}")));
    let plan: Vec<String> = explain.fetch_all(connection).await.unwrap();
    let count = plan.iter().find_map(|line| line.trim().strip_prefix("Task Count: "));
    count.unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_forgotten_where_returns_the_tenant_s_rows() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let db = open(&cluster, 2).await;
    let tenants: Vec<String> = (0..12).map(|number| format!("t{number}")).collect();
    let names: Vec<&str> = tenants.iter().map(String::as_str).collect();
    seed(&db, &names).await;
    for id in &names {
        assert_eq!(bodies_of(&db, id).await, [format!("of {id}")]);
    }
    let mut tx = db.begin(&tenant("t1")).await.unwrap();
    let foreign = "insert into notes (tenant_id, name) values ('t2', 'forged')";
    assert_eq!(code(sqlx::raw_sql(foreign).execute(&mut *tx).await), "42501");
    drop(tx);
    for sql in ["update notes set body = 'x'", "delete from notes"] {
        let mut tx = db.begin(&tenant("t1")).await.unwrap();
        assert_eq!(
            sqlx::raw_sql(sql).execute(&mut *tx).await.unwrap().rows_affected(),
            1,
            "{sql}"
        );
        tx.commit().await.unwrap();
    }
    assert_eq!(bodies_of(&db, "t1").await, [""; 0]);
    assert_eq!(bodies_of(&db, "t2").await, ["of t2"]);
    // Nobody's transaction sees anything.
    let mut application = sqlx::ConnectOptions::connect(&cluster.application()).await.unwrap();
    let count: i64 = sqlx::query_scalar("select count(*) from notes")
        .fetch_one(&mut application)
        .await
        .unwrap();
    assert_eq!(count, 0);
    db.close().await;
}

#[tokio::test]
async fn opened_again_it_writes_nothing() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let db = open(&cluster, 1).await;
    seed(&db, &["acme"]).await;
    db.close().await;
    let mut administrator = cluster.connect().await;
    let report = declared(&cluster).verify(&mut administrator).await.unwrap();
    assert!(report.is_clean(), "{report}");
    let before = newest_in_catalog(&mut administrator).await;
    let db = open(&cluster, 1).await;
    assert_eq!(bodies_of(&db, "acme").await, ["of acme"]);
    assert_eq!(newest_in_catalog(&mut administrator).await, before);
    run(&mut administrator, "alter table notes add column due date").await;
    assert!(newest_in_catalog(&mut administrator).await > before);
}

/// The last transaction that wrote to the catalog of this database, whatever others do beside it in theirs.
async fn newest_in_catalog(connection: &mut PgConnection) -> i64 {
    let sql = "select max(xmin::text::int8) from (select xmin from pg_class union all select xmin from pg_attribute
        union all select xmin from pg_attrdef union all select xmin from pg_policy union all select xmin from pg_constraint
        union all select xmin from pg_index union all select xmin from pg_namespace union all select xmin from pg_proc
        union all select xmin from pg_dist_partition union all select xmin from pg_dist_shard) as written";
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

/// What a migration says by hand is what `open` does.
#[tokio::test]
async fn the_sql_is_one_message_and_can_be_run_again() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let mut administrator = cluster.connect().await;
    for table in TABLES {
        run(&mut administrator, table).await;
    }
    for _ in 0..2 {
        run(&mut administrator, declared(&cluster).sql()).await;
        let report = declared(&cluster).verify(&mut administrator).await.unwrap();
        assert!(report.is_clean(), "{report}");
    }
    let db = open_without_migrations(&cluster).await;
    seed(&db, &["acme", "globex"]).await;
    assert_eq!(bodies_of(&db, "acme").await, ["of acme"]);
}

pub(in crate::postgres::citus) async fn open_without_migrations(cluster: &TestCluster) -> TenantDb<Postgres> {
    let row = PgRowStrategy::builder(cluster.server(), declared(cluster))
        .open()
        .await
        .unwrap();
    TenantDb::new(StrategyRegistry::new().with(row).unwrap())
}

/// The policy's own comparison is not known to the coordinator as one with a constant.
#[tokio::test]
async fn a_query_that_names_the_tenant_goes_to_one_shard() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let db = open(&cluster, 1).await;
    let mut tx = db.begin_read(&tenant("acme")).await.unwrap();
    assert!(tasks(&mut tx, "select * from notes").await > 1);
    assert_eq!(tasks(&mut tx, "select * from notes where tenant_id = 'acme'").await, 1);
}
