//! The strategy `row` on a cluster: tables that are there already.

use sqlx::{AssertSqlSafe, PgConnection};
use tenancy_core::names::TenantId;
use tenancy_sqlx::{PgFault, PgFinding, PgRowStrategy, PgRowTables, PgSeverity, PgTenantTable, StrategyError};

use super::cluster::TestCluster;
use super::row::{TABLES, declared, open, open_without_migrations, options};
use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::{NOTES, TestDatabase, bodies_of, migrations, seed, tenant};

async fn distributed(connection: &mut PgConnection) -> Vec<(String, String)> {
    let sql = "select logicalrelid::text, coalesce(column_to_column_name(logicalrelid, partkey), '')
        from pg_dist_partition order by 1";
    sqlx::query_as(sql).fetch_all(connection).await.unwrap()
}

fn all() -> Vec<(String, String)> {
    [("notes", "tenant_id"), ("plans", ""), ("tags", "tenant_id")]
        .map(|(table, column)| (table.to_owned(), column.to_owned()))
        .to_vec()
}

/// The policies of one server cannot be on a distributed table: they go in the transaction that distributes it.
#[tokio::test]
async fn a_service_of_one_server_moves_to_a_cluster_with_its_rows() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let plain = ["tags", "notes"].map(|name| PgTenantTable::new(name).unwrap());
    let plain = plain.into_iter().fold(
        PgRowTables::new(cluster.application_role(), cluster.administrator_role()).unwrap(),
        PgRowTables::with_table,
    );
    let row = PgRowStrategy::builder(cluster.server(), plain).with_migrations(migrations(&TABLES));
    let registry = tenancy_sqlx::StrategyRegistry::new()
        .with(row.open().await.unwrap())
        .unwrap();
    let before = tenancy_sqlx::TenantDb::new(registry);
    seed(&before, &["acme", "globex"]).await;
    let db = open(&cluster, 1).await;
    let mut administrator = cluster.connect().await;
    assert_eq!(distributed(&mut administrator).await, all());
    for id in ["acme", "globex"] {
        assert_eq!(bodies_of(&db, id).await, [format!("of {id}")]);
    }
    let report = declared(&cluster).verify(&mut administrator).await.unwrap();
    assert!(report.is_clean(), "{report}");
}

#[tokio::test]
async fn tables_without_tenants_are_adopted_and_distributed() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let mut administrator = cluster.connect().await;
    for sql in [
        "create table plans (name text primary key)",
        "create table notes (id bigint generated always as identity primary key, name text not null unique,
            body text not null default '')",
        "create table tags (id bigint primary key, note text not null references notes (name), plan text references plans)",
        "insert into plans values ('free')",
        "insert into notes (name, body) values ('first', 'of acme')",
        "insert into tags values (1, 'first', 'free')",
    ] {
        run(&mut administrator, sql).await;
    }
    let first: TenantId = "acme".parse().unwrap();
    for changed in [true, false] {
        let adopted = declared(&cluster).adopt(&first, &mut administrator).await.unwrap();
        assert_eq!(adopted.has_changed(), changed);
        assert!(adopted.report().is_clean(), "{}", adopted.report());
        assert_eq!(distributed(&mut administrator).await, all());
    }
    let db = open_without_migrations(&cluster).await;
    seed(&db, &["globex"]).await;
    for id in ["acme", "globex"] {
        assert_eq!(bodies_of(&db, id).await, [format!("of {id}")]);
    }
    let script = declared(&cluster)
        .adoption_sql(&first, &mut administrator)
        .await
        .unwrap();
    run(&mut administrator, script).await;
}

/// Distributed by hand, its column may be null by the catalog, and is never: Citus refuses to update it.
#[tokio::test]
async fn the_distribution_column_is_not_filled_again() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let mut administrator = cluster.connect().await;
    run(
        &mut administrator,
        "create table notes (tenant_id text, name text, body text not null default '')",
    )
    .await;
    run(
        &mut administrator,
        "select create_distributed_table('notes', 'tenant_id')",
    )
    .await;
    run(
        &mut administrator,
        "insert into notes values ('acme', 'first', 'of acme')",
    )
    .await;
    let notes = cluster.schema().with_table(PgTenantTable::new("notes").unwrap());
    let adopted = notes.adopt(&"acme".parse().unwrap(), &mut administrator).await.unwrap();
    let [finding] = adopted.report().findings() else {
        panic!("{}", adopted.report())
    };
    // It can be set no more, and inserts must name the tenant.
    assert_eq!(finding.fault(), PgFault::DefaultMissing);
    assert_eq!(finding.fault().severity(), PgSeverity::Notice);
    let row = PgRowStrategy::builder(cluster.server(), notes).open().await.unwrap();
    let db = tenancy_sqlx::TenantDb::new(tenancy_sqlx::StrategyRegistry::new().with(row).unwrap());
    assert_eq!(bodies_of(&db, "acme").await, ["of acme"]);
    assert_eq!(bodies_of(&db, "globex").await, [""; 0]);
    let mut tx = db.begin(&tenant("globex")).await.unwrap();
    let named = "insert into notes (tenant_id, name) values ('globex', 'first')";
    sqlx::raw_sql(named).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(bodies_of(&db, "globex").await, [""]);
}

