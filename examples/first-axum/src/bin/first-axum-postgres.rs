//! The same on PostgreSQL: who the caller is, which tenant they act for, and that tenant's rows.

use axum::extract::State;
use axum::{Router, http::StatusCode, response::Response, routing::get};
use tenancy::Postgres as Database;
use tenancy::axum::{Tenancy, Tenant, problem};
use tenancy::sql::{ErrorKind, TenantDb};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let opened = tenancy::open::<Database>("tenancy.toml").await?;
    let tenancy = Tenancy::from(opened.tenancy.clone());
    let notes = Router::new()
        .route("/notes", get(list).post(add))
        .layer(tenancy.scoped());
    let address = std::env::var("LISTEN").unwrap_or("127.0.0.1:3000".into());
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    Ok(axum::serve(listener, notes.with_state(opened.db.clone())).await?)
}

async fn list(tenant: Tenant, State(db): State<TenantDb<Database>>) -> Result<String, Response> {
    let mut tx = db.begin_read(&tenant).await.map_err(refuse)?;
    let select = sqlx::query_scalar("select body from notes order by body");
    let notes: Vec<String> = select.fetch_all(&mut *tx).await.map_err(refuse)?;
    Ok(notes.join("\n"))
}

async fn add(tenant: Tenant, State(db): State<TenantDb<Database>>, note: String) -> Result<StatusCode, Response> {
    let mut tx = db.begin(&tenant).await.map_err(refuse)?;
    let insert = sqlx::query("insert into notes (body) values ($1)").bind(note);
    insert.execute(&mut *tx).await.map_err(refuse)?;
    tx.commit().await.map_err(refuse)?;
    Ok(StatusCode::CREATED)
}

fn refuse(error: impl std::error::Error + 'static) -> Response {
    let kind = ErrorKind::of(&error);
    problem(kind.status(), kind.code(), kind.retry_after())
}
