//! The least version with which a tenant is served.

use std::sync::Arc;

use sqlx::{ConnectOptions, PgConnection, Postgres};
use tenancy_core::directory::TenantRecord;
use tenancy_core::enforce::Admitted;
use tenancy_core::names::{ResolverName, Subject};
use tenancy_sqlx::{
    ErrorKind, FenceRefusal, IsolationStrategy, PgServer, StrategyError, StrategyRegistry, TenantDb, TransactionError,
};

use crate::postgres::support::schema_server::NOTES;
use crate::postgres::support::server::{TestDatabase, by_the_same_way, migrations};
use crate::postgres::support::{database_server, schema_server};

const MORE: &str = "alter table notes add column more int";

/// A tenant's strategy, and whether its database is fenced.
const CASES: [(&str, bool); 4] = [
    ("schema", false),
    ("schema", true),
    ("database", false),
    ("database", true),
];

/// The releases of a service, of which the second needs its second migration.
async fn release(database: &TestDatabase, case: (&str, bool), knows: usize, needs: Option<i64>) -> TenantDb<Postgres> {
    let sql: Vec<&'static str> = [NOTES, MORE].into_iter().take(knows).collect();
    let strategy: Arc<dyn IsolationStrategy<Postgres>> = match case {
        ("schema", is_fenced) => {
            let mut options = schema_server::options(database).with_migrations(migrations(&sql));
            if is_fenced {
                options = options.with_fence();
            }
            if let Some(version) = needs {
                options = options.with_minimum_version(version);
            }
            Arc::new(options.open().await.unwrap())
        }
        (_, is_fenced) => {
            let mut options = database_server::options(database).with_migrations(migrations(&sql));
            if is_fenced {
                options = options.with_fence();
            }
            if let Some(version) = needs {
                options = options.with_minimum_version(version);
            }
            Arc::new(options.open().await.unwrap())
        }
    };
    let mut registry = StrategyRegistry::new();
    registry.register(strategy).unwrap();
    TenantDb::new(registry)
}

pub(super) fn member(id: &str, strategy: &str) -> Admitted {
    let record = TenantRecord::new(id.parse().unwrap(), strategy.parse().unwrap());
    Admitted::dangerously_assume(record, ResolverName::from_static("test"), Subject::from_static("alice"))
}

async fn is_served(db: &TenantDb<Postgres>, member: &Admitted) -> bool {
    let read = match db.begin_read(member).await {
        Ok(mut tx) => {
            let notes: i64 = sqlx::query_scalar("select count(*) from notes")
                .fetch_one(&mut *tx)
                .await
                .unwrap();
            assert_eq!(notes, 0);
            true
        }
        Err(error) => {
            refused(&error);
            false
        }
    };
    let written = match db.begin(member).await {
        Ok(tx) => tx.commit().await.is_ok(),
        Err(error) => {
            refused(&error);
            false
        }
    };
    assert_eq!(read, written);
    assert_eq!(db.is_behind(member).await, !read);
    read
}

fn refused(error: &TransactionError) {
    let TransactionError::Begin { source, .. } = error else {
        panic!("{error:?}");
    };
    assert!(
        matches!(source, StrategyError::Fenced(FenceRefusal::Behind)),
        "{error:?}"
    );
    let kind = ErrorKind::of(error);
    assert_eq!(
        (kind.status(), kind.code(), kind.retry_after()),
        (503, "tenant_updating", Some(5))
    );
}

/// Where the tenant's version stands, as the administrator.
async fn administrator(database: &TestDatabase, strategy: &str, id: &str) -> PgConnection {
    let options = database.administrator();
    let options = if strategy == "database" {
        options.database(&format!("{}{id}", database.prefix()))
    } else {
        options
    };
    options.connect().await.unwrap()
}

#[tokio::test]
async fn a_tenant_that_is_behind_is_refused_alone_until_it_has_migrated() {
    for case in CASES {
        let (strategy, is_fenced) = case;
        let database = TestDatabase::new().await;
        if is_fenced && strategy == "schema" {
            schema_server::options(&database).enable_fence().await.unwrap();
        }
        let older = release(&database, case, 1, None).await;
        let (acme, globex) = (member("acme", strategy), member("globex", strategy));
        older.provision(acme.tenant()).await.unwrap();
        let newer = release(&database, case, 2, Some(2)).await;
        newer.provision(globex.tenant()).await.unwrap();
        for _ in 0..3 {
            assert!(!is_served(&newer, &acme).await, "{case:?}");
            assert!(is_served(&newer, &globex).await, "{case:?}");
            // The older release, and one that needs nothing, serve it.
            assert!(is_served(&older, &acme).await, "{case:?}");
        }
        // An export reads what is behind.
        let mut tx = newer.dangerously_begin_in_any_status(&acme).await.unwrap();
        sqlx::raw_sql("select count(*) from notes")
            .execute(&mut *tx)
            .await
            .unwrap();
        drop(tx);
        newer.provision(acme.tenant()).await.unwrap();
        assert!(is_served(&newer, &acme).await, "{case:?}");
        newer.close().await;
        older.close().await;
    }
}

