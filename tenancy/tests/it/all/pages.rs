//! The page of keys and the example files say what the code reads.

use std::fs;
use std::path::Path;

use serde::de::DeserializeOwned;
use tenancy::config::{
    CacheConfig, EnforcementConfig, JwtTable, LimitsConfig, PgDatabaseConfig, PgDatabaseStrategyConfig,
    PgDirectoryConfig, PgRowConfig, PgSchemaConfig, PgServerConfig, PgStrategiesConfig, PgTableConfig, PoolConfig,
    PostgresConfig, ResolutionConfig, SqliteConfig, SqliteDatabaseStrategyConfig, SqliteDirectoryConfig,
    SqliteRowConfig, SqliteStrategiesConfig, SqliteTableConfig,
};
use tenancy::jwt::{JwtIssuerConfig, JwtKeyConfig, JwtTokenCacheConfig};
use tenancy::{Postgres, Sqlite};

use super::support::{Database, SECRET, add, app, app_on_sqlite, serves, tenant};

const PAGE: &str = include_str!("../../../../docs/configuration.md");
const EXAMPLE: &str = include_str!("../../../tenancy.example.toml");
const SQLITE_EXAMPLE: &str = include_str!("../../../tenancy.sqlite.example.toml");

/// The keys of a table, as its refusal of an unknown one lists them.
fn keys<T: DeserializeOwned>() -> Vec<String> {
    let Err(refused) = toml::from_str::<T>("no_such_key = 1") else {
        panic!("an unknown key is accepted")
    };
    let text = refused.message().to_owned();
    let (_, list) = text.split_once("valid keys are ").unwrap();
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_page_lists_every_key_and_no_other() {
    let tables: Vec<(&str, Vec<String>)> = vec![
        ("", vec!["version".to_owned()]),
        ("resolution.", keys::<ResolutionConfig>()),
        ("enforcement.", keys::<EnforcementConfig>()),
        ("jwt.", keys::<JwtTable>()),
        ("jwt.token_cache.", keys::<JwtTokenCacheConfig>()),
        ("jwt.keys[].", keys::<JwtKeyConfig>()),
        ("jwt.issuers[].", keys::<JwtIssuerConfig>()),
        ("cache.", keys::<CacheConfig>()),
        ("limits.", keys::<LimitsConfig>()),
        ("database.", keys::<PgDatabaseConfig>()),
        ("database.pool.", keys::<PoolConfig>()),
        ("directory.", keys::<PgDirectoryConfig>()),
        ("strategies.", keys::<PgStrategiesConfig>()),
        ("strategies.row.", keys::<PgRowConfig>()),
        ("strategies.row.tables[].", keys::<PgTableConfig>()),
        ("strategies.schema.", keys::<PgSchemaConfig>()),
        ("strategies.database.", keys::<PgDatabaseStrategyConfig>()),
        ("strategies.database.servers.NAME.", keys::<PgServerConfig>()),
        ("directory.", keys::<SqliteDirectoryConfig>()),
        ("strategies.", keys::<SqliteStrategiesConfig>()),
        ("strategies.row.", keys::<SqliteRowConfig>()),
        ("strategies.row.tables[].", keys::<SqliteTableConfig>()),
        ("strategies.database.", keys::<SqliteDatabaseStrategyConfig>()),
    ];
    let mut listed: Vec<String> = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(key, _)| key.to_owned())
        .collect();
    for (prefix, keys) in tables {
        for key in keys {
            let key = format!("{prefix}{key}");
            let place = listed.iter().position(|listed| *listed == key);
            listed.swap_remove(place.unwrap_or_else(|| panic!("the page lacks `{key}`")));
        }
    }
    assert!(listed.is_empty(), "the page has keys that are not read: {listed:?}");
    for key in keys::<PostgresConfig>().iter().chain(&keys::<SqliteConfig>()) {
        assert!(
            PAGE.contains(&format!("`[{key}]`")) || PAGE.contains(&format!("`{key}`")),
            "{key}"
        );
    }
}

/// A key of the example that is not commented out is read, and each key is in it.
#[test]
fn the_example_holds_every_key() {
    for keys in [
        keys::<PostgresConfig>(),
        keys::<ResolutionConfig>(),
        keys::<EnforcementConfig>(),
        keys::<JwtTable>(),
        keys::<JwtTokenCacheConfig>(),
        keys::<JwtKeyConfig>(),
        keys::<JwtIssuerConfig>(),
        keys::<CacheConfig>(),
        keys::<LimitsConfig>(),
        keys::<PgDatabaseConfig>(),
        keys::<PoolConfig>(),
        keys::<PgDirectoryConfig>(),
        keys::<PgRowConfig>(),
        keys::<PgTableConfig>(),
        keys::<PgSchemaConfig>(),
        keys::<PgDatabaseStrategyConfig>(),
        keys::<PgServerConfig>(),
    ] {
        for key in keys {
            assert!(EXAMPLE.contains(&key), "the example lacks `{key}`");
        }
    }
    for keys in [
        keys::<SqliteDirectoryConfig>(),
        keys::<SqliteStrategiesConfig>(),
        keys::<SqliteRowConfig>(),
        keys::<SqliteTableConfig>(),
        keys::<SqliteDatabaseStrategyConfig>(),
    ] {
        for key in keys {
            assert!(SQLITE_EXAMPLE.contains(&key), "the example lacks `{key}`");
        }
    }
}

