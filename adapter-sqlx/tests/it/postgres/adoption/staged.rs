//! The statements of the page about adoptions, run as they stand there.

use tenancy_sqlx::PgAdoption;

use crate::postgres::adoption::before_and_after::{
    adopt, as_tenant, before, declared, open, shape, texts, without_tenant,
};
use crate::postgres::support::schema_server::run;

const PAGE: &str = include_str!("../../../../docs/adopting.md");

/// The blocks of SQL of one section.
fn blocks(heading: &str) -> Vec<&'static str> {
    let (_, section) = PAGE.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("```sql\n").skip(1);
    blocks.map(|block| block.split_once("```").unwrap().0).collect()
}

#[tokio::test]
async fn large_tables_are_adopted_in_stages() {
    let blocks = blocks("In stages");
    let (tables, stages) = blocks.split_first().unwrap();
    assert_eq!(stages.len(), 5);
    let rows = "insert into authors values (1, 'a@example.com'); insert into books values (1, 1, 'One')";
    let database = before(&format!("{tables} {rows}")).await;
    let mut administrator = database.connect().await;
    let was = shape(&mut administrator).await;
    let mut written = 1;
    for stage in stages {
        if stage.starts_with("begin;") {
            run(&mut administrator, *stage).await;
        } else {
            // Each by itself: an index that is built beside the others takes no transaction.
            for statement in stage.split_inclusive(";\n") {
                run(&mut administrator, statement).await;
            }
        }
        // The application works on.
        written += 1;
        let sql = format!(
            "insert into authors values ({written}, '{written}'); insert into books values ({written}, {written})"
        );
        run(&mut database.connect().await, sql).await;
    }
    let is = shape(&mut administrator).await;
    assert_eq!(without_tenant(&is, "tenant_id"), was);

    let tables = declared(&database, &["authors", "books"]);
    let adoption: PgAdoption = adopt(&database, &tables).await.unwrap();
    assert!(!adoption.has_changed());
    assert!(adoption.report().is_clean(), "{adoption}");
    assert_eq!(shape(&mut administrator).await, is);
    assert_eq!(
        texts(&mut administrator, "select distinct tenant_id from books").await,
        ["acme"]
    );
    let db = open(&database, tables).await;
    assert_eq!(
        as_tenant(&db, "acme", "select count(*) from books").await.unwrap(),
        ["6"]
    );
    let same =
        "insert into authors values (1, 'a@example.com'); insert into books values (1, 1); select count(*) from books";
    assert_eq!(as_tenant(&db, "globex", same).await.unwrap(), ["1"]);
}

/// The form of an upsert that works before and after.
#[tokio::test]
async fn the_upsert_of_the_page_survives() {
    let tables = blocks("In stages")[0];
    let upsert = blocks("What it cannot see")[0];
    let database = before(&tables.replace("id int primary key", "id serial primary key")).await;
    let mut administrator = database.connect().await;
    run(&mut administrator, upsert).await;
    let tables = declared(&database, &["authors", "books"]);
    adopt(&database, &tables).await.unwrap();
    let db = open(&database, tables).await;
    for tenant in ["acme", "globex", "globex"] {
        let sql = format!("{upsert} select count(*) from authors");
        assert_eq!(as_tenant(&db, tenant, &sql).await.unwrap(), ["1"], "{tenant}");
    }
}
