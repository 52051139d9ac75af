//! A tenant's life on PostgreSQL, by each strategy.

use sqlx::Postgres;
use tenancy_core::directory::{TenantEntry, TenantRecord, TenantStatus};
use tenancy_core::enforce::Admitted;
use tenancy_core::names::{ResolverName, Subject};
use tenancy_sqlx::{
    CreationKey, NewTenant, PgDirectory, PgRowStrategy, PgTenantTable, RemoveError, StrategyError, TenantDb,
    TransactionError,
};

use crate::postgres::support::every_strategy::every_strategy;
use crate::postgres::support::server::{NOTES, TestDatabase, migrations};

/// Declared before what it refers to, and after: rows go in the order that the keys allow.
const REPLIES: &str = "create table replies (
    tenant_id text not null, note bigint not null, primary key (tenant_id, note),
    foreign key (tenant_id, note) references notes (tenant_id, id)
)";

async fn open(database: &TestDatabase) -> TenantDb<Postgres> {
    let tables = ["notes", "replies"].map(|name| PgTenantTable::new(name).unwrap());
    let schema = tables
        .into_iter()
        .fold(database.schema(), tenancy_sqlx::PgRowTables::with_table);
    let row = PgRowStrategy::builder(database.server(), schema)
        .with_migrations(migrations(&[NOTES, REPLIES]))
        .open()
        .await
        .unwrap();
    every_strategy(database, row).await
}

fn member(record: &TenantRecord) -> Admitted {
    Admitted::dangerously_assume(
        record.clone(),
        ResolverName::from_static("test"),
        Subject::from_static("alice"),
    )
}

async fn count(db: &TenantDb<Postgres>, record: &TenantRecord) -> Result<i64, TransactionError> {
    let mut tx = db.begin_read(&member(record)).await?;
    let counted = sqlx::query_scalar("select count(*) from notes")
        .fetch_one(&mut *tx)
        .await;
    Ok(counted.unwrap())
}

#[tokio::test]
async fn a_tenant_is_made_served_and_removed() {
    let database = TestDatabase::new().await;
    let db = open(&database).await;
    let directory = PgDirectory::open(database.administrator()).await.unwrap();
    for strategy in ["row", "schema", "database"] {
        let mut records = Vec::new();
        for end in ["gone", "stays"] {
            let id = format!("{}-{end}", strategy);
            let new = NewTenant::new(id.parse().unwrap(), strategy.parse().unwrap());
            let entry = directory.create(&db, &new, &CreationKey::random()).await.unwrap();
            assert_eq!(entry.record().status, TenantStatus::Active);
            let mut tx = db.begin(&member(entry.record())).await.unwrap();
            sqlx::raw_sql("insert into notes (name) values ('first')")
                .execute(&mut *tx)
                .await
                .unwrap();
            if strategy == "row" {
                let reply = "insert into replies (note) select id from notes";
                sqlx::raw_sql(reply).execute(&mut *tx).await.unwrap();
            }
            tx.commit().await.unwrap();
            records.push(entry.record().clone());
        }
        let [gone, stays] = <[TenantRecord; 2]>::try_from(records).unwrap();
        let refused = db.dangerously_remove(&gone).await.unwrap_err();
        assert!(matches!(refused, RemoveError::NotArchived { .. }), "{refused:?}");
        directory.set_status(&gone.id, TenantStatus::Archived).await.unwrap();
        let archived = gone.clone().with_status(TenantStatus::Archived);
        for _ in 0..2 {
            db.dangerously_remove(&archived).await.unwrap();
        }
        match count(&db, &gone).await {
            Ok(left) => assert_eq!((strategy, left), ("row", 0)),
            Err(TransactionError::Begin {
                source: StrategyError::NotProvisioned { .. },
                ..
            }) => assert_ne!(strategy, "row"),
            Err(other) => panic!("{other:?}"),
        }
        assert_eq!(count(&db, &stays).await.unwrap(), 1);
        assert!(directory.remove(&gone.id).await.unwrap());
        let again = NewTenant::new(gone.id.clone(), strategy.parse().unwrap());
        assert!(directory.upsert(&again).await.is_err());
    }
}
