//! Backup, restore, and what comes with a new server.

use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::tempdir;

use super::page::{named, recipe, shell};
use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::{PASSWORD, TestDatabase, bodies_of, seed};
use tenancy_sqlx::{PgRowStrategy, PgServer, PgTenantTable, StrategyRegistry, TenantDb};

/// Two tenants' rows, and the name of the database.
async fn with_rows() -> (TestDatabase, String) {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    seed(&db, &["acme", "globex"]).await;
    db.close().await;
    let name = database.administrator().get_database().unwrap().to_owned();
    (database, name)
}

/// Restores the dump into another database, and reads both tenants there.
async fn restore_and_read(database: &TestDatabase, folder: &std::path::Path) {
    let restored = format!("{}restored", database.prefix());
    let mut administrator = database.connect().await;
    let sql = format!("drop database if exists \"{restored}\"");
    run(&mut administrator, sql).await;
    run(
        &mut administrator,
        format!("create database \"{restored}\" template template0"),
    )
    .await;
    shell(database, folder, "restore", &[("restored", &restored)]);
    let tables = database.schema().with_table(PgTenantTable::new("notes").unwrap());
    let mut inside = database.administrator().database(&restored).connect().await.unwrap();
    let report = tables.verify(&mut inside).await.unwrap();
    assert!(report.is_clean(), "{report}");
    inside.close().await.unwrap();
    let (application, owner) = (database.application(), database.administrator());
    let row = PgRowStrategy::builder(
        PgServer::new(application.database(&restored), owner.database(&restored)),
        tables,
    );
    let db = TenantDb::new(StrategyRegistry::new().with(row.open().await.unwrap()).unwrap());
    for id in ["acme", "globex"] {
        assert_eq!(bodies_of(&db, id).await, [format!("of {id}")]);
    }
    // The sequences came along.
    seed_second(&db).await;
    db.close().await;
}

async fn seed_second(db: &TenantDb<sqlx::Postgres>) {
    let mut tx = db
        .begin(&crate::postgres::support::server::tenant("acme"))
        .await
        .unwrap();
    run(&mut tx, "insert into notes (name) values ('second')").await;
}

#[tokio::test]
async fn the_administrator_dumps_with_row_security_on() {
    let (database, name) = with_rows().await;
    let folder = tempdir().unwrap();
    let dump = format!("--file=notes.dump {name}");
    shell(
        &database,
        folder.path(),
        "dump-as-administrator",
        &[("--file=notes.dump notes", &dump)],
    );
    restore_and_read(&database, folder.path()).await;
}

/// Why the option is there.
#[tokio::test]
async fn without_it_the_dump_is_refused() {
    let (database, name) = with_rows().await;
    let folder = tempdir().unwrap();
    let failing = [
        ("--enable-row-security ", ""),
        ("pg_dump", "! pg_dump"),
        ("--file=notes.dump notes", &*format!("--file=notes.dump {name}")),
    ];
    let errors = shell(&database, folder.path(), "dump-as-administrator", &failing);
    assert!(
        errors.contains("query would be affected by row-level security policy"),
        "{errors}"
    );
}

#[tokio::test]
async fn a_role_that_no_policy_holds_for_dumps() {
    let (database, name) = with_rows().await;
    let folder = tempdir().unwrap();
    // Only a superuser makes such a role.
    let mut superuser = database.superuser().await;
    let role = named(&database, "backup");
    run(&mut superuser, named(&database, recipe("backup-role"))).await;
    run(&mut superuser, format!("alter role {role} password '{PASSWORD}'")).await;
    let dump = format!("--file=notes.dump {name}");
    shell(
        &database,
        folder.path(),
        "dump-as-backup",
        &[("--file=notes.dump notes", &dump)],
    );
    run(&mut superuser, format!("drop role {role}")).await;
    restore_and_read(&database, folder.path()).await;
}

#[tokio::test]
async fn roles_are_taken_along() {
    let database = TestDatabase::new().await;
    let folder = tempdir().unwrap();
    let (name, owner) = (database.administrator(), database.administrator_role());
    let program = format!(
        "pg_dumpall --username={owner} --database={} ",
        name.get_database().unwrap()
    );
    shell(&database, folder.path(), "roles", &[("pg_dumpall ", &program)]);
    let roles = std::fs::read_to_string(folder.path().join("roles.sql")).unwrap();
    assert!(roles.contains(&format!("CREATE ROLE {}", database.application_role())));
}

/// A connection beyond the limit is one that the service cannot have now.
#[tokio::test]
async fn a_role_has_no_more_connections_than_its_limit() {
    let database = TestDatabase::new().await;
    let db = database.one_connection().await;
    // Another role's limits are a superuser's to set, or of who may make roles.
    let mut superuser = database.superuser().await;
    let sql = named(&database, recipe("connection-limit")).replace("80", "1");
    run(&mut superuser, sql).await;
    let tx = db
        .begin(&crate::postgres::support::server::tenant("acme"))
        .await
        .unwrap();
    let refused = database.application().connect().await.unwrap_err();
    assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "53300");
    assert_eq!(
        tenancy_sqlx::ErrorKind::of(&refused),
        tenancy_sqlx::ErrorKind::Unavailable
    );
    drop(tx);
    let sql = format!("alter role {} connection limit -1", database.application_role());
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut superuser).await.unwrap();
}
