//! The page is this program, and what it says of the program's answers is so.

#[path = "../../first-run/page.rs"]
mod page;

#[tokio::test]
async fn the_program_answers_as_the_page_says() {
    let page = page::Page::of(include_str!("../../../tenancy/docs/getting-started-tower.md"));
    page.has("src/main.rs", include_str!("../src/main.rs"));
    let docs = include_str!("../../../adapter-http/src/lib.rs");
    page::Page::is_in_docs(docs, include_str!("../src/main.rs"));
    page.has("tenancy.toml", include_str!("../tenancy.toml"));
    page.has(
        "migrations/0001_notes.sql",
        include_str!("../migrations/0001_notes.sql"),
    );
    let copy = page::copy_of(env!("CARGO_MANIFEST_DIR"), &[]);
    page::set_up!(tenancy::Sqlite, copy.path());
    page.answers(env!("CARGO_BIN_EXE_first-tower"), copy.path());
}
