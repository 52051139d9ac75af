//! The parts of a configuration, filled in by code.

use tenancy::config::{PgRowConfig, PgTableConfig, PgTableEntry, PoolConfig, PostgresConfig, SqliteConfig};
use tenancy::http::ClaimsFromExtension;
use tenancy::request::Claims;

use super::support::{Database, SHARED, folder};

#[tokio::test]
async fn a_configuration_is_made_and_opened_without_a_file() {
    let (database, folder) = (Database::new().await, folder());
    let mut config = PostgresConfig::default();
    config.resolution.resolvers = vec!["header".to_owned()];
    config.database.url_env = Some("APP_URL".to_owned());
    config.database.administrator_url_env = Some("ADMIN_URL".to_owned());
    let mut notes = PgTableConfig::default();
    notes.name = Some("notes".to_owned());
    let mut pool = PoolConfig::default();
    pool.max_connections = Some(2);
    let mut row = PgRowConfig::default();
    row.tables = vec![PgTableEntry(notes)];
    row.pool = Some(pool);
    config.strategies.row = Some(row);
    let opened = config
        .open(folder.path())
        .with_variable("APP_URL", database.application_url())
        .with_variable("ADMIN_URL", database.administrator_url())
        .with_migrations(
            "row",
            sqlx::migrate::Migrator::with_migrations(SHARED.iter().cloned().collect()),
        )
        .with_authenticator(ClaimsFromExtension::<Claims>::new())
        .await
        .unwrap();
    assert_eq!(opened.db.strategies().names().count(), 1);
    opened.close().await;

    // A mistake has a key, and no line.
    let problem = SqliteConfig::default()
        .open(folder.path())
        .without_http()
        .await
        .unwrap_err();
    let text = problem.to_string();
    assert!(text.contains("\n`directory.file`: required"), "{text}");
    assert!(text.contains("\n`strategies`: at least one is required"), "{text}");
}

/// A table can stand in a format of the application's own, beside others.
#[test]
fn each_table_is_read_alone() {
    let row: PgRowConfig = toml::from_str("tables = [\"notes\", { name = \"audit_log\" }]").unwrap();
    let names: Vec<_> = row
        .tables
        .iter()
        .map(|entry| entry.0.name.as_deref().unwrap())
        .collect();
    assert_eq!(names, ["notes", "audit_log"]);
    let error = toml::from_str::<PgRowConfig>("tabels = []").unwrap_err();
    assert!(error.to_string().contains("did you mean `tables`?"), "{error}");
}