/// The folder of the example, with what it names.
fn folder_of(example: &str, migrations: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tenancy.toml"), example).unwrap();
    fs::write(folder.path().join("key"), SECRET).unwrap();
    for (name, from) in migrations {
        let to = folder.path().join("migrations").join(name);
        fs::create_dir_all(&to).unwrap();
        let from = Path::new("tests/migrations").join(from).join("0001_notes.sql");
        fs::copy(from, to.join("0001_notes.sql")).unwrap();
    }
    fs::create_dir_all(folder.path().join("data")).unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_is_opened_and_serves() {
    let database = Database::new().await;
    // Databases are the server's, so a test's have names of their own, which are removed with it.
    let example = EXAMPLE
        .replace("notes_tenant_", &format!("{}_of_", database.name))
        .replace("\"template1\"", "\"template0\"");
    let folder = folder_of(&example, &[("shared", "shared"), ("tenant", "tenant")]);
    let audit = "create table audit_log (org_id text not null, entry text not null);
        create table currencies (code text primary key)";
    fs::write(folder.path().join("migrations/shared/0002_audit_log.sql"), audit).unwrap();
    let open = || {
        tenancy::open::<Postgres>(folder.path().join("tenancy.toml"))
            .with_variable("DATABASE_URL", database.application_url())
            .with_variable("EU_DATABASE_URL", database.application_url())
    };
    let administrator = open()
        .with_variable("DATABASE_ADMIN_URL", database.administrator_url())
        .with_variable("EU_DATABASE_ADMIN_URL", database.administrator_url())
        .await
        .unwrap();
    for (id, strategy) in [("acme", "row"), ("globex", "schema"), ("initech", "database")] {
        add(
            &administrator.directory,
            &administrator.db,
            &tenant(id, strategy, "alice"),
        )
        .await;
    }
    let serving = open().await.unwrap();
    serves(
        &app(&serving),
        &[("acme", "alice"), ("globex", "alice"), ("initech", "alice")],
    )
    .await;
}

#[tokio::test]
async fn the_example_for_sqlite_is_opened_and_serves() {
    let migrations = [("sqlite-shared", "sqlite-shared"), ("sqlite-tenant", "sqlite-tenant")];
    let folder = folder_of(SQLITE_EXAMPLE, &migrations);
    let opened = tenancy::open::<Sqlite>(folder.path().join("tenancy.toml"))
        .await
        .unwrap();
    for (id, strategy) in [("acme", "row"), ("globex", "database")] {
        add(&opened.directory, &opened.db, &tenant(id, strategy, "alice")).await;
    }
    serves(&app_on_sqlite(&opened), &[("acme", "alice"), ("globex", "alice")]).await;
}

/// The default of each key that has a plain value, as the code has it.
fn defaults<T: Default + std::fmt::Debug>(prefix: &str) -> Vec<(String, String)> {
    let shown = format!("{:#?}", T::default());
    let fields = shown
        .lines()
        .filter_map(|line| line.strip_prefix("    ")?.split_once(": "));
    fields
        .filter(|(name, value)| !name.starts_with(' ') && value.ends_with(','))
        .map(|(name, value)| (format!("{prefix}{name}"), value.trim_end_matches(',').to_owned()))
        .collect()
}

#[test]
fn the_page_has_each_default_as_the_code_has_it() {
    let tables = [
        defaults::<ResolutionConfig>("resolution."),
        defaults::<EnforcementConfig>("enforcement."),
        defaults::<JwtTable>("jwt."),
        defaults::<JwtTokenCacheConfig>("jwt.token_cache."),
        defaults::<JwtKeyConfig>("jwt.keys[]."),
        defaults::<JwtIssuerConfig>("jwt.issuers[]."),
        defaults::<CacheConfig>("cache."),
        defaults::<LimitsConfig>("limits."),
        defaults::<PgDatabaseConfig>("database."),
        defaults::<PoolConfig>("database.pool."),
        defaults::<PgDirectoryConfig>("directory."),
        defaults::<PgRowConfig>("strategies.row."),
        defaults::<PgTableConfig>("strategies.row.tables[]."),
        defaults::<PgSchemaConfig>("strategies.schema."),
        defaults::<PgDatabaseStrategyConfig>("strategies.database."),
        defaults::<SqliteDirectoryConfig>("directory."),
        defaults::<SqliteRowConfig>("strategies.row."),
        defaults::<SqliteTableConfig>("strategies.row.tables[]."),
        defaults::<SqliteDatabaseStrategyConfig>("strategies.database."),
    ];
    let mut compared = 0;
    for (key, value) in tables.into_iter().flatten() {
        // What is absent there has its default where it is used, or none.
        if value == "None" || value.starts_with(['[', '{']) {
            continue;
        }
        let shown = match value.strip_prefix('"') {
            Some(text) => format!("`{}`", text.trim_end_matches('"')),
            None if value.starts_with(|first: char| first.is_ascii_digit()) => value.clone(),
            // A truth, or the variant that a word chooses.
            None => format!("`{}`", value.to_lowercase()),
        };
        let rows: Vec<&str> = PAGE
            .lines()
            .filter(|line| line.starts_with(&format!("| `{key}` ")))
            .collect();
        assert!(!rows.is_empty(), "the page lacks `{key}`");
        for row in rows {
            let cell = row.split(" | ").nth(2).unwrap();
            assert_eq!(cell, shown, "the default of `{key}`, which is {value}");
            compared += 1;
        }
    }
    assert!(compared > 30, "{compared}");
    // Those that are made elsewhere.
    let setting = format!(
        "| `strategies.row.setting` | text | `{}` |",
        tenancy::sql::PgSetting::DEFAULT
    );
    assert!(PAGE.contains(&setting), "{setting}");
    assert!(PAGE.contains("| `resolution.reserved` | list of texts | `www`, `admin`, `api`, … |"));
    for name in ["www", "admin", "api"] {
        assert!(tenancy::names::ReservedNames::DEFAULT.contains(&name), "{name}");
    }
}
