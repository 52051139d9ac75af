//! The application: signing in, and one page for members.

use std::error::Error;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Form, Router};
use serde::Deserialize;
use tenancy_axum::{Tenancy, Tenant};
use tenancy_core::directory::{MemoryDirectory, MemoryEntry, TenantRecord};
use tenancy_core::enforce::Enforcer;
use tenancy_core::resolve::{Resolver, ResolverChain};

use crate::authenticator::SessionAuthenticator;
use crate::resolver::SessionResolver;
use crate::session::Sessions;

/// What a form says: the tenant, who signs in, and how they prove it.
#[derive(Deserialize)]
struct Login {
    tenant: String,
    subject: String,
    password: String,
}

/// The routes.
///
/// # Errors
///
/// If two tenants have one name.
pub fn app(sessions: &Sessions, tenants: Vec<TenantRecord>) -> Result<Router, Box<dyn Error>> {
    // Any type that implements `Resolver` joins a chain in an `Arc`.
    let resolver: Arc<dyn Resolver> = Arc::new(SessionResolver::new(sessions.clone()));
    let enforcer = Enforcer::new(ResolverChain::new().then(resolver)?);
    let directory = MemoryDirectory::new(tenants.into_iter().map(MemoryEntry::new))?;
    let tenancy = Tenancy::builder(enforcer, SessionAuthenticator::new(sessions.clone()), directory).build();
    let scoped = Router::new().route("/notes", get(notes)).layer(tenancy.scoped());
    let central = Router::new().route("/login", post(login)).with_state(sessions.clone());
    Ok(central.merge(scoped))
}

async fn notes(tenant: Tenant) -> String {
    format!("notes of {}, shown to {}", tenant.id(), tenant.subject())
}

/// Checks the password, and begins a session. A real service looks the caller up, and their membership.
async fn login(State(sessions): State<Sessions>, Form(login): Form<Login>) -> impl IntoResponse {
    let names = login.tenant.parse().ok().zip(login.subject.parse().ok());
    match names {
        Some((tenant, subject)) if login.password == "open sesame" => Ok((
            [(SET_COOKIE, sessions.begin(&tenant, &subject).to_string())],
            "signed in\n",
        )),
        _ => Err(StatusCode::FORBIDDEN),
    }
}
