//! All three strategies by a role that can neither create, nor migrate, nor pass the policies.

use sqlx::Postgres;
use tenancy_core::directory::TenantRecord;
use tenancy_core::enforce::Admitted;
use tenancy_core::names::{ResolverName, Subject};
use tenancy_sqlx::{
    PgDatabaseStrategy, PgRowStrategy, PgSchemaStrategy, PgServer, PgTenantTable, ProvisionError, StrategyError,
    StrategyRegistry, TenantDb, TransactionError,
};

use crate::across::AcrossTenants as _;
use crate::postgres::support::every_strategy::every_strategy;
use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::{NOTES, TestDatabase, bodies, code, migrations};

pub(super) const STRATEGIES: [&str; 3] = ["row", "schema", "database"];

pub(super) fn record(id: &str, strategy: &str) -> TenantRecord {
    TenantRecord::new(id.parse().unwrap(), strategy.parse().unwrap())
}

pub(super) fn member(id: &str, strategy: &str) -> Admitted {
    let record = record(id, strategy);
    Admitted::dangerously_assume(record, ResolverName::from_static("test"), Subject::from_static("alice"))
}

/// By the application's connect options alone; what is declared beside them is what a file would say.
pub(super) async fn serve(database: &TestDatabase) -> TenantDb<Postgres> {
    let server = PgServer::application_only(database.application());
    let notes = PgTenantTable::new("notes").unwrap();
    let row = PgRowStrategy::builder(server.clone(), server.row_tables().unwrap().with_table(notes))
        // A process that serves is often the same program: its migrations are compiled in, and do not run.
        .with_migrations(migrations(&[NOTES, "create table never_made (id text)"]));
    let schema = PgSchemaStrategy::builder(server.clone()).with_migrations(migrations(&["create table never_made ()"]));
    let own = PgDatabaseStrategy::builder(server).with_prefix(database.prefix());
    let registry = StrategyRegistry::new()
        .with(row.open().await.unwrap())
        .unwrap()
        .with(schema.open().await.unwrap())
        .unwrap()
        .with(own.open().await.unwrap())
        .unwrap();
    TenantDb::new(registry)
}

/// A database that the administrator has set up, with a tenant of each strategy.
pub(super) async fn set_up(database: &TestDatabase) -> TenantDb<Postgres> {
    let db = every_strategy(database, database.row().open().await.unwrap()).await;
    for strategy in STRATEGIES {
        for id in ["acme", "globex"] {
            db.provision(&record(&format!("{id}-{strategy}"), strategy))
                .await
                .unwrap();
        }
    }
    db
}

#[tokio::test]
async fn every_strategy_is_served_by_the_application_alone() {
    let database = TestDatabase::new().await;
    let administrators = set_up(&database).await;
    let db = serve(&database).await;
    for strategy in STRATEGIES {
        for id in ["acme", "globex"] {
            let mut tx = db.begin(&member(&format!("{id}-{strategy}"), strategy)).await.unwrap();
            let sql = "insert into notes (name, body) values ('first', $1)";
            sqlx::query(sql)
                .bind(format!("of {id}"))
                .execute(&mut *tx)
                .await
                .unwrap();
            tx.commit().await.unwrap();
        }
        for id in ["acme", "globex"] {
            let tenant = member(&format!("{id}-{strategy}"), strategy);
            for db in [&db, &administrators] {
                let mut tx = db.begin_read(&tenant).await.unwrap();
                assert_eq!(bodies(&mut tx).await, [format!("of {id}")], "{strategy}");
            }
            // The role cannot create: neither tables nor what stands around them.
            for sql in [
                "create table mine (id text)",
                "create schema mine",
                "alter table notes disable row level security",
            ] {
                let mut tx = db.begin(&tenant).await.unwrap();
                let refused = sqlx::raw_sql(sql).execute(&mut *tx).await;
                assert_eq!(code(refused), "42501", "{strategy}: {sql}");
            }
        }
    }
    let made = "select count(*) from pg_class where relname = 'never_made'";
    let made: i64 = sqlx::query_scalar(made)
        .fetch_one(&mut database.connect().await)
        .await
        .unwrap();
    assert_eq!(made, 0, "without the administrator no migration runs");
    db.close().await;
}

#[tokio::test]
async fn what_needs_the_administrator_says_so_and_changes_nothing() {
    let database = TestDatabase::new().await;
    set_up(&database).await;
    let db = serve(&database).await;
    let needs = |error: &StrategyError, operation: &str| {
        assert!(matches!(error, StrategyError::NeedsAdministrator { .. }), "{error}");
        let text = error.to_string();
        for part in [
            "only the administrator can",
            operation,
            "PgServer::new(application, administrator)",
        ] {
            assert!(text.contains(part), "{text}");
        }
    };
    for strategy in ["schema", "database"] {
        match db.provision(&record("initech", strategy)).await {
            Err(ProvisionError::Strategy { source, .. }) => needs(&source, "provision a tenant's"),
            other => panic!("{other:?}"),
        }
        // There is no half-made place.
        let begun = db.begin(&member("initech", strategy)).await;
        let Err(TransactionError::Begin { source, .. }) = begun else {
            panic!("{begun:?}")
        };
        assert!(matches!(source, StrategyError::NotProvisioned { .. }), "{source}");
    }
    for strategy in STRATEGIES {
        let archived =
            record(&format!("acme-{strategy}"), strategy).with_status(tenancy_core::directory::TenantStatus::Archived);
        match db.dangerously_remove(&archived).await {
            Err(tenancy_sqlx::RemoveError::Strategy { source, .. }) => needs(&source, "remove a tenant's"),
            other => panic!("{other:?}"),
        }
        assert!(
            db.begin_read(&member(&format!("acme-{strategy}"), strategy))
                .await
                .is_ok()
        );
    }
    match db.across_tenants().await {
        Err(TransactionError::AcrossTenants(source)) => needs(&source, "begin a transaction across tenants"),
        other => panic!("{other:?}"),
    }
}

/// An application's own declaration, for which nothing names the administrator, applies and adopts nothing.
#[tokio::test]
async fn a_declaration_without_the_administrator_writes_nothing() {
    let database = TestDatabase::new().await;
    let mut administrator = database.connect().await;
    run(&mut administrator, NOTES).await;
    let server = PgServer::application_only(database.application());
    let tables = server
        .row_tables()
        .unwrap()
        .with_table(PgTenantTable::new("notes").unwrap());
    let applied = tables.apply(&mut administrator).await;
    assert!(
        matches!(applied, Err(StrategyError::NeedsAdministrator { .. })),
        "{applied:?}"
    );
    let adopted = tables.adopt(&"acme".parse().unwrap(), &mut administrator).await;
    let adopted = std::error::Error::source(&adopted.unwrap_err()).map(ToString::to_string);
    assert!(adopted.unwrap().contains("only the administrator can adopt tables"));
    // The text is for the administrator to run.
    run(&mut administrator, tables.sql()).await;
    let report = database.schema().with_table(PgTenantTable::new("notes").unwrap());
    let report = report.verify(&mut administrator).await.unwrap();
    assert!(report.is_clean(), "{report}");
}
