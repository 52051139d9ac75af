//! Citus: the strategy `row` refuses it, and the strategy `schema` is tried where there is a cluster.

use std::env;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions};
use tenancy_sqlx::{
    PgFault, PgFinding, PgRowStrategy, PgRowTables, PgSchemaStrategy, PgServer, PgTenantColumn, PgTenantTable,
    StrategyError, StrategyRegistry, TenantDb,
};

use crate::postgres::support::schema_server::{self, run};
use crate::postgres::support::server::{NOTES, TestDatabase, code, migrations};

const TAGS: &str = "create table tags (tenant_id text not null, id bigint not null, primary key (tenant_id, id))";

fn schema(database: &TestDatabase) -> PgRowTables {
    let tables = ["notes", "tags"].map(|name| PgTenantTable::new(name).unwrap());
    let schema = tables.into_iter().fold(database.schema(), PgRowTables::with_table);
    schema.with_citus().with_reference_table("public", "plans").unwrap()
}

/// Nothing is connected or written: neither server is there.
#[tokio::test]
async fn the_strategy_row_does_not_open() {
    let nowhere = || PgConnectOptions::from_str("postgres://nobody@localhost:1/nowhere").unwrap();
    let with_citus = PgRowTables::new("app", "admin").unwrap().with_citus();
    let by_reference = PgRowTables::new("app", "admin")
        .unwrap()
        .with_reference_table("public", "plans");
    for declared in [with_citus, by_reference.unwrap()] {
        let options =
            PgRowStrategy::builder(PgServer::new(nowhere(), nowhere()), declared).dangerously_allow_findings();
        let error = options.open().await.unwrap_err();
        assert!(matches!(error, StrategyError::ClusterUnsupported), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains("restrictive") && text.contains("use the strategy `schema`"),
            "{text}"
        );
    }
}

/// What is applied in other ways is refused, too, and leaves the tables as they were.
#[tokio::test]
async fn its_declaration_is_not_applied() {
    let database = TestDatabase::new().await;
    let mut administrator = database.connect().await;
    run(&mut administrator, NOTES).await;
    let declared = schema(&database);
    let applied = declared.apply(&mut administrator).await;
    assert!(matches!(applied, Err(StrategyError::ClusterUnsupported)), "{applied:?}");
    let refused = sqlx::raw_sql(AssertSqlSafe(declared.sql()))
        .execute(&mut administrator)
        .await;
    assert_eq!(code(refused), "0A000");
    let adopted = declared.adopt(&"acme".parse().unwrap(), &mut administrator).await;
    assert!(adopted.unwrap_err().to_string().contains("`schema`"));
    let policies: i64 = sqlx::query_scalar("select count(*) from pg_policy")
        .fetch_one(&mut administrator)
        .await
        .unwrap();
    assert_eq!(policies, 0);
}

