//! The dialect for Citus: its text, its policies on a plain server, and all of it where there is a cluster.

use std::env;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions};
use tenancy_sqlx::{PgRowSchema, PgRowStrategy, PgSchemaStrategy, PgTenantTable, StrategyRegistry, TenantDb};

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
    let row = PgRowStrategy::options(declared, application.clone(), administrator.clone())
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
    seed(&db, &["acme", "globex"]).await;
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
        "drop schema tenant_acme, tenant_globex cascade; drop table notes, _sqlx_migrations; drop owned by {role}; drop role {role}"
    );
    run(&mut connection, sql).await;
}
