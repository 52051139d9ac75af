//! The test kit's databases: every strategy works in them, and nothing of them is left.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use sqlx::{AssertSqlSafe, ConnectOptions, Database, Executor, IntoArguments, Row, Type};
use tenancy_core::directory::TenantStatus;
use tenancy_sqlx::testing::{TestPostgres, TestSqlite, TestTenant, db_of, provisioned};
use tenancy_sqlx::{PgDatabaseStrategy, PgServer, PgTenantTable, TenantDb, TenantTable, TransactionError};

use crate::common;
use crate::postgres::support::{schema_server, server};

fn tenants(strategy: &str) -> [TestTenant; 2] {
    ["acme", "globex"].map(|id| TestTenant::new(id).with_strategy(strategy))
}

/// Two tenants write one note each, and see that one.
async fn each_sees_its_own<DB: Database>(db: TenantDb<DB>, strategy: &str, insert: &'static str)
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
    for<'r> String: sqlx::Decode<'r, DB> + Type<DB>,
    usize: sqlx::ColumnIndex<DB::Row>,
    for<'q> String: sqlx::Encode<'q, DB>,
{
    for tenant in tenants(strategy) {
        let admitted = provisioned(&db, &tenant).await.unwrap();
        let mut tx = db.begin(&admitted).await.unwrap();
        sqlx::query(insert)
            .bind(format!("of {}", tenant.id()))
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    for tenant in tenants(strategy) {
        let mut tx = db.begin_read(&tenant.admitted()).await.unwrap();
        let rows = sqlx::query("select body from notes").fetch_all(&mut *tx).await.unwrap();
        let bodies: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(bodies, [format!("of {}", tenant.id())], "{strategy}");
    }
    let suspended = TestTenant::new("acme")
        .with_strategy(strategy)
        .with_status(TenantStatus::Suspended);
    let refused = db.begin(&suspended.admitted()).await.map(drop);
    assert!(
        matches!(refused, Err(TransactionError::NotActive { .. })),
        "{refused:?}"
    );
    db.close().await;
}

#[tokio::test]
async fn tenants_on_sqlite() {
    let sqlite = TestSqlite::new().unwrap();
    let folder = sqlite.folder().to_owned();
    let row = sqlite
        .row()
        .with_migrations(common::migrations(&[common::NOTES]))
        .with_table(TenantTable::new("notes", "notes_rows").unwrap());
    let insert = "insert into notes (id, body) values ('1', $1)";
    each_sees_its_own(db_of(row.open().await.unwrap()), "row", insert).await;
    let own = "create table notes (id text primary key, body text not null)";
    let files = sqlite.database().with_migrations(common::migrations(&[own]));
    each_sees_its_own(db_of(files.open().await.unwrap()), "database", insert).await;
    assert!(sqlite.directory().await.unwrap().list().await.unwrap().is_empty());
    assert!(folder.is_dir());
    drop(sqlite);
    assert!(!folder.exists());
}

/// Runs every strategy in a database that is made and removed by the role of this URL.
async fn tenants_on(url: &str) -> String {
    let postgres = TestPostgres::new(url).await.unwrap();
    let name = postgres.administrator().get_database().unwrap().to_owned();
    let insert = "insert into notes (name, body) values ('first', $1)";
    let tables = postgres.tables().with_table(PgTenantTable::new("notes").unwrap());
    let row = postgres
        .row(tables)
        .with_migrations(server::migrations(&[server::NOTES]));
    each_sees_its_own(db_of(row.open().await.unwrap()), "row", insert).await;
    let own = || server::migrations(&[schema_server::NOTES]);
    let schema = postgres.schema().with_migrations(own()).open().await.unwrap();
    each_sees_its_own(db_of(schema), "schema", insert).await;
    let database = postgres.database().with_migrations(own()).open().await.unwrap();
    each_sees_its_own(db_of(database), "database", insert).await;
    assert!(postgres.directory().await.unwrap().list().await.unwrap().is_empty());

    // A test that reads its service's configuration has the URLs, and whatever prefix stands there.
    let url = postgres.administrator_url().parse().unwrap();
    let prefix = format!("other_{}", postgres.database_prefix());
    let server = PgServer::new(postgres.application_url().parse().unwrap(), url);
    let elsewhere = PgDatabaseStrategy::builder(server)
        .with_prefix(prefix)
        .with_migrations(own());
    each_sees_its_own(db_of(elsewhere.open().await.unwrap()), "database", insert).await;

    let mut administrator = postgres.administrator().connect().await.unwrap();
    let is_superuser = "select rolsuper from pg_roles where rolname = current_user";
    assert!(
        !sqlx::query_scalar::<_, bool>(is_superuser)
            .fetch_one(&mut administrator)
            .await
            .unwrap()
    );
    name
}

/// The databases and roles of that name that are left.
async fn left(url: &str, name: &str) -> i64 {
    let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
    let mut connection = options.connect().await.unwrap();
    let sql = "select (select count(*) from pg_database where strpos(datname::text, $1) > 0)
             + (select count(*) from pg_roles where starts_with(rolname::text, $1))";
    sqlx::query_scalar(sql)
        .bind(name)
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn tenants_on_postgres() {
    let url = std::env::var("DATABASE_URL").unwrap();
    let name = tenants_on(&url).await;
    assert_eq!(left(&url, &name).await, 0);
}

/// A team's server may give its tests a role that is no superuser.
#[tokio::test]
async fn a_role_that_may_make_databases_and_roles_is_enough() {
    let url = std::env::var("DATABASE_URL").unwrap();
    let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
    let mut superuser = options.clone().connect().await.unwrap(); // To make a role that may make roles.
    let role = format!("tenancy_maker_{}", std::process::id());
    let make = format!(
        "create role {role} login createdb createrole password '{}'",
        server::PASSWORD
    );
    sqlx::raw_sql(AssertSqlSafe(make))
        .execute(&mut superuser)
        .await
        .unwrap();
    let made = options.username(&role).password(server::PASSWORD).to_url_lossy();
    let name = tokio::spawn(async move { tenants_on(made.as_str()).await }).await;
    let drop = format!("drop role {role}");
    sqlx::raw_sql(AssertSqlSafe(drop))
        .execute(&mut superuser)
        .await
        .unwrap();
    assert_eq!(left(&url, &name.unwrap()).await, 0);
}