/// A reference table makes Citus take over the local tables beside it, which could not be distributed afterwards.
#[tokio::test]
async fn a_reference_table_leaves_its_neighbours_alone() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let mut administrator = cluster.connect().await;
    for table in TABLES {
        run(&mut administrator, table).await;
    }
    let beside = "create table prices (plan text primary key references plans, amount int)";
    run(&mut administrator, beside).await;
    run(&mut administrator, declared(&cluster).sql()).await;
    // The price list is nobody's to distribute.
    assert_eq!(distributed(&mut administrator).await, all());
}

#[tokio::test]
async fn a_table_distributed_by_another_column_is_found() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let mut administrator = cluster.connect().await;
    run(
        &mut administrator,
        "create table notes (tenant_id text not null, id bigint)",
    )
    .await;
    run(&mut administrator, "select create_distributed_table('notes', 'id')").await;
    let notes = cluster.schema().with_table(PgTenantTable::new("notes").unwrap());
    let Err(StrategyError::UnsafeDatabase(report)) = PgRowStrategy::builder(cluster.server(), notes).open().await
    else {
        panic!("it opened")
    };
    let told = |finding: &PgFinding| (finding.fault(), finding.mend().to_owned());
    let found: Vec<_> = report.findings().iter().map(told).collect();
    assert!(
        found.contains(&(PgFault::TableNotDistributed, String::new())),
        "{report}"
    );
}

#[tokio::test]
async fn a_declared_column_of_each_type_is_distributed() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let mut administrator = cluster.connect().await;
    use tenancy_sqlx::PgTenantColumn::{BigInt, Integer, SmallInt, Text, Uuid};
    let id = "5f3a1c9e-0000-4000-8000-000000000001";
    for (number, (column, sql_type, id)) in [
        (Text, "text", "acme"),
        (Text, "varchar(40)", "acme"),
        (Uuid, "uuid", id),
        (SmallInt, "smallint", "7"),
        (Integer, "integer", "7"),
        (BigInt, "bigint", "7"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("notes_{number}");
        run(
            &mut administrator,
            format!("create table {name} (owner {sql_type} not null, body text)"),
        )
        .await;
        let table = PgTenantTable::new(&name)
            .unwrap()
            .with_tenant_column("owner", column)
            .unwrap();
        let declared = cluster.schema().with_table(table);
        let row = PgRowStrategy::builder(cluster.server(), declared.clone())
            .open()
            .await
            .unwrap();
        let db = tenancy_sqlx::TenantDb::new(tenancy_sqlx::StrategyRegistry::new().with(row).unwrap());
        let mut tx = db.begin(&tenant(id)).await.unwrap();
        let insert = AssertSqlSafe(format!("insert into {name} (body) values ('mine')"));
        sqlx::raw_sql(insert).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = db.begin_read(&tenant(id)).await.unwrap();
        let count = sqlx::query_scalar::<_, i64>(AssertSqlSafe(format!("select count(*) from {name}")));
        assert_eq!(count.fetch_one(&mut *tx).await.unwrap(), 1, "{sql_type}");
        drop(tx);
        db.close().await;
        let report = declared.verify(&mut administrator).await.unwrap();
        assert!(report.is_clean(), "{report}");
        // Of another kind than those that are next.
        run(&mut administrator, format!("drop table {name}")).await;
    }
}

/// Neither opened nor applied.
#[tokio::test]
async fn a_database_that_is_no_cluster_is_refused() {
    let database = TestDatabase::new().await;
    let mut administrator = database.connect().await;
    run(&mut administrator, NOTES).await;
    let declared = database
        .schema()
        .with_citus()
        .with_table(PgTenantTable::new("notes").unwrap());
    let missing = |result: Result<(), StrategyError>| {
        let Err(StrategyError::UnsafeDatabase(report)) = result else {
            panic!("{result:?}")
        };
        assert_eq!(
            report.findings().iter().map(PgFinding::fault).collect::<Vec<_>>(),
            [PgFault::ExtensionMissing]
        );
    };
    missing(declared.apply(&mut administrator).await);
    let builder = PgRowStrategy::builder(database.server(), declared.clone());
    missing(builder.open().await.map(drop));
    let report = declared.verify(&mut administrator).await.unwrap();
    missing(Err(report.into()));
    assert!(
        sqlx::raw_sql(AssertSqlSafe(declared.sql()))
            .execute(&mut administrator)
            .await
            .is_err()
    );
    let policies: i64 = sqlx::query_scalar("select count(*) from pg_policy")
        .fetch_one(&mut administrator)
        .await
        .unwrap();
    assert_eq!(policies, 0);
}

#[tokio::test]
async fn several_statements_in_one_migration_are_refused_by_name() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    open(&cluster, 1).await;
    let two = "alter table notes add column due date; create index on notes (due)";
    let with_two = migrations(&[TABLES[0], TABLES[1], TABLES[2], two]);
    let error = options(&cluster)
        .with_migrations(with_two)
        .open()
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("the migration 4: Citus sends all of its statements"),
        "{error}"
    );
}

/// Whether rows are kept apart is decided on the shards, which only the administrator may look at.
#[tokio::test]
async fn the_application_alone_does_not_open() {
    let database = TestDatabase::new().await;
    run(&mut database.connect().await, NOTES).await;
    let server = tenancy_sqlx::PgServer::application_only(database.application());
    let declared = server
        .row_tables()
        .unwrap()
        .with_citus()
        .with_table(PgTenantTable::new("notes").unwrap());
    let opened = PgRowStrategy::builder(server, declared).open().await;
    assert!(
        matches!(opened, Err(StrategyError::NeedsAdministrator { .. })),
        "{opened:?}"
    );
}
