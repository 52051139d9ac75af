//! What commands open: the directory, the rules or a description of the file alone.

use std::fs;

use tenancy::sql::{DirectoryError, LifecycleError};
use tenancy::{OpenError, Postgres, Sqlite};

use super::support::{Database, folder, tenant};

fn opened(database: &Database, text: &str, folder: &std::path::Path) -> tenancy::Open<Postgres> {
    tenancy::open_text::<Postgres>(text, folder)
        .with_migrations("row", sqlx::migrate!("tests/migrations/shared"))
        .with_migrations("schema", sqlx::migrate!("tests/migrations/tenant"))
        .with_migrations("database", sqlx::migrate!("tests/migrations/tenant"))
        .with_variable("APP_URL", database.application_url())
        .with_variable("ADMIN_URL", database.administrator_url())
}

#[tokio::test]
async fn the_directory_opens_where_a_strategy_does_not() {
    let (database, folder) = (Database::new().await, folder());
    // No such table is made.
    let text = database.file().replace("tables = [\"notes\"]", "tables = [\"others\"]");
    let open = || opened(&database, &text, folder.path());
    let failed = open().without_http().await.unwrap_err();
    assert!(matches!(failed, OpenError::Open(_)), "{failed:?}");
    // Nothing is there to be read before it was opened for changes.
    let early = open().directory_alone().read_only().await;
    drop(early);
    let directory = open().directory_alone().await.unwrap();
    directory.upsert(&tenant("acme", "row", "alice")).await.unwrap();
    directory.close().await;
    let reader = open().directory_alone().read_only().await.unwrap();
    let id = "acme".parse().unwrap();
    assert!(reader.find_by_id(&id).await.unwrap().is_some());
    // By the administrator's role, which sees events and jobs.
    assert!(reader.jobs_of(&id).await.unwrap().unwrap().is_creation_unfinished);
    assert!(reader.last_event().await.unwrap() > 0);
    let refused = reader.archive(&id).await.unwrap_err();
    assert!(
        matches!(refused, LifecycleError::Directory(DirectoryError::ReadOnly)),
        "{refused:?}"
    );
    reader.close().await;
}

/// As if the administrator's URL were not set, whichever table names it.
#[tokio::test]
async fn what_only_serves_changes_nothing() {
    let (database, folder) = (Database::new().await, folder());
    let text = database.file();
    let open = || opened(&database, &text, folder.path());
    let early = open().without_http().serving_only().await.unwrap_err();
    assert!(early.to_string().contains("directory"), "nothing is set up: {early}");
    open().without_http().await.unwrap().close().await;
    let data = open().without_http().serving_only().await.unwrap();
    assert!(data.directory.is_read_only());
    data.close().await;
    let own = text.replace(
        "[strategies.row]",
        "[strategies.row]\nurl_env = \"APP_URL\"\nadministrator_url_env = \"ADMIN_URL\"",
    );
    let data = opened(&database, &own, folder.path())
        .without_http()
        .serving_only()
        .await
        .unwrap();
    // What only serves writes nothing down, and so does not look at all tenants.
    let (who, why) = ("ops:olga".parse().unwrap(), "ticket 4711".parse().unwrap());
    let across = data.db.dangerously_begin_across_tenants(&data.directory, who, why);
    let across = across.await.unwrap_err();
    assert!(format!("{across:?}").contains("ReadOnly"), "{across:?}");
    data.close().await;
}

#[tokio::test]
async fn a_file_is_described_without_a_connection() {
    let folder = folder();
    let nobody = |role: &str| format!("postgres://{role}:hunter2-never-shown@127.0.0.1:1/nowhere");
    let text = "[database]\nurl_env = \"APP_URL\"\nadministrator_url_env = \"ADMIN_URL\"\n[strategies.row]\ntables = [\"notes\"]\n[strategies.schema]\nextension_schemas = [\"ext\"]\n[strategies.database]\nprefix = \"t_\"\n";
    let description = tenancy::open_text::<Postgres>(text, folder.path())
        .with_variable("APP_URL", nobody("app"))
        .with_variable("ADMIN_URL", nobody("admin"))
        .describe()
        .await
        .unwrap();
    assert!(description.directory().has_administrator());
    let keys: Vec<&str> = description.servers().iter().map(|(key, _)| *key).collect();
    assert_eq!(
        keys,
        [
            "directory",
            "strategies.row",
            "strategies.schema",
            "strategies.database"
        ]
    );
    assert_eq!(description.row_tables().unwrap().tables().len(), 1);
    assert_eq!(description.row_administrator().unwrap().get_username(), "admin");
    for (strategy, database, settings) in [
        ("row", "nowhere", vec![("app.tenant_id", "acme")]),
        (
            "schema",
            "nowhere",
            vec![("search_path", "\"tenant_acme\", \"ext\", pg_temp")],
        ),
        ("database", "t_acme", vec![]),
    ] {
        let session = description
            .session_of(&super::support::record("acme", strategy))
            .await
            .unwrap();
        assert_eq!(session.connect_options().get_username(), "app");
        assert_eq!(session.connect_options().get_database(), Some(database));
        assert_eq!(session.settings().collect::<Vec<_>>(), settings);
        assert!(!format!("{session:?}").contains("hunter2"));
    }
    assert!(
        description
            .session_of(&super::support::record("acme", "own"))
            .await
            .is_err()
    );
    let pooled = text.replace("[strategies.row]", "transaction_pooler = true\n[strategies.row]");
    let pooled = tenancy::open_text::<Postgres>(pooled, folder.path())
        .with_variable("APP_URL", nobody("app"))
        .describe()
        .await
        .unwrap();
    for strategy in ["row", "schema", "database"] {
        // A pooler refuses the settings, or lends the session to others with them.
        let refused = pooled
            .session_of(&super::support::record("acme", strategy))
            .await
            .unwrap_err();
        assert!(refused.to_string().contains("pooler"), "{refused}");
    }
}

#[tokio::test]
async fn on_sqlite_a_description_makes_nothing_and_a_look_migrates_nothing() {
    let folder = folder();
    let migrations = folder.path().join("migrations");
    fs::create_dir(&migrations).unwrap();
    let sql = "create table notes_rows (tenant_id text not null, id text not null, primary key (tenant_id, id));";
    fs::write(migrations.join("0001_notes.sql"), sql).unwrap();
    let text = "[directory]\nfile = \"directory.sqlite\"\n[strategies.row]\nfile = \"shared.sqlite\"\nmigrations = \"migrations\"\ntables = [{ name = \"notes\", base_table = \"notes_rows\" }]\n";
    let open = || tenancy::open_text::<Sqlite>(text, folder.path());
    let description = open().describe().await.unwrap();
    let paths: Vec<_> = description.paths().collect();
    assert_eq!(paths[0].0, "directory.file");
    assert_eq!(paths[1], ("strategies.row.file", &*folder.path().join("shared.sqlite")));
    assert!(!folder.path().join("directory.sqlite").exists());
    let refused = open().without_http().serving_only().await.unwrap_err();
    assert!(refused.to_string().contains("notes_rows"), "{refused}");
    open().without_http().await.unwrap().close().await;
    open().without_http().serving_only().await.unwrap().close().await;
}
