//! The page's text, and the server's programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use sqlx::postgres::PgConnectOptions;

use crate::postgres::support::server::{PASSWORD, TestDatabase};

const PAGE: &str = include_str!("../../../../docs/postgresql.md");

/// The text of a recipe: the block behind its name.
pub(super) fn recipe(name: &str) -> &'static str {
    let marker = format!("<!-- recipe: {name} -->\n```");
    let (_, behind) = PAGE.split_once(&marker).unwrap_or_else(|| panic!("no recipe {name}"));
    let (_, text) = behind.split_once('\n').unwrap();
    let (text, _) = text.split_once("\n```").unwrap();
    text
}

/// The page's roles and database are the test's.
pub(super) fn named(database: &TestDatabase, text: &str) -> String {
    let mut words = Vec::new();
    for word in text.split_inclusive(|character: char| !character.is_ascii_alphanumeric() && character != '_') {
        let end = word.find(|character: char| !character.is_ascii_alphanumeric() && character != '_');
        let (name, rest) = word.split_at(end.unwrap_or(word.len()));
        words.push(
            match name {
                "app" => database.application_role().to_owned(),
                "admin" => database.administrator_role().to_owned(),
                "backup" => format!("{}_backup", database.application_role()),
                name => name.to_owned(),
            } + rest,
        );
    }
    words.concat()
}

/// Runs a recipe of the shell in an empty folder, with the page's names replaced by the test's.
pub(super) fn shell(database: &TestDatabase, folder: &Path, name: &str, changes: &[(&str, &str)]) -> String {
    let mut text = recipe(name).replace("app.tenant_id", "SETTING");
    for (from, to) in changes {
        assert!(text.contains(from), "{name} has no {from}");
        text = text.replace(from, to);
    }
    let text = named(database, &text).replace("SETTING", "app.tenant_id");
    let server: PgConnectOptions = database.administrator();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).collect::<Vec<PathBuf>>();
    let path = std::env::join_paths(programs().into_iter().chain(folders)).unwrap();
    let done = Command::new("sh")
        .args(["-c", &text])
        .current_dir(folder)
        .env("PATH", path)
        .env("PGHOST", server.get_host())
        .env("PGPORT", server.get_port().to_string())
        .env("PGPASSWORD", PASSWORD)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{text}\n{errors}");
    errors
}

/// Where Debian keeps the server's programs, the newest first. Without them the shell finds none, and the test fails.
fn programs() -> Vec<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = folders.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    folders
}

#[test]
fn every_recipe_is_run() {
    let tests = [
        include_str!("backup.rs"),
        include_str!("rows.rs"),
        include_str!("schemas.rs"),
        include_str!("upserts.rs"),
    ]
    .concat();
    let mut names = PAGE
        .split("<!-- recipe: ")
        .skip(1)
        .map(|text| text.split(' ').next().unwrap());
    let missing: Vec<&str> = names
        .by_ref()
        .filter(|name| !tests.contains(&format!("\"{name}\"")))
        .collect();
    assert_eq!(missing, [""; 0]);
}
