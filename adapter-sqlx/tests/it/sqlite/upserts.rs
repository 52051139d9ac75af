//! An upsert that does not know the strategy, as `docs/isolation.md` has it.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use sqlx::Sqlite;
use tempfile::tempdir;
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::{SqliteDatabaseStrategy, SqliteRowStrategy, StrategyRegistry, TenantDb, TenantTable};

use crate::common::*;

const PAGE: &str = include_str!("../../../docs/isolation.md");

/// The block behind a recipe's name.
fn recipe(name: &str) -> &'static str {
    let (_, behind) = PAGE.split_once(&format!("<!-- recipe: {name} -->\n```sql\n")).unwrap();
    behind.split_once("\n```").unwrap().0
}

async fn upsert(db: &TenantDb<Sqlite>, tenant: &Admitted, email: &str, name: &str) {
    let mut tx = db.begin(tenant).await.unwrap();
    for statement in [recipe("update"), recipe("insert")] {
        sqlx::query(statement)
            .bind(email)
            .bind(name)
            .execute(&mut *tx)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn one_upsert_works_under_every_strategy() {
    let dir = tempdir().unwrap();
    let row = SqliteRowStrategy::builder(dir.path().join("rows.sqlite"))
        .with_migrations(migrations(&[
            "create table contacts_rows (tenant_id text not null, email text not null,
            name text not null, phone text, primary key (tenant_id, email))",
        ]))
        .with_table(TenantTable::new("contacts", "contacts_rows").unwrap())
        .open()
        .await
        .unwrap();
    let own = SqliteDatabaseStrategy::builder(dir.path().join("tenants"))
        .with_migrations(migrations(&[
            "create table contacts (email text not null primary key, name text not null, phone text)",
        ]))
        .open()
        .await
        .unwrap();
    let db = TenantDb::new(StrategyRegistry::new().with(row).unwrap().with(own).unwrap());
    for strategy in ["row", "database"] {
        let (acme, globex) = (
            admitted(&format!("{strategy}-a"), strategy),
            admitted(&format!("{strategy}-b"), strategy),
        );
        for tenant in [&acme, &globex] {
            db.provision(tenant.tenant()).await.unwrap();
        }
        upsert(&db, &globex, "a@example.com", "of globex").await;
        upsert(&db, &acme, "a@example.com", "first").await;
        let mut tx = db.begin(&acme).await.unwrap();
        run(&mut tx, "update contacts set phone = '1'").await.unwrap();
        tx.commit().await.unwrap();
        upsert(&db, &acme, "a@example.com", "second").await;
        upsert(&db, &acme, "b@example.com", "other").await;

        let all = "select email || ' ' || name || ' ' || coalesce(phone, '-') from contacts order by email";
        let mut tx = db.begin(&acme).await.unwrap();
        // What is not given stays, which `insert or replace` would lose.
        assert_eq!(
            texts(&mut tx, all).await,
            ["a@example.com second 1", "b@example.com other -"],
            "{strategy}"
        );
        let upsert = "insert into contacts (email, name) values ('a@example.com', 'x') on conflict (email) do nothing";
        assert_eq!(run(&mut tx, upsert).await.is_err(), strategy == "row");
        drop(tx);
        let mut tx = db.begin(&globex).await.unwrap();
        assert_eq!(texts(&mut tx, all).await, ["a@example.com of globex -"], "{strategy}");
    }
}
