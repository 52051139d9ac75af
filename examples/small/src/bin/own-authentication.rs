//! Authentication of your own in place of tokens: a session of tower-sessions says who the caller is, and the directory
//! whether they are a member. [`ecosystem`](../../../ecosystem) has the same with axum-login and with payloads.
//!
//! ```text
//! without a session: 401 Unauthorized
//! alice logs in: 204 No Content
//! alice in acme: 200 OK
//! bob logs in: 204 No Content
//! bob in acme: 403 Forbidden
//! ```

use std::error::Error;

use axum::Router;
use axum::body::Body;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{Request, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{get, post};
use tenancy::Sqlite;
use tenancy::axum::{Tenancy, Tenant, problem};
use tenancy::http::ClaimsFromExtension;
use tenancy::request::Claims;
use tenancy::sql::{CreationKey, NewTenant};
use tower::ServiceExt;
use tower_sessions::{MemoryStore, Session, SessionManagerLayer};

const FILE: &str = include_str!("../../tenancy.toml");

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let sessions = ClaimsFromExtension::<Claims>::new().with_field("cookie".parse()?);
    let open = tenancy::open_text::<Sqlite>(FILE, folder.path());
    let opened = open.with_authenticator(sessions).await?;
    let acme = NewTenant::new("acme".parse()?, "database".parse()?).with_member("alice".parse()?);
    let (directory, key) = (&opened.directory, CreationKey::random());
    directory.create(&opened.db, &acme, &key).await?;
    // From the outside in: the session, who it is, whether they are a member.
    let home = get(|tenant: Tenant| async move { tenant.subject().to_string() });
    let app = Router::new()
        .route("/", home.layer(Tenancy::from(opened.tenancy.clone()).scoped()))
        .layer(from_fn(identify))
        .route("/login", post(log_in))
        .layer(SessionManagerLayer::new(MemoryStore::default()));
    let visit = || Request::get("/").header("x-tenant-id", "acme");
    let nobody = app.clone().oneshot(visit().body(Body::empty())?).await?;
    println!("without a session: {}", nobody.status());
    for who in ["alice", "bob"] {
        let login = Request::post("/login").body(Body::from(who))?;
        let answer = app.clone().oneshot(login).await?;
        println!("{who} logs in: {}", answer.status());
        let cookie = answer.headers().get(SET_COOKIE).ok_or("no session")?;
        let visit = visit().header(COOKIE, cookie).body(Body::empty())?;
        let answer = app.clone().oneshot(visit).await?;
        println!("{who} in acme: {}", answer.status());
    }
    Ok(())
}

async fn identify(session: Session, mut request: Request<Body>, next: Next) -> Result<Response, Response> {
    let name: Option<String> = session.get("name").await.map_err(unavailable)?;
    if let Some(subject) = name.and_then(|name| name.parse().ok()) {
        request.extensions_mut().insert(Claims::new(subject));
    }
    Ok(next.run(request).await)
}

/// Stands for a log-in: it asks for no password. A session that was planted before is not the one that is logged in.
async fn log_in(session: Session, name: String) -> Result<StatusCode, Response> {
    session.cycle_id().await.map_err(unavailable)?;
    session.insert("name", name).await.map_err(unavailable)?;
    Ok(StatusCode::NO_CONTENT)
}

/// A store that fails is no "nobody".
fn unavailable(_: tower_sessions::session::Error) -> Response {
    problem(503, "unavailable", Some(1))
}