/// What a cluster's catalog has of it. There is no other machine, so nothing is lost on the way to one.
const STAND_IN: &str = "set allow_system_table_mods = on;
    insert into pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
        values (90000, 'citus', 10, 11, false, '13.0');
    create table pg_catalog.pg_dist_partition (logicalrel regclass, partmethod \"char\", repmodel \"char\");
    grant select on pg_catalog.pg_dist_partition to public";

#[tokio::test]
async fn tables_that_are_on_one_machine_are_found() {
    let database = TestDatabase::new().await;
    let mut administrator = database.connect().await;
    // Writes to the catalog.
    let mut superuser = database.superuser().await;
    let plans = "create table plans (name text primary key)";
    run(&mut administrator, format!("{NOTES}; {TAGS}; {plans}")).await;
    let schema = schema(&database);
    let sql = schema.sql();
    let (_, policies) = sql.split_at(sql.find("alter table").unwrap());
    run(&mut administrator, policies).await;
    let found = async || -> Vec<(PgFault, String)> {
        let report = schema.verify(&mut database.connect().await).await.unwrap();
        let told = |finding: &PgFinding| (finding.fault(), finding.object().replace('"', ""));
        report.findings().iter().map(told).collect()
    };
    // Whatever else there is.
    let unsupported = (PgFault::ClusterUnsupported, "citus".to_owned());
    let missing = (PgFault::ExtensionMissing, "citus".to_owned());
    assert_eq!(found().await, [unsupported.clone(), missing]);
    run(&mut superuser, STAND_IN).await;
    let on_one = |name: &str| (PgFault::TableNotDistributed, format!("public.{name}"));
    let all = [unsupported.clone(), on_one("plans"), on_one("notes"), on_one("tags")];
    assert_eq!(found().await, all);
    // A table that Citus knows, and has on the coordinator alone, is on one machine still.
    let known = "insert into pg_dist_partition values ('notes', 'h', 's'), ('plans', 'n', 't'), ('tags', 'n', 's')";
    run(&mut superuser, known).await;
    assert_eq!(found().await, [unsupported.clone(), on_one("tags")]);
    run(
        &mut superuser,
        "update pg_dist_partition set partmethod = 'h' where logicalrel = 'tags'::regclass",
    )
    .await;
    assert_eq!(found().await, [unsupported]);
}

/// A declaration that says nothing of a cluster is not clean on one.
#[tokio::test]
async fn a_distributed_table_is_found_without_its_declaration() {
    let database = TestDatabase::new().await;
    let mut administrator = database.connect().await;
    run(&mut administrator, format!("{NOTES}; {TAGS}")).await;
    let tables = ["notes", "tags"].map(|name| PgTenantTable::new(name).unwrap());
    let declared = tables.into_iter().fold(database.schema(), PgRowTables::with_table);
    declared.apply(&mut administrator).await.unwrap();
    // Writes to the catalog.
    let mut superuser = database.superuser().await;
    run(&mut superuser, STAND_IN).await;
    assert!(declared.verify(&mut administrator).await.unwrap().is_clean());
    let known = "insert into pg_dist_partition values ('tags', 'h', 's'), ('notes', 'n', 's')";
    run(&mut superuser, known).await;
    let report = declared.verify(&mut administrator).await.unwrap();
    let [finding] = report.findings() else {
        panic!("{report}")
    };
    assert_eq!(
        (finding.fault(), finding.object()),
        (PgFault::ClusterUnsupported, "public.tags")
    );
}

/// The question to a shard is answered for each type of column.
#[tokio::test]
async fn the_setting_is_asked_of_a_shard() {
    for column in [PgTenantColumn::Text, PgTenantColumn::Uuid, PgTenantColumn::BigInt] {
        let database = TestDatabase::new().await;
        let mut administrator = database.connect().await;
        // Writes to the catalog.
        let mut superuser = database.superuser().await;
        let sql_type = column.sql_type();
        let table = format!("create table notes (tenant_id {sql_type} not null)");
        run(&mut administrator, table).await;
        run(&mut superuser, STAND_IN).await;
        run(
            &mut superuser,
            "insert into pg_dist_partition values ('notes', 'h', 's')",
        )
        .await;
        let table = PgTenantTable::new("notes").unwrap();
        let table = table.with_tenant_column("tenant_id", column).unwrap();
        let schema = database.schema().with_table(table).with_citus();
        let sql = schema.sql();
        let (_, policies) = sql.split_at(sql.find("alter table").unwrap());
        run(&mut administrator, policies).await;
        let report = schema.verify(&mut administrator).await.unwrap();
        let found: Vec<_> = report.findings().iter().map(PgFinding::fault).collect();
        assert_eq!(found, [PgFault::ClusterUnsupported], "{report}");
    }
}

/// `TENANCY_CITUS_URL` is the administrator's, of an empty database with the extension.
#[tokio::test]
async fn schemas_on_a_cluster() {
    let Ok(url) = env::var("TENANCY_CITUS_URL") else {
        println!("NOT TESTED on Citus: TENANCY_CITUS_URL names no cluster");
        return;
    };
    let administrator = PgConnectOptions::from_str(&url).unwrap();
    let mut connection = administrator.connect().await.unwrap();
    let role = format!("tenancy_citus_{}", std::process::id());
    run(
        &mut connection,
        format!("create role {role} login password 'only for tests'"),
    )
    .await;
    let application = administrator.clone().username(&role).password("only for tests");
    let by_schema = PgSchemaStrategy::builder(PgServer::new(application, administrator))
        .with_migrations(migrations(&[
            "create table notes (name text primary key, body text not null default '')",
        ]))
        .with_citus();
    let registry = StrategyRegistry::new().with(by_schema.open().await.unwrap()).unwrap();
    let db = TenantDb::new(registry);
    for id in ["acme", "globex"] {
        schema_server::provision_with_note(&db, id).await;
    }
    for id in ["acme", "globex"] {
        assert_eq!(schema_server::notes_of(&db, id).await, [format!("of {id}")]);
    }
    db.close().await;
    let sql = format!("drop schema tenant_acme, tenant_globex cascade; drop owned by {role}; drop role {role}");
    run(&mut connection, sql).await;
}
