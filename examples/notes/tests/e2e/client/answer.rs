//! What a response says, in one line, and tables of them.

use serde_json::{Value, json};

use crate::client::raw::{Request, Response};
use crate::service::server::Server;

/// A response in one line: `200 acme header` (tenant and resolver), `200 acme`, `200 -` (no tenant),
/// `401 credentials_required` (a refusal's status and code), or the status alone.
///
/// A refusal must be complete, see [`refusal`]. Only the application's own `not_found`, of a note, may be stored.
pub(crate) fn answer(response: &Response) -> String {
    let status = response.status;
    match response.value("content-type") {
        Some("application/problem+json") if status == 404 && response.value("cache-control").is_none() => {
            format!("{status} {}", code(&response.json()))
        }
        Some("application/problem+json") => format!("{status} {}", refusal(response)),
        Some("application/json") if status == 200 => {
            let body = response.json();
            let resolver = body.get("resolver").and_then(Value::as_str);
            match (body.get("tenant"), resolver) {
                (Some(Value::String(tenant)), Some(resolver)) => format!("{status} {tenant} {resolver}"),
                (Some(Value::String(tenant)), None) => format!("{status} {tenant}"),
                (Some(Value::Null), None) => format!("{status} -"),
                _ => status.to_string(),
            }
        }
        _ => status.to_string(),
    }
}

fn code(body: &Value) -> &str {
    body.get("code").and_then(Value::as_str).unwrap_or("without a code")
}

/// The code of a refusal, followed by what is wrong with its body, its challenge or its `Cache-Control`: a refusal that
/// is not complete equals none.
pub(crate) fn refusal(response: &Response) -> String {
    let status = response.status;
    let body = response.json();
    let code = code(&body);
    let mut told = code.to_owned();
    let mut demand = |holds: bool, what: &str| {
        if !holds {
            told.push_str(&format!(", but {what}: {response:?}"));
        }
    };
    let (kind, title) = (body.get("type"), body.get("title"));
    demand(kind.is_some_and(Value::is_string), "there is no `type`");
    demand(title.is_some_and(Value::is_string), "there is no `title`");
    // Nothing else, so nothing that the client sent.
    let whole = json!({"type": kind, "title": title, "status": status, "code": code});
    demand(body == whole, "the body has other members");
    let challenge = match code {
        "invalid_token" => Some(r#"Bearer error="invalid_token""#),
        _ if status == 401 => Some("Bearer"),
        _ => None,
    };
    demand(
        response.value("www-authenticate") == challenge,
        "the challenge is wrong",
    );
    demand(response.value("cache-control") == Some("no-store"), "it may be stored");
    told
}

/// A row: a request, and what must be answered. Where more than one answer is right, `|` stands between them.
pub(crate) type Row<'r> = (Request, &'r str);

/// Sends each row's request on a connection of its own, and tells all that are answered wrongly.
pub(crate) fn check(server: &Server, rows: &[Row<'_>]) {
    let mut wrong = String::new();
    for (request, expected) in rows {
        let found = answer(&server.exchange(request));
        if !expected.split('|').any(|expected| expected == found) {
            wrong.push_str(&format!("\n  expected {expected}, got {found}: {request}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
