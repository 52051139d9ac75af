//! The dialect for Citus: its text, its policies on a plain server, and all of it where there is a cluster.

use std::env;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions};
use tenancy_sqlx::{
    PgFault, PgFinding, PgRowSchema, PgRowStrategy, PgSchemaStrategy, PgTenantColumn, PgTenantTable, StrategyRegistry,
    TenantDb,
};

use crate::schema_server::{self, run};
use crate::server::{NOTES, TestDatabase, bodies, bodies_of, code, migrations, seed, tenant};

const TAGS: &str = "create table tags (tenant_id text not null, id bigint not null, primary key (tenant_id, id))";

fn schema(database: &TestDatabase) -> PgRowSchema {
    let tables = ["notes", "tags"].map(|name| PgTenantTable::new(name).unwrap());
    let schema = tables.into_iter().fold(database.schema(), PgRowSchema::with_table);
    schema.with_citus().with_reference_table("public", "plans").unwrap()
}

#[tokio::test]
async fn tables_are_distributed_before_they_are_guarded() {
    let database = TestDatabase::new().await;
    let sql = schema(&database).sql();
    let distribution = r#"
select create_reference_table('"public"."plans"') where not exists (select from pg_dist_partition where logicalrel = '"public"."plans"'::regclass);
select create_distributed_table('"public"."notes"', 'tenant_id', colocate_with => 'none') where not exists (select from pg_dist_partition where logicalrel = '"public"."notes"'::regclass);
select create_distributed_table('"public"."tags"', 'tenant_id', colocate_with => '"public"."notes"') where not exists (select from pg_dist_partition where logicalrel = '"public"."tags"'::regclass);
alter table "public"."notes""#;
    assert!(sql.contains(distribution), "{sql}");
    assert!(
        !sql.contains("(select nullif"),
        "Citus refuses sub-selects in policies: {sql}"
    );
}

#[tokio::test]
async fn a_server_without_citus_says_so() {
    let database = TestDatabase::new().await;
    let mut administrator = database.connect().await;
    run(&mut administrator, NOTES).await;
    let refused = sqlx::raw_sql(AssertSqlSafe(schema(&database).sql()))
        .execute(&mut administrator)
        .await;
    assert_eq!(code(refused), "0A000");
}

/// The policies keep rows apart on a plain server as well, without a sub-select.
#[tokio::test]
async fn its_policies_keep_rows_apart() {
    let database = TestDatabase::new().await;
    let mut administrator = database.connect().await;
    run(&mut administrator, format!("{NOTES}; {TAGS}")).await;
    let sql = schema(&database).sql();
    let (_, policies) = sql.split_at(sql.find("alter table").unwrap());
    run(&mut administrator, policies).await;
    let mut application = database.application().connect().await.unwrap();
    for id in ["acme", "globex"] {
        let sql = format!(
            "begin; set local app.tenant_id = '{id}'; insert into notes (name, body) values ('n', 'of {id}'); commit"
        );
        run(&mut application, sql).await;
    }
    for (bound, seen) in [("acme", &["of acme"][..]), ("globex", &["of globex"]), ("", &[])] {
        run(&mut application, format!("begin; set local app.tenant_id = '{bound}'")).await;
        assert_eq!(bodies(&mut application).await, seen);
        let forged = "insert into notes (tenant_id, name) values ('other', 'forged')";
        assert_eq!(code(sqlx::raw_sql(forged).execute(&mut application).await), "42501");
        run(&mut application, "rollback").await;
    }
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
    assert_eq!(found().await, [(PgFault::ExtensionMissing, "citus".to_owned())]);
    run(&mut superuser, STAND_IN).await;
    let on_one = |name: &str| (PgFault::TableNotDistributed, format!("public.{name}"));
    assert_eq!(found().await, ["plans", "notes", "tags"].map(on_one));
    // A table that Citus knows, and has on the coordinator alone, is on one machine still.
    let known = "insert into pg_dist_partition values ('notes', 'h', 's'), ('plans', 'n', 't'), ('tags', 'n', 's')";
    run(&mut superuser, known).await;
    assert_eq!(found().await, [on_one("tags")]);
    run(
        &mut superuser,
        "update pg_dist_partition set partmethod = 'h' where logicalrel = 'tags'::regclass",
    )
    .await;
    assert_eq!(found().await, []);
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
        assert!(report.is_clean(), "{report}");
    }
}

/// `TENANCY_CITUS_URL` is the administrator's, of an empty database with the extension.
#[tokio::test]
async fn rows_and_schemas_on_a_cluster() {
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
    let declared = PgRowSchema::new(&role, administrator.get_username())
        .unwrap()
        .with_table(PgTenantTable::new("notes").unwrap())
        .with_citus();
    // A distributed table has no identity column.
    let notes = "create table notes (tenant_id text not null, name text not null, body text not null default '',
        primary key (tenant_id, name))";
    let row = PgRowStrategy::options(declared.clone(), application.clone(), administrator.clone())
        .with_migrations(migrations(&[notes]))
        .with_max_connections(1);
    let by_schema = PgSchemaStrategy::options(&role, application, administrator)
        .unwrap()
        .with_migrations(migrations(&[
            "create table notes (name text primary key, body text not null default '')",
        ]))
        .with_citus();
    let registry = StrategyRegistry::new()
        .with(row.open().await.unwrap())
        .unwrap()
        .with(by_schema.open().await.unwrap())
        .unwrap();
    let db = TenantDb::new(registry);
    // The tables were empty then; what a shard answers does not depend on what it has.
    seed(&db, &["acme", "globex"]).await;
    let report = declared.verify(&mut connection).await.unwrap();
    assert!(report.is_clean(), "{report}");
    run(
        &mut connection,
        "create table lonely (tenant_id text not null primary key)",
    )
    .await;
    let lonely = declared.with_table(PgTenantTable::new("lonely").unwrap());
    let report = lonely.verify(&mut connection).await.unwrap();
    let found = |finding: &PgFinding| finding.fault() == PgFault::TableNotDistributed;
    assert!(report.findings().iter().any(found), "{report}");
    for _ in 0..3 {
        assert_eq!(bodies_of(&db, "acme").await, ["of acme"]);
        assert_eq!(bodies_of(&db, "globex").await, ["of globex"]);
    }
    let mut tx = db.begin(&tenant("acme")).await.unwrap();
    let forged = "insert into notes (tenant_id, name) values ('globex', 'forged')";
    assert_eq!(code(sqlx::raw_sql(forged).execute(&mut *tx).await), "42501");
    drop(tx);
    for id in ["acme", "globex"] {
        schema_server::provision_with_note(&db, id).await;
    }
    for id in ["acme", "globex"] {
        assert_eq!(schema_server::notes_of(&db, id).await, [format!("of {id}")]);
    }
    db.close().await;
    let sql = format!(
        "drop schema tenant_acme, tenant_globex cascade; drop table notes, lonely, _sqlx_migrations; drop owned by {role}; drop role {role}"
    );
    run(&mut connection, sql).await;
}
