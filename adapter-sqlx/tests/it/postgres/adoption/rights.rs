//! After an adoption the application can work.

use crate::postgres::adoption::before_and_after::{adopt, as_tenant, before, declared, open};
use crate::postgres::support::schema_server::run;

/// Sequences of each kind, some of which others have rights to.
const SEQUENCES: &str = "
create sequence shared_numbers; create schema numbers; create sequence numbers.more;
create function next_number() returns bigint language sql begin atomic select nextval('shared_numbers'); end;
create table serials (id serial primary key, big bigserial, body text);
create table identities (id bigint generated always as identity primary key, body text);
create table defaults (id bigint primary key default nextval('shared_numbers'), other bigint default nextval('numbers.more'), body text);
create table functions (id bigint primary key default next_number(), body text);
create table partitioned (id bigserial, at int default 1, body text, primary key (id, at)) partition by range (at);
create table partitioned_one partition of partitioned for values from (1) to (2);
create schema \"Apart\"; create table \"Apart\".serials (id serial primary key, body text);
";

const NAMES: &[&str] = &["serials", "identities", "defaults", "functions", "partitioned"];

#[tokio::test]
async fn rows_can_be_inserted() {
    for others in [
        "",
        // As dumps have it: rights of other roles, which are not the application's.
        "grant usage on all sequences in schema public, numbers, \"Apart\" to pg_monitor;
            grant select on all tables in schema public, \"Apart\" to pg_monitor;
            grant usage on schema \"Apart\" to pg_monitor",
        "revoke all on all sequences in schema public, numbers, \"Apart\" from public;
            revoke all on all tables in schema public, \"Apart\" from public; revoke all on schema \"Apart\" from public",
    ] {
        let database = before(&format!("{SEQUENCES} {others}")).await;
        let apart = tenancy_sqlx::PgTenantTable::new("serials").unwrap().with_schema("Apart").unwrap();
        let tables = declared(&database, NAMES).with_table(apart);
        let adoption = adopt(&database, &tables).await.unwrap();
        assert!(adoption.report().is_clean(), "{others}: {adoption}");
        let db = open(&database, tables).await;
        for name in NAMES.iter().chain(&["\"Apart\".serials"]) {
            let sql = format!("insert into {name} (body) values ('one'), ('two'); select count(*) from {name}");
            assert_eq!(as_tenant(&db, "globex", &sql).await.unwrap(), ["2"], "{name} with {others}");
        }
    }
}

/// What an operator revokes after the adoption stays revoked.
#[tokio::test]
async fn nothing_is_granted_again() {
    let database = before(SEQUENCES).await;
    let tables = declared(&database, NAMES);
    adopt(&database, &tables).await.unwrap();
    let revoked = database.named("revoke delete on serials from APP; revoke all on sequence serials_id_seq from APP");
    run(&mut database.connect().await, revoked).await;
    let adoption = adopt(&database, &tables).await.unwrap();
    assert!(!adoption.has_changed());
    assert_eq!(adoption.report().findings().len(), 2, "{adoption}");
    assert!(adoption.report().is_safe());
}
