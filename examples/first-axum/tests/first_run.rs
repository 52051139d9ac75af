//! The pages are these programs, and what they say of the programs' answers is so.

#[path = "../../first-run/page.rs"]
mod page;

use page::Page;
use tenancy::testing::TestPostgres;

const PAGE: Page = Page::of(include_str!("../../../tenancy/docs/getting-started-axum.md"));
const ON_POSTGRESQL: Page = Page::of(include_str!("../../../tenancy/docs/getting-started-postgresql.md"));
/// Its commands are run by `cargo xtask ci first-page`.
const README: Page = Page::of(include_str!("../../../README.md"));

const PROGRAM: &str = include_str!("../src/main.rs");
const MIGRATION: &str = include_str!("../migrations/0001_notes.sql");

#[tokio::test]
async fn the_program_answers_as_the_page_says() {
    assert!(PROGRAM.lines().count() <= 40, "a first program is read at a glance");
    README.has("src/main.rs", PROGRAM);
    README.has("migrations/0001_notes.sql", MIGRATION);
    PAGE.has("src/main.rs", PROGRAM);
    Page::is_in_docs(include_str!("../../../adapter-axum/src/lib.rs"), PROGRAM);
    PAGE.has("tenancy.toml", include_str!("../tenancy.toml"));
    PAGE.has("migrations/0001_notes.sql", MIGRATION);
    let copy = page::copy_of(env!("CARGO_MANIFEST_DIR"), &[]);
    page::set_up!(tenancy::Sqlite, copy.path());
    PAGE.answers(env!("CARGO_BIN_EXE_first-axum"), copy.path());
}

/// With one replacement, and another file.
#[tokio::test]
async fn the_program_answers_the_same_on_postgresql() {
    let first_line = "A whole service: who";
    let replaced = PROGRAM.replacen("Sqlite", "Postgres", 1);
    let replaced = replaced.replace(first_line, "The same on PostgreSQL: who");
    assert_eq!(replaced, include_str!("../src/bin/first-axum-postgres.rs"));
    ON_POSTGRESQL.has("tenancy.toml", include_str!("../postgres/tenancy.toml"));
    let migration = include_str!("../postgres/migrations/0001_notes.sql");
    ON_POSTGRESQL.has("migrations/0001_notes.sql", migration);

    let server = std::env::var("DATABASE_URL").expect("DATABASE_URL: `cargo xtask test` sets it");
    let database = TestPostgres::new(&server).await.unwrap();
    let (application, administrator) = (database.application_url(), database.administrator_url());
    let urls = [
        ("application.url", application.as_str()),
        ("administrator.url", administrator.as_str()),
    ];
    let copy = page::copy_of(concat!(env!("CARGO_MANIFEST_DIR"), "/postgres"), &urls);
    page::set_up!(tenancy::Postgres, copy.path());
    PAGE.answers(env!("CARGO_BIN_EXE_first-axum-postgres"), copy.path());
}
