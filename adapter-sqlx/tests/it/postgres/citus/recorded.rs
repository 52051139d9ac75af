//! What a coordinator's catalog has, as it was written down on Citus 13.2.2: for a server that is none.

use tenancy_sqlx::{PgFault, PgFinding, PgRowTables, PgTenantTable};

use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::{NOTES, TestDatabase};

/// Of three tables distributed by a column, copied to each node, and added as local ones.
const CATALOG: &str = r#"set allow_system_table_mods = on;
    create table pg_catalog.pg_dist_partition (
        logicalrelid regclass not null,
        partmethod "char" not null,
        partkey text,
        colocationid integer not null default 0,
        repmodel "char" not null default 'c',
        autoconverted boolean default false
    );
    grant select on pg_catalog.pg_dist_partition to public;
    insert into pg_catalog.pg_dist_partition values
        ('notes', 'h', '{VAR :varno 1 :varattno 1 :vartype 25 :vartypmod -1 :varcollid 100 :varlevelsup 0 :varnosyn 1 :varattnosyn 1 :location -1}', 5, 's', false),
        ('tags', 'n', null, 4, 't', false),
        ('links', 'n', null, 0, 's', false)"#;

/// A declaration that says nothing of a cluster is not clean on one.
#[tokio::test]
async fn a_distributed_table_is_found_without_its_declaration() {
    let database = TestDatabase::new().await;
    let mut administrator = database.connect().await;
    run(&mut administrator, NOTES).await;
    for name in ["tags", "links"] {
        let sql = format!("create table {name} (tenant_id text not null, id int, primary key (tenant_id, id))");
        run(&mut administrator, sql).await;
    }
    let tables = ["notes", "tags", "links"].map(|name| PgTenantTable::new(name).unwrap());
    let declared = tables.into_iter().fold(database.schema(), PgRowTables::with_table);
    declared.apply(&mut administrator).await.unwrap();
    assert!(declared.verify(&mut administrator).await.unwrap().is_clean());
    // Writes to the catalog.
    run(&mut database.superuser().await, CATALOG).await;
    let report = declared.verify(&mut administrator).await.unwrap();
    let told = |finding: &PgFinding| (finding.fault(), finding.object().to_owned());
    let found: Vec<(PgFault, String)> = report.findings().iter().map(told).collect();
    let on_cluster = |name: &str| (PgFault::ClusterUnsupported, format!("public.{name}"));
    assert_eq!(found, [on_cluster("notes"), on_cluster("tags")]);
}

#[test]
fn the_sql_for_a_cluster_is_blocks_alone_and_its_policies_are_permissive() {
    let tables = ["notes", "tags"].map(|name| PgTenantTable::new(name).unwrap());
    let declared = tables
        .into_iter()
        .fold(PgRowTables::new("app", "admin").unwrap(), PgRowTables::with_table);
    let sql = declared
        .with_citus()
        .with_reference_table("public", "plans")
        .unwrap()
        .sql();
    let outside: String = sql.split("$tenancy$").step_by(2).collect();
    let outside = outside.split('\'').next().unwrap();
    assert_eq!(outside, "do ;\ndo ;\ndo ");
    for (text, is_there) in [
        ("as restrictive", false),
        ("(select nullif", false),
        (" force row level security;", true),
        ("no force row level security;", true),
        ("using (true)", true),
        ("create policy tenancy_application", false),
        ("create policy tenancy_tenant", true),
        ("create_reference_table", true),
    ] {
        assert_eq!(sql.contains(text), is_there, "{text}: {sql}");
    }
    assert_eq!(sql.matches(" force row level security").count(), 2);
    // Refused on a table that is distributed, so it is written before that or not at all.
    let default = r#"if not exists (select from pg_dist_partition where logicalrelid = guarded) then
        alter table "public"."notes" alter column "tenant_id" set default "#;
    assert!(sql.contains(default), "{sql}");
    assert_eq!(sql.matches("set default").count(), 2);
}
