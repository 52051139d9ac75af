//! The strategy `schema`: tenants' migrations on a cluster.

use std::error::Error;

use tenancy_sqlx::{PgSchemaBuilder, PgSchemaStrategy};

use super::cluster::TestCluster;
use super::schema::placed;
use crate::postgres::support::schema_server::{member, open, provision_error, run};
use crate::postgres::support::server::migrations;

fn with(cluster: &TestCluster, texts: &[&'static str]) -> PgSchemaBuilder {
    PgSchemaStrategy::builder(cluster.server())
        .with_extension_schema("shared")
        .unwrap()
        .with_migrations(migrations(texts))
        .with_citus()
}

/// Everything that a tenant's migrations make on PostgreSQL, and Citus bears.
const ALL: &[&str] = &[
    "create table authors (id bigint generated always as identity primary key, name text not null unique)",
    "create table books (id bigserial primary key, author bigint not null references authors on delete cascade,
        plan text references shared.plans, mood shared.mood not null default 'good', sold date not null default '2024-01-01')",
    "create index on books (author)",
    "-- no-transaction\ncreate index concurrently books_mood on books (mood)",
    "alter table books add column pages int",
    "alter table books add constraint books_pages check (pages > 0)",
    "create view long_books as select * from books where pages > 100",
    "do $$ begin alter table authors add column born date; create index on authors (born); end $$",
    "create table sales (day date not null, amount int) partition by range (day)",
    "create table sales_2024 partition of sales for values from ('2024-01-01') to ('2025-01-01')",
    "insert into authors (name) values ('somebody'), ('nobody')",
];

#[tokio::test]
async fn what_postgresql_alone_has_is_made_on_the_worker() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    let mut administrator = cluster.connect().await;
    for sql in [
        "create schema shared",
        "create type shared.mood as enum ('good', 'bad')",
        "create table shared.plans (name text primary key)",
        "select create_reference_table('shared.plans')",
        "insert into shared.plans values ('free')",
        &format!("grant usage on schema shared to {}", cluster.application_role()),
        &format!("grant select on shared.plans to {}", cluster.application_role()),
    ] {
        run(&mut administrator, sql).await;
    }
    let (db, strategy) = open(with(&cluster, ALL)).await;
    for id in ["acme", "globex"] {
        db.provision(member(id).tenant()).await.unwrap();
        let mut tx = db.begin(&member(id)).await.unwrap();
        let write =
            "insert into books (author, plan, pages) select id, 'free', 200 from authors where name = 'somebody'";
        assert_eq!(sqlx::query(write).execute(&mut *tx).await.unwrap().rows_affected(), 1);
        tx.commit().await.unwrap();
        let mut tx = db.begin_read(&member(id)).await.unwrap();
        let read =
            "select count(*) from long_books b join authors a on a.id = b.author join plans p on p.name = b.plan";
        assert_eq!(sqlx::query_scalar::<_, i64>(read).fetch_one(&mut *tx).await.unwrap(), 1);
        // Five tables and the one that says which migrations have run.
        let tables = placed(&cluster, id).await;
        assert!(matches!(tables[..], [(1.., 5)]), "{tables:?}");
    }
    assert!(strategy.verify().await.unwrap().is_clean());
    strategy
        .dangerously_drop_schema(&"acme".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(placed(&cluster, "acme").await, []);
    assert_eq!(placed(&cluster, "globex").await.len(), 1);
}

#[tokio::test]
async fn several_statements_in_one_file_are_refused_by_name() {
    let Some(cluster) = TestCluster::new().await else {
        return;
    };
    run(&mut cluster.connect().await, "create schema shared").await;
    let two = "create table notes (id int primary key); create index on notes (id)";
    let (db, _) = open(with(&cluster, &[two])).await;
    let error = provision_error(&db, "acme").await;
    assert!(
        error
            .to_string()
            .contains("the migration 1: Citus sends all of its statements"),
        "{error}"
    );
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    assert!(
        causes
            .iter()
            .any(|cause| cause.contains("cannot insert multiple commands")),
        "{causes:?}"
    );
    // A worker's refusal of another kind is what it is.
    let (db, _) = open(with(
        &cluster,
        &["create table notes (id int primary key, check (lower(id) = 1))"],
    ))
    .await;
    let error = provision_error(&db, "globex").await.to_string();
    assert!(!error.contains("Citus sends"), "{error}");
}
