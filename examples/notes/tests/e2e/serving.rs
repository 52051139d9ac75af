//! A process that has the application's URL alone, as in production.

use std::sync::Arc;

use serde_json::json;

use crate::client::raw::Request;
use crate::client::token::Token;
use crate::service::postgres::Database;
use crate::service::refused::refused;
use crate::service::server::{Folder, Server};
use crate::service::setup::Setup;

/// It serves tenants that another process has set up, and reads and writes the same notes.
#[test]
fn without_the_administrator() {
    let Some(database) = Database::with_prepared_role() else {
        return;
    };
    let database = Arc::new(database);
    let toml = Setup::new(&["header"]).toml();
    let folder = || Folder::new(&toml).in_database(Arc::clone(&database));
    // Nothing is set up yet.
    let message = refused(&folder().serving_only()).unwrap();
    for part in [
        "`directory`: the directory is not set up",
        "`strategies.row`",
        "TableMissing",
    ] {
        assert!(message.contains(part), "{message}");
    }
    let administrator = Server::start_in(folder());
    let serving = Server::start_in(folder().serving_only());
    for (subject, tenant) in [("alice", "acme"), ("bob", "globex")] {
        let token = Token::of(subject).tenant(tenant).sign();
        let request = Request::new("POST", "/notes")
            .json(r#"{"body":"hello"}"#)
            .bearer(&token)
            .tenant(tenant);
        assert_eq!(serving.exchange(&request).status, 201);
        let listed = Request::get("/notes").bearer(&token).tenant(tenant);
        for server in [&serving, &administrator] {
            let notes = server.exchange(&listed).json();
            assert_eq!(notes[0]["body"], json!("hello"), "{tenant}: {notes}");
        }
    }
}