/// A version that is not known is not enough, and one that is ahead is.
#[tokio::test]
async fn what_is_not_recorded_is_behind_and_what_is_ahead_is_served() {
    for case in CASES {
        let (strategy, is_fenced) = case;
        let database = TestDatabase::new().await;
        if is_fenced && strategy == "schema" {
            schema_server::options(&database).enable_fence().await.unwrap();
        }
        let newer = release(&database, case, 2, Some(1)).await;
        let acme = member("acme", strategy);
        newer.provision(acme.tenant()).await.unwrap();
        // It has the second migration, and the first is enough; and it knows one migration only.
        let older = release(&database, case, 1, Some(1)).await;
        assert!(is_served(&older, &acme).await, "{case:?}");
        let mut connection = administrator(&database, strategy, "acme").await;
        let forget = if is_fenced {
            "update tenancy_fence.tenancy_places set version = null"
        } else {
            "delete from tenancy_versions.tenancy_versions"
        };
        schema_server::run(&mut connection, forget).await;
        assert!(!is_served(&newer, &acme).await, "{case:?}");
        newer.provision(acme.tenant()).await.unwrap();
        assert!(is_served(&newer, &acme).await, "{case:?}");
        newer.close().await;
        older.close().await;
    }
}

/// A database of before there were records.
#[tokio::test]
async fn a_database_without_a_record_is_behind() {
    let database = TestDatabase::new().await;
    let case = ("database", false);
    let db = release(&database, case, 1, Some(1)).await;
    let acme = member("acme", "database");
    db.provision(acme.tenant()).await.unwrap();
    let mut connection = administrator(&database, "database", "acme").await;
    schema_server::run(&mut connection, "drop schema tenancy_versions cascade").await;
    for _ in 0..3 {
        assert!(!is_served(&db, &acme).await);
    }
    db.provision(acme.tenant()).await.unwrap();
    assert!(is_served(&db, &acme).await);
    db.close().await;
}

#[tokio::test]
async fn a_minimum_that_no_tenant_can_have_does_not_open() {
    let database = TestDatabase::new().await;
    let refused = [
        schema_server::options(&database)
            .with_minimum_version(2)
            .open()
            .await
            .map(drop),
        database_server::options(&database)
            .with_minimum_version(2)
            .open()
            .await
            .map(drop),
        database.row().with_minimum_version(2).open().await.map(drop),
    ];
    for refused in refused {
        let Err(error) = refused else { panic!("it opens") };
        assert!(
            matches!(
                error,
                StrategyError::MinimumTooGreat {
                    minimum: 2,
                    newest: Some(1)
                }
            ),
            "{error:?}"
        );
        assert_eq!(
            error.to_string(),
            "the minimum version 2 is greater than the newest migration's, 1"
        );
    }
    // Nothing was migrated.
    let tables: Vec<String> = sqlx::query_scalar("select tablename::text from pg_tables where schemaname = 'public'")
        .fetch_all(&mut database.connect().await)
        .await
        .unwrap();
    assert_eq!(tables, [""; 0]);
}

/// A process that only serves does not make what looks at versions, and says who does.
#[tokio::test]
async fn a_process_without_the_administrator_opens_once_the_record_is_there() {
    let database = TestDatabase::new().await;
    let serving = || {
        let server = PgServer::application_only(database.application());
        let options = tenancy_sqlx::PgSchemaStrategy::builder(server).with_minimum_version(1);
        if crate::BY_POOLER {
            options.with_transaction_pooler()
        } else {
            options
        }
    };
    let refused = serving().open().await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("open the strategy once as the administrator"),
        "{refused}"
    );
    let (db, _) = schema_server::open(schema_server::options(&database).with_minimum_version(1)).await;
    db.provision(schema_server::member("acme").tenant()).await.unwrap();
    let served = TenantDb::new(StrategyRegistry::new().with(serving().open().await.unwrap()).unwrap());
    assert!(is_served(&served, &member("acme", "schema")).await);
}

/// The tables of `row` are looked at when they are opened.
#[tokio::test]
async fn shared_tables_that_are_behind_do_not_open() {
    let database = TestDatabase::new().await;
    let row = |sql: &'static [&'static str]| by_the_same_way(database.row()).with_migrations(migrations(sql));
    let first = &[crate::postgres::support::server::NOTES][..];
    let serving = |minimum: i64| {
        let server = PgServer::application_only(database.application());
        let tables = server.row_tables().unwrap();
        let tables = tables.with_table(tenancy_sqlx::PgTenantTable::new("notes").unwrap());
        by_the_same_way(tenancy_sqlx::PgRowStrategy::builder(server, tables)).with_minimum_version(minimum)
    };
    row(first).open().await.unwrap();
    // Nothing is recorded yet.
    let refused = serving(1).open().await.unwrap_err();
    assert!(
        matches!(refused, StrategyError::TablesBehind { minimum: 1 }),
        "{refused:?}"
    );
    row(first).with_minimum_version(1).open().await.unwrap();
    serving(1).open().await.unwrap();
    let refused = serving(2).open().await.unwrap_err();
    assert!(
        matches!(refused, StrategyError::TablesBehind { minimum: 2 }),
        "{refused:?}"
    );
    row(&[crate::postgres::support::server::NOTES, MORE])
        .with_minimum_version(2)
        .open()
        .await
        .unwrap();
    serving(2).open().await.unwrap();
}
