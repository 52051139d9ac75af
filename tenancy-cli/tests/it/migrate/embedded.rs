//! The command as a service embeds it, with its migrations compiled in.

use std::borrow::Cow;
use std::fs;
use std::process::ExitCode;

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use tenancy_cli::Cli;

use super::{ONCE, create, notes};
use crate::support::Service;

fn migration(version: i64, sql: &'static str) -> Migration {
    Migration::new(
        version,
        Cow::Borrowed("notes"),
        MigrationType::Simple,
        sql.into_sql_str(),
        false,
    )
}

#[test]
fn it_runs_what_is_compiled_in() {
    let service = Service::sqlite();
    let ids = create(&service, "database", 2);
    let file = service.folder().join("tenancy.toml");
    let with_folders = fs::read_to_string(&file).unwrap();
    let without = with_folders.lines().filter(|line| !line.starts_with("migrations = "));
    let compiled = service.folder().join("compiled.toml");
    fs::write(&compiled, without.collect::<Vec<_>>().join("\n")).unwrap();
    let run = |arguments: &[&str]| {
        const FIRST: &str = "create table notes (id text primary key, body text not null);";
        let path = compiled.to_str().unwrap();
        let migrations = Migrator::with_migrations(vec![migration(1, FIRST), migration(2, ONCE)]);
        let arguments = ["notes-tenants", "--file", path, "--json"]
            .into_iter()
            .chain(arguments.iter().copied());
        let ended = Cli::new("notes-tenants")
            .with_migrations("database", migrations)
            .run_with(arguments);
        // An exit code compares with nothing.
        format!("{ended:?}")
    };
    let code = |code: u8| format!("{:?}", ExitCode::from(code));
    assert_eq!(run(&["migrate", "plan"]), code(3));
    assert_eq!(run(&["migrate", "run", "--yes"]), code(0));
    assert_eq!(run(&["migrate", "plan"]), code(0));
    assert!(ids.iter().all(|id| notes(&service, id, "once") == 1));
}
