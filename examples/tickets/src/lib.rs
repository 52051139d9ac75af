//! `tickets`: a ticket service for many organisations, on PostgreSQL.
//!
//! An organisation's plan decides how its data is kept apart: `free` by rows of shared tables, `team` by a schema, `enterprise`
//! by a database of its own. Nothing but the sign-up knows that.
//!
//! There are two processes. The one that serves tickets has the application's credentials alone. The one for accounts creates
//! tenants, so it has the administrator's, too, and serves no organisation's own requests.

mod accounts;
mod error;
mod events;
mod plan;
mod tickets;
mod triage;

use axum::Router;
use axum::routing::get;
use serde::Deserialize;
use tenancy::axum::Tenancy;
use tenancy::sql::{SqlDirectory, TenantDb};
use tenancy::{Open, Opened, Postgres};
use tokio::sync::mpsc;

use crate::triage::Job;

/// What the issuer's tokens say of a person, beside what tenancy reads.
#[derive(Clone, Debug, Deserialize)]
pub struct User {
    /// The name to show to others.
    pub name: String,
}

/// What is said in code about a `tenancy.toml`, in every process.
pub fn with_code(open: Open<Postgres>) -> Open<Postgres> {
    open.with_payload::<User>()
        .with_migrations("row", sqlx::migrate!("migrations/shared"))
        .with_migrations("schema", sqlx::migrate!("migrations/tenant"))
        .with_migrations("database", sqlx::migrate!("migrations/tenant"))
}

/// What handlers work with.
#[derive(Clone)]
struct App {
    db: TenantDb<Postgres>,
    directory: SqlDirectory<Postgres>,
    jobs: mpsc::Sender<Job>,
}

/// The service that organisations use, and its worker, which ends with it.
pub fn service(opened: &Opened<Postgres>) -> Router {
    let (jobs, received) = mpsc::channel(1000);
    let app = App {
        db: opened.db.clone(),
        directory: opened.directory.clone(),
        jobs,
    };
    tokio::spawn(triage::work(app.directory.clone(), app.db.clone(), received));
    let tenancy = Tenancy::from(opened.tenancy.clone());
    let scoped = Router::new()
        .route("/plan", get(plan::show))
        .route("/tickets", get(tickets::list).post(tickets::create))
        .route("/tickets/events", get(events::events))
        .route(
            "/tickets/{number}",
            get(tickets::read).put(tickets::update).delete(tickets::delete),
        )
        .layer(tenancy.scoped());
    let authenticated = Router::new()
        .route("/organisations", get(accounts::organisations))
        .layer(tenancy.authenticated());
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .merge(scoped)
        .merge(authenticated)
        .with_state(app)
}

pub use accounts::accounts;
