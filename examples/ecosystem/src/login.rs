//! axum-login as authentication: it knows the user of a session, and tenancy whether they are a member.
//!
//! Three layers, from the outside in: axum-login's, `identify`, tenancy.

use std::convert::Infallible;

use axum::Router;
use axum::extract::{Form, Request};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum_login::{AuthManagerLayerBuilder, AuthUser, AuthnBackend, UserId};
use serde::Deserialize;
use tenancy_axum::{Caller, Tenancy, Tenant};
use tenancy_core::request::Claims;
use tower_sessions::{MemoryStore, SessionManagerLayer};

/// A user as axum-login holds it.
#[derive(Clone, Debug)]
pub struct User(String);

impl AuthUser for User {
    type Id = String;

    fn id(&self) -> String {
        self.0.clone()
    }

    /// A session ends when this changes: with a password, its hash.
    fn session_auth_hash(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// What a log-in shows.
#[derive(Debug, Deserialize)]
pub struct Login {
    name: String,
    password: String,
}

/// Stands for the users' table. Every password is `open sesame`.
#[derive(Clone, Copy, Debug)]
pub struct Users;

impl AuthnBackend for Users {
    type User = User;
    type Credentials = Login;
    type Error = Infallible;

    async fn authenticate(&self, login: Login) -> Result<Option<User>, Infallible> {
        Ok((login.password == "open sesame").then_some(User(login.name)))
    }

    async fn get_user(&self, name: &UserId<Self>) -> Result<Option<User>, Infallible> {
        Ok(Some(User(name.clone())))
    }
}

type AuthSession = axum_login::AuthSession<Users>;

/// The application.
pub fn app(tenancy: &Tenancy) -> Router {
    let sessions = SessionManagerLayer::new(MemoryStore::default()).with_secure(false);
    let scoped = Router::new().route("/notes", get(notes)).layer(tenancy.scoped());
    let account = Router::new()
        .route("/account", get(account))
        .layer(tenancy.authenticated());
    Router::new()
        .merge(scoped)
        .merge(account)
        .layer(from_fn(identify))
        .route("/login", post(login))
        .layer(AuthManagerLayerBuilder::new(Users, sessions).build())
}

/// Hands the user that axum-login has found to tenancy.
async fn identify(session: AuthSession, mut request: Request, next: Next) -> Response {
    if let Some(user) = session.user {
        let Ok(subject) = user.id().parse() else {
            return tenancy_axum::problem(500, "internal", None);
        };
        request.extensions_mut().insert(Claims::new(subject));
    }
    next.run(request).await
}

async fn login(mut session: AuthSession, Form(login): Form<Login>) -> Response {
    match session.authenticate(login).await {
        Ok(Some(user)) => match session.login(&user).await {
            Ok(()) => StatusCode::NO_CONTENT.into_response(),
            Err(_) => tenancy_axum::problem(503, "unavailable", Some(1)),
        },
        Ok(None) => tenancy_axum::problem(401, "wrong_password", None),
        Err(_) => tenancy_axum::problem(503, "unavailable", Some(1)),
    }
}

async fn notes(tenant: Tenant) -> String {
    format!("notes of {} for {}", tenant.id(), tenant.subject())
}

async fn account(caller: Caller) -> String {
    format!("the account of {}", caller.subject())
}
