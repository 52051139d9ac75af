//! A whole service: who the caller is, which tenant they act for, and that tenant's rows.

use hyper_util::{rt::TokioExecutor, rt::TokioIo, server::conn::auto::Builder, service::TowerToHyperService};
use tenancy::Sqlite as Database;
use tenancy::sql::{ErrorKind, TenantDb};
use tenancy::warp::{Tenancy, Tenant, problem, tenant};
use warp::{Filter, http::StatusCode, reply::Response};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let opened = tenancy::open::<Database>("tenancy.toml").await?;
    let (tenancy, db) = (Tenancy::from(opened.tenancy.clone()), opened.db.clone());
    let notes = warp::path!("notes").and(tenant());
    let notes = notes.and(warp::any().map(move || db.clone()));
    let list = notes.clone().and(warp::get()).then(list);
    let note = warp::body::content_length_limit(65_536).and(warp::body::bytes());
    let add = notes.and(warp::post()).and(note).then(add);
    let service = TowerToHyperService::new(tenancy::warp::service(tenancy.scoped(list.or(add))));
    let address = std::env::var("LISTEN").unwrap_or("127.0.0.1:3000".into());
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, service) = (TokioIo::new(listener.accept().await?.0), service.clone());
        let http = Builder::new(TokioExecutor::new());
        tokio::spawn(async move { http.serve_connection(stream, service).await });
    }
}

async fn list(tenant: Tenant, db: TenantDb<Database>) -> Result<String, Response> {
    let mut tx = db.begin_read(&tenant).await.map_err(refuse)?;
    let select = sqlx::query_scalar("select body from notes order by body");
    let notes: Vec<String> = select.fetch_all(&mut *tx).await.map_err(refuse)?;
    Ok(notes.join("\n"))
}

async fn add(tenant: Tenant, db: TenantDb<Database>, note: impl AsRef<[u8]>) -> Result<StatusCode, Response> {
    let mut tx = db.begin(&tenant).await.map_err(refuse)?;
    let insert = sqlx::query("insert into notes (body) values ($1)").bind(String::from_utf8_lossy(note.as_ref()));
    insert.execute(&mut *tx).await.map_err(refuse)?;
    tx.commit().await.map_err(refuse)?;
    Ok(StatusCode::CREATED)
}

fn refuse(error: impl std::error::Error + 'static) -> Response {
    let kind = ErrorKind::of(&error);
    problem(kind.status(), kind.code(), kind.retry_after())
}
