//! An upsert that does not know the strategy.

use sqlx::Postgres;
use tenancy_core::directory::TenantRecord;
use tenancy_core::enforce::Admitted;
use tenancy_core::names::{ResolverName, StrategyName, Subject};
use tenancy_sqlx::{PgRowStrategy, PgTenantTable, StrategyRegistry, TenantDb};

use super::page::recipe;
use crate::postgres::support::server::{TestDatabase, code, migrations};
use crate::postgres::support::{database_server, schema_server};

const STRATEGIES: [&str; 3] = ["row", "schema", "database"];

fn member(id: &str, strategy: &'static str) -> Admitted {
    let record = TenantRecord::new(
        format!("{strategy}-{id}").parse().unwrap(),
        StrategyName::from_static(strategy),
    );
    Admitted::dangerously_assume(record, ResolverName::from_static("test"), Subject::from_static("alice"))
}

async fn open(database: &TestDatabase) -> TenantDb<Postgres> {
    let tables = database.schema().with_table(PgTenantTable::new("contacts").unwrap());
    let row = PgRowStrategy::builder(database.server(), tables).with_migrations(migrations(&[recipe("upsert-row")]));
    let own = migrations(&[recipe("upsert-own")]);
    let schema = schema_server::options(database).with_migrations(migrations(&[recipe("upsert-own")]));
    let of_their_own = database_server::options(database).with_migrations(own);
    let registry = StrategyRegistry::new()
        .with(row.open().await.unwrap())
        .unwrap()
        .with(schema.open().await.unwrap())
        .unwrap()
        .with(of_their_own.open().await.unwrap())
        .unwrap();
    let db = TenantDb::new(registry);
    for strategy in STRATEGIES {
        for id in ["acme", "globex"] {
            db.provision(member(id, strategy).tenant()).await.unwrap();
        }
    }
    db
}

async fn upsert(db: &TenantDb<Postgres>, tenant: &Admitted, email: &str, name: &str) {
    let mut tx = db.begin(tenant).await.unwrap();
    let upsert = sqlx::query(recipe("upsert")).bind(email).bind(name);
    assert_eq!(upsert.execute(&mut *tx).await.unwrap().rows_affected(), 1);
    tx.commit().await.unwrap();
}

async fn contacts(db: &TenantDb<Postgres>, tenant: &Admitted) -> Vec<String> {
    let mut tx = db.begin_read(tenant).await.unwrap();
    let sql = "select email || ' ' || name from contacts order by email";
    sqlx::query_scalar(sql).fetch_all(&mut *tx).await.unwrap()
}

#[tokio::test]
async fn one_upsert_works_under_every_strategy() {
    let database = TestDatabase::new().await;
    let db = open(&database).await;
    for strategy in STRATEGIES {
        let (acme, globex) = (member("acme", strategy), member("globex", strategy));
        upsert(&db, &globex, "a@example.com", "of globex").await;
        upsert(&db, &acme, "a@example.com", "first").await;
        upsert(&db, &acme, "a@example.com", "second").await;
        upsert(&db, &acme, "b@example.com", "other").await;
        assert_eq!(
            contacts(&db, &acme).await,
            ["a@example.com second", "b@example.com other"],
            "{strategy}"
        );
        assert_eq!(contacts(&db, &globex).await, ["a@example.com of globex"], "{strategy}");

        // Why: the form that names the columns knows the strategy.
        let mut tx = db.begin(&acme).await.unwrap();
        let by_columns = "insert into contacts (email, name) values ('a@example.com', 'third')
             on conflict (email) do update set name = excluded.name";
        let done = sqlx::query(by_columns).execute(&mut *tx).await;
        if strategy == "row" {
            assert_eq!(code(done), "42P10");
        } else {
            done.unwrap();
        }
    }
}

/// The one that comes second waits for the first, and updates its row.
#[tokio::test]
async fn upserts_at_once_do_not_fail() {
    let database = TestDatabase::new().await;
    let db = open(&database).await;
    let acme = member("acme", "row");
    let mut first = db.begin(&acme).await.unwrap();
    let statement = || sqlx::query(recipe("upsert")).bind("a@example.com");
    statement().bind("first").execute(&mut *first).await.unwrap();
    let second = tokio::spawn({
        let (db, acme) = (db.clone(), acme.clone());
        async move { upsert(&db, &acme, "a@example.com", "second").await }
    });
    let waiting =
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    let mut administrator = database.superuser().await; // Other roles' activity is hidden from an owner.
    while sqlx::query_scalar::<_, i64>(waiting)
        .fetch_one(&mut administrator)
        .await
        .unwrap()
        == 0
    {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    first.commit().await.unwrap();
    second.await.unwrap();
    assert_eq!(contacts(&db, &acme).await, ["a@example.com second"]);
}
