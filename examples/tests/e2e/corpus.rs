//! The corpus over a real socket: each row as the bytes of HTTP/1.1 that it describes.

use std::collections::{BTreeMap, BTreeSet};

use tenancy_corpus::{
    Answer, Case, Claims, Corpus, Observed, Runner, SECRET, TENANT_CLAIM, TENANTS_CLAIM, Tokens, Version,
};

use crate::raw::Response;
use crate::server::{Folder, Server};
use crate::token::Token;

/// HTTP/2 has tests of its own.
const FLOOR: usize = 1100;

#[test]
fn rows() {
    let corpus = Corpus::load().unwrap();
    let mut servers: BTreeMap<String, Server> = BTreeMap::new();
    Runner::new(&corpus, FLOOR)
        .with_filter(|case| case.request.version != Version::Http2)
        .run(|case| {
            let server = servers.entry(case.config.clone()).or_insert_with(|| {
                let configuration = &corpus.configurations()[&case.config];
                Server::start_in(Folder::new(&configuration.to_notes_toml(corpus.tenants())))
            });
            let good = case.token.as_ref().map(sign).unwrap_or_default();
            let bad = Token::of("alice").sign_with(b"another secret, of thirty-two bytes and more");
            let tokens = Tokens { good: &good, bad: &bad };
            let mut connection = server.connect();
            connection.send(&case.request.http1_bytes(&tokens).unwrap());
            let response = connection.receive(&case.request.method);
            response.map_or(Answer::Closed.into(), |response| observed(case, &response))
        });
}

/// A token that says what the row says, even what it should not.
fn sign(claims: &Claims) -> String {
    let json = |value: &toml::Value| serde_json::to_value(value).unwrap();
    let token = Token::of(&claims.subject);
    let token = match &claims.tenant {
        Some(tenant) => token.claim(TENANT_CLAIM, json(tenant)),
        None => token,
    };
    match &claims.tenants {
        Some(tenants) => token.claim(TENANTS_CLAIM, json(tenants)),
        None => token,
    }
    .sign_with(SECRET.as_bytes())
}

fn observed(case: &Case, response: &Response) -> Observed {
    let vary: BTreeSet<String> = response
        .values("vary")
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_lowercase())
        .collect();
    Observed {
        answer: answer(case, response),
        vary: Some(vary),
    }
}

fn answer(case: &Case, response: &Response) -> Answer {
    if response.body.is_empty() || case.request.method == "HEAD" {
        return Answer::Status(response.status);
    }
    if response.body == b"ok" {
        return Answer::Central;
    }
    let Ok(body) = serde_json::from_slice::<serde_json::Value>(&response.body) else {
        return Answer::Status(response.status);
    };
    let text = |name: &str| body.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
    match (response.status, text("tenant")) {
        (200, Some(id)) => Answer::Tenant {
            id,
            resolver: text("resolver"),
            subject: text("subject"),
        },
        (200, None) => Answer::NoTenant,
        (status, _) => Answer::refused(status, text("code").unwrap_or_default()),
    }
}
