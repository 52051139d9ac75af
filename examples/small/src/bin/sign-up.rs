//! Sign-up: a caller creates a tenant while the service runs, and is its first member.
//!
//! ```text
//! alice in acme: 403 Forbidden
//! alice signs up acme: 201 Created
//! alice signs up acme: 201 Created
//! alice in acme: 200 OK
//! bob signs up acme: 409 Conflict
//! bob in acme: 403 Forbidden
//! ```

use std::error::Error;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use tenancy::axum::{Caller, Tenancy, Tenant, problem};
use tenancy::directory::{Change, Member, TenantEntry};
use tenancy::http::ClaimsFromExtension;
use tenancy::names::StrategyName;
use tenancy::request::Claims;
use tenancy::sql::{CreateError, CreationKey, NewTenant};
use tenancy::{Opened, Sqlite};
use tower::ServiceExt;

const FILE: &str = include_str!("../../tenancy.toml");

type App = std::sync::Arc<Opened<Sqlite>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let open = tenancy::open_text::<Sqlite>(FILE, folder.path());
    let opened = open.with_authenticator(ClaimsFromExtension::<Claims>::new()).await?;
    let tenancy = Tenancy::from(opened.tenancy.clone());
    let app = Router::new()
        .route("/sign-up", post(sign_up).layer(tenancy.authenticated()))
        .route("/", get(home).layer(tenancy.scoped()))
        .with_state(App::new(opened));
    let (visit, sign_up) = (("GET", "/", "in"), ("POST", "/sign-up", "signs up"));
    let (alice, bob) = ([visit, sign_up, sign_up, visit], [sign_up, visit]);
    let acts = alice
        .map(|act| ("alice", act))
        .into_iter()
        .chain(bob.map(|act| ("bob", act)));
    for (who, (method, path, what)) in acts {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("x-tenant-id", "acme");
        // Stands for whatever has found out who the caller is.
        let request = request.extension(Claims::new(who.parse()?)).body(Body::from("acme"))?;
        println!("{who} {what} acme: {}", app.clone().oneshot(request).await?.status());
    }
    Ok(())
}

/// The key is the caller's, so that a second click goes on with what the first began.
async fn sign_up(caller: Caller, State(app): State<App>, id: String) -> Result<StatusCode, Response> {
    let id = id.parse().map_err(|_| problem(422, "not_a_name", None))?;
    let tenant = NewTenant::new(id, StrategyName::from_static("database")).with_member(Member::of_caller(&caller));
    let key = CreationKey::of_caller(&caller);
    let entry = match app.directory.create(&app.db, &tenant, &key).await {
        Ok(entry) => entry,
        Err(CreateError::AlreadyExists { .. }) => return Err(problem(409, "taken", None)),
        Err(_) => return Err(problem(503, "unavailable", Some(1))),
    };
    // SQLite notifies of nothing: that there was no such tenant is forgotten here.
    app.changes.publish(Change::tenant(entry.record().id.clone()));
    Ok(StatusCode::CREATED)
}

async fn home(tenant: Tenant) -> String {
    format!("{} for {}", tenant.id(), tenant.subject())
}
