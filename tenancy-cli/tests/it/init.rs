//! `init`: a file, and what it describes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use tempfile::TempDir;

use crate::support::{Done, Service, piped};

/// In a folder without a file.
struct Empty {
    folder: TempDir,
    setup: Option<String>,
}

impl Empty {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            setup: None,
        }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenancy"));
        command
            .current_dir(self.folder.path())
            .args(line.split(' '))
            .env_clear();
        if let Some(url) = &self.setup {
            command.env("DATABASE_SETUP_URL", url);
        }
        command
    }

    fn run(&self, line: &str) -> Done {
        piped(&mut self.command(line), "")
    }

    fn file(&self) -> String {
        fs::read_to_string(self.folder.path().join("tenancy.toml")).unwrap()
    }
}

#[test]
fn a_new_service_on_sqlite() {
    let empty = Empty::new();
    let none = empty.run("init --json").ended(1).document();
    assert_eq!(none["error"]["code"], "no_file");
    let shown = empty.run("init sqlite --dry-run").ended(0);
    assert!(!empty.folder.path().join("tenancy.toml").exists());
    empty.run("init sqlite").ended(0);
    assert_eq!(empty.file(), shown.stdout);
    // Again, it changes nothing; another description does not replace it.
    let again = empty.run("init sqlite --json").ended(0).document();
    assert_eq!(again["written"], false);
    empty.run("init").ended(0);
    let refused = empty.run("init sqlite --folder elsewhere --json").ended(1).document();
    assert_eq!(refused["error"]["code"], "file_exists");
    assert_eq!(empty.file(), shown.stdout);
    let mode = fs::metadata(empty.folder.path().join("data"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o077, 0, "nobody else looks into it");
    empty.run("tenant create acme").ended(0);
    empty.run("check").ended(0);
}

#[test]
fn what_a_file_cannot_describe_is_refused() {
    let empty = Empty::new();
    for line in [
        "init sqlite --strategy schema",
        "init sqlite --strategy row",
        "init sqlite --strategy row --table notes",
        "init postgres --strategy row --dry-run --print-sql",
        "init postgres --database ",
    ] {
        let refused = empty.run(&format!("{line} --json")).ended(2).document();
        assert_eq!(refused["error"]["code"], "usage", "{line}");
    }
    assert!(!empty.folder.path().join("tenancy.toml").exists());
    let row = empty
        .run("init sqlite --strategy row --table notes=notes_rows --json")
        .ended(0)
        .document();
    assert!(
        row["next"].to_string().contains("notes_rows"),
        "the table is not made yet: {row}"
    );
}

#[test]
fn the_statements_are_printed_where_it_may_not() {
    let empty = Empty::new();
    let printed = empty.run("init postgres --print-sql").ended(0);
    for statement in [
        "create role \"tenants_app\"",
        "create role \"tenants_owner\"",
        "create database \"tenants\"",
    ] {
        assert!(printed.stdout.contains(statement), "{printed:?}");
    }
    assert!(empty.file().contains("url_env = \"DATABASE_URL\""));
    // No URL of a role that may make them: in part.
    let other = Empty::new();
    let part = other.run("init postgres --json").ended(4).document();
    assert!(part["sql"].as_str().unwrap().contains("create role"), "{part}");
    // A role that may not make roles.
    let service = Service::empty_postgres();
    let mut third = Empty::new();
    third.setup = Some(service.database.as_ref().unwrap().application_url());
    let part = third.run("init postgres --json").ended(4).document();
    assert!(
        part["reason"].as_str().unwrap().contains("may not make roles"),
        "{part}"
    );
}

#[test]
fn the_two_roles_are_made_once() {
    let server = std::env::var("DATABASE_URL").expect("no PostgreSQL: run `cargo xtask test`, or set DATABASE_URL");
    let name = format!("tenancy_cli_init_{}", std::process::id());
    let mut empty = Empty::new();
    empty.setup = Some(server.clone());
    let line = format!(
        "init postgres --database {name} --application-role {name}_app --administrator-role {name}_owner --json"
    );
    let _gone = Gone(server, name.clone());
    let made = empty.run(&line).ended(0);
    for file in ["application.url", "administrator.url"] {
        let path = empty.folder.path().join(file);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0, "{file}");
        let url = fs::read_to_string(&path).unwrap();
        let password = url.split(':').nth(2).and_then(|rest| rest.split('@').next()).unwrap();
        assert!(password.len() >= 32 && !made.stdout.contains(password) && !made.stderr.contains(password));
    }
    // Again, and again after the second role was lost.
    assert_eq!(empty.run(&line).ended(0).document()["written"], false);
    empty.run("tenant create acme").ended(0);
    empty.run("check").ended(0);
    empty.run("tenant archive acme").ended(0);
    empty.run("tenant delete acme --grace 0s --confirm acme").ended(0);
    // Another folder does not know the password of these roles, and does not take them over.
    let mut other = Empty::new();
    other.setup = empty.setup.clone();
    let refused = other.run(&line).ended(1).document();
    assert_eq!(refused["error"]["code"], "role_exists", "{refused}");
}

/// The command of a page that begins so, with the lines that go on.
fn command_of(page: &str, begins: &str) -> String {
    let (_, rest) = page.split_once(&format!("\n$ {begins}")).expect(begins);
    let rest = rest.replace("\\\n", " ");
    let (rest, _) = rest.split_once('\n').expect(begins);
    let line = format!("{begins}{rest}");
    let words: Vec<&str> = line.split_whitespace().skip(1).collect();
    words.join(" ")
}

