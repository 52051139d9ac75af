//! tower-sessions as authentication: the session says who the caller is, and tenancy whether they are a member.
//!
//! Three layers, from the outside in: the sessions, `identify`, tenancy.

use axum::Router;
use axum::extract::{Form, Request};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use tenancy_axum::{Caller, Payload, Tenancy, Tenant};
use tenancy_core::request::{Claims, SharedPayload};
use tower_sessions::{MemoryStore, Session, SessionManagerLayer};

/// What a session holds of its user.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct User {
    /// The name by which tenants list their members.
    pub name: String,
    /// What only handlers need.
    pub theme: String,
}

/// The session's key for the user.
const USER: &str = "user";

/// The application.
pub fn app(tenancy: &Tenancy) -> Router {
    let scoped = Router::new().route("/notes", get(notes)).layer(tenancy.scoped());
    let account = Router::new()
        .route("/account", get(account))
        .layer(tenancy.authenticated());
    let sessions = SessionManagerLayer::new(MemoryStore::default()).with_secure(false);
    Router::new()
        .merge(scoped)
        .merge(account)
        .layer(from_fn(identify))
        .route("/login", post(login))
        .layer(sessions)
}

/// Reads who the caller is, for tenancy.
///
/// A store that fails is a 503. If it read as "nobody", a caller would be asked to log in again while the store is down,
/// and on an optional route they would be served as nobody.
async fn identify(session: Session, mut request: Request, next: Next) -> Response {
    let user: Option<User> = match session.get(USER).await {
        Ok(user) => user,
        Err(_) => return tenancy_axum::problem(503, "unavailable", Some(1)),
    };
    if let Some(user) = user {
        // A name that is no subject is a fault of the log-in, not of the caller.
        let Ok(subject) = user.name.parse() else {
            return tenancy_axum::problem(500, "internal", None);
        };
        request
            .extensions_mut()
            .insert(Claims::new(subject).with_payload(SharedPayload::new(user)));
    }
    next.run(request).await
}

/// Stands for a log-in: it asks for no password.
async fn login(session: Session, Form(user): Form<User>) -> Response {
    // A new id, so that a session that an attacker has planted is not the one that is logged in.
    let stored = match session.cycle_id().await {
        Ok(()) => session.insert(USER, user).await,
        Err(error) => Err(error),
    };
    match stored {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(_) => tenancy_axum::problem(503, "unavailable", Some(1)),
    }
}

async fn notes(tenant: Tenant, user: Payload<User>) -> String {
    format!("notes of {} for {}, {}", tenant.id(), tenant.subject(), user.theme)
}

async fn account(caller: Caller) -> String {
    format!("the account of {}", caller.subject())
}
