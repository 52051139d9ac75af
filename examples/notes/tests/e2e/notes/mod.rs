//! The tenants' notes, by either strategy and on either database.

use serde_json::{Value, json};

use crate::client::raw::{Connection, Request};
use crate::client::token::Token;
use crate::service::server::Server;
use crate::service::setup::Setup;

mod bodies;
mod isolation;

/// What a member does, on one connection.
struct Member {
    tenant: &'static str,
    token: String,
    connection: Connection,
}

impl Member {
    fn new(server: &Server, tenant: &'static str) -> Self {
        Self {
            tenant,
            token: Token::of("alice").tenant(tenant).sign(),
            connection: server.connect(),
        }
    }

    fn send(&mut self, request: Request) -> (u16, Vec<u8>) {
        let request = request.tenant(self.tenant).bearer(&self.token);
        let response = self.connection.exchange(&request);
        (response.status, response.body)
    }

    fn json(&mut self, request: Request, status: u16) -> Value {
        let shown = request.to_string();
        let (found, body) = self.send(request);
        assert_eq!(found, status, "{shown}: {}", body.escape_ascii());
        serde_json::from_slice(&body).unwrap()
    }

    /// Adds a note and answers its id, as it stands in a path.
    fn add(&mut self, body: &str) -> String {
        let note = self.json(
            Request::new("POST", "/notes").json(&json!({"body": body}).to_string()),
            201,
        );
        assert_eq!(note["body"], body);
        id(&note)
    }

    fn bodies(&mut self) -> Vec<String> {
        let notes = self.json(Request::get("/notes"), 200);
        let mut bodies: Vec<_> = notes
            .as_array()
            .unwrap()
            .iter()
            .map(|note| note["body"].as_str().unwrap().to_owned())
            .collect();
        bodies.sort();
        bodies
    }
}

fn id(note: &Value) -> String {
    match &note["id"] {
        Value::String(id) => id.clone(),
        Value::Number(id) => id.to_string(),
        other => panic!("{other} is no id"),
    }
}

fn note(id: &str) -> String {
    format!("/notes/{id}")
}

/// On each framework, and on each database.
fn each_database(setup: &Setup) -> impl Iterator<Item = Server> {
    Server::each(setup).chain(Server::each_on_postgres(setup))
}