/// What the pages on getting started show is what is written.
#[test]
fn the_files_of_the_first_pages() {
    let on_sqlite = include_str!("../../../examples/first-axum/tenancy.toml");
    for page in [
        include_str!("../../../README.md"),
        include_str!("../../../tenancy/docs/getting-started-axum.md"),
        include_str!("../../../tenancy/docs/getting-started-poem.md"),
        include_str!("../../../tenancy/docs/getting-started-warp.md"),
        include_str!("../../../tenancy/docs/getting-started-tower.md"),
    ] {
        let empty = Empty::new();
        let migrations = empty.folder.path().join("migrations");
        fs::create_dir(&migrations).unwrap();
        let migration = include_str!("../../../examples/first-axum/migrations/0001_notes.sql");
        fs::write(migrations.join("0001_notes.sql"), migration).unwrap();
        empty.run(&command_of(page, "tenancy init sqlite")).ended(0);
        assert_eq!(empty.file(), on_sqlite);
        for (tenant, member) in [("acme", "alice"), ("globex", "bob")] {
            let created = command_of(page, &format!("tenancy tenant create {tenant}"));
            assert!(created.ends_with(&format!("--member {member}")), "{created}");
            empty.run(&created).ended(0);
        }
    }
    let on_postgres = include_str!("../../../examples/first-axum/postgres/tenancy.toml");
    for page in [
        include_str!("../../../README.md"),
        include_str!("../../../tenancy/docs/getting-started-postgresql.md"),
    ] {
        let mut empty = Empty::new();
        empty.setup = Some("postgres://nobody@127.0.0.1:1/postgres".to_owned());
        let line = command_of(page, "tenancy init postgres");
        let described = empty.run(&format!("{line} --dry-run --json")).ended(0).document();
        assert_eq!(described["file"], on_postgres);
        let sql = described["sql"].as_str().unwrap();
        for statement in sql.lines().filter(|line| !line.starts_with("--")) {
            let page = include_str!("../../../tenancy/docs/getting-started-postgresql.md");
            assert!(page.contains(statement), "{statement}");
        }
    }
}

#[test]
fn the_secret_of_an_issuer_is_made_once() {
    let empty = Empty::new();
    let line = "init sqlite --issuer https://login.example --audience a\"b --secret-file key --json";
    empty.run(&format!("{line} --dry-run")).ended(0);
    let key = empty.folder.path().join("key");
    assert!(!key.exists());
    let made = empty.run(line).ended(0);
    let secret = fs::read_to_string(&key).unwrap();
    assert!(
        secret.trim().len() >= 32 && !made.stdout.contains(secret.trim()),
        "{made:?}"
    );
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o077, 0);
    let jwt = &toml::from_str::<toml::Table>(&empty.file()).unwrap()["jwt"];
    assert_eq!(jwt["audience"].as_str(), Some("a\"b"));
    empty.run(line).ended(0);
    assert_eq!(fs::read_to_string(&key).unwrap(), secret);
}

/// The issuer says where its keys are, where no secret is given. Nothing is fetched before the service starts.
#[test]
fn an_issuer_is_asked_for_its_keys() {
    let empty = Empty::new();
    empty
        .run("init sqlite --issuer https://login.example --audience notes")
        .ended(0);
    let jwt = &toml::from_str::<toml::Table>(&empty.file()).unwrap()["jwt"];
    assert_eq!(jwt["issuers"][0]["discovery"].as_bool(), Some(true));
}

/// A file that does not open would be in the way of the next attempt.
#[test]
fn what_is_wrong_is_found_before_the_file_is_written() {
    let short = "too short";
    for (line, code) in [
        ("init sqlite --issuer http://login.example --audience notes", "usage"),
        (
            "init sqlite --issuer https://login.example --audience notes --secret-file short",
            "usage",
        ),
        ("init sqlite --issuer https://login.example", "usage"),
        ("init sqlite --migrations nosuch", "configuration"),
        (
            "init postgres --strategy row --table notes --row-migrations nosuch",
            "configuration",
        ),
        (
            "init postgres --issuer http://login.example --audience notes --print-sql",
            "usage",
        ),
    ] {
        let empty = Empty::new();
        fs::write(empty.folder.path().join("short"), short).unwrap();
        let refused = empty.run(&format!("{line} --json"));
        let document = refused.document();
        assert_eq!(document["error"]["code"], code, "{line}: {document}");
        assert!(!document.to_string().contains(short), "{document}");
        assert!(!empty.folder.path().join("tenancy.toml").exists(), "{line}");
    }
}

/// Removes what `init` has made on the server.
struct Gone(String, String);

impl Drop for Gone {
    fn drop(&mut self) {
        let Self(server, name) = self;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            use sqlx::ConnectOptions as _;
            let options: sqlx::postgres::PgConnectOptions = server.parse().unwrap();
            let mut connection = options.connect().await.unwrap();
            for sql in [
                format!("drop database if exists {name}_acme with (force)"),
                format!("drop database if exists {name} with (force)"),
                format!("drop role if exists {name}_app"),
                format!("drop role if exists {name}_owner"),
            ] {
                let _ = sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await;
            }
        });
    }
}
