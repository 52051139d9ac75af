//! The pages are these programs, and what they say of the programs' answers is so.

#[path = "../../first-run/page.rs"]
mod page;

use page::Page;
use tenancy::testing::TestPostgres;

const PAGE: Page = Page::of(include_str!("../../../tenancy/docs/getting-started-axum.md"));
const ON_POSTGRESQL: Page = Page::of(include_str!("../../../tenancy/docs/getting-started-postgresql.md"));
const PROGRAM: &str = include_str!("../src/main.rs");

#[test]
fn the_program_answers_as_the_page_says() {
    PAGE.has("src/main.rs", PROGRAM);
    PAGE.has("tenancy.toml", include_str!("../tenancy.toml"));
    PAGE.has(
        "migrations/0001_notes.sql",
        include_str!("../migrations/0001_notes.sql"),
    );
    PAGE.answers(env!("CARGO_BIN_EXE_first-axum"), env!("CARGO_MANIFEST_DIR"), &[]);
}

/// With two replacements, and another file.
#[tokio::test]
async fn the_program_answers_the_same_on_postgresql() {
    let first_line = "A whole service: who";
    let replaced = PROGRAM.replace("Sqlite", "Postgres").replace("(?)", "($1)");
    let replaced = replaced.replace(first_line, "The same on PostgreSQL: who");
    assert_eq!(replaced, include_str!("../src/bin/first-axum-postgres.rs"));
    ON_POSTGRESQL.has("tenancy.toml", include_str!("../postgres/tenancy.toml"));
    let migration = include_str!("../postgres/migrations/0001_notes.sql");
    ON_POSTGRESQL.has("migrations/0001_notes.sql", migration);

    let server = std::env::var("DATABASE_URL").expect("DATABASE_URL: `cargo xtask test` sets it");
    let database = TestPostgres::new(&server).await.unwrap();
    let (application, administrator) = (database.application_url(), database.administrator_url());
    let variables = [
        ("DATABASE_URL", application.as_str()),
        ("DATABASE_ADMIN_URL", administrator.as_str()),
    ];
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/postgres");
    PAGE.answers(env!("CARGO_BIN_EXE_first-axum-postgres"), folder, &variables);
}
