//! A whole service: who the caller is, which tenant they act for, and that tenant's rows.

use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, Response, body::Bytes, body::Incoming};
use hyper_util::{rt::TokioExecutor, rt::TokioIo, server::conn::auto::Builder, service::TowerToHyperService};
use tenancy::sql::{ErrorKind, TenantDb};
use tenancy::{Sqlite as Database, http::problem};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let opened = tenancy::open::<Database>("tenancy.toml").await?;
    let db = opened.db.clone();
    let notes = tower::service_fn(move |request| answer(request, db.clone()));
    let service = TowerToHyperService::new(tower::Layer::layer(&opened.tenancy.scoped(), notes));
    let address = std::env::var("LISTEN").unwrap_or("127.0.0.1:3000".into());
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, service) = (TokioIo::new(listener.accept().await?.0), service.clone());
        let http = Builder::new(TokioExecutor::new());
        tokio::spawn(async move { http.serve_connection(stream, service).await });
    }
}

async fn answer(request: Request<Incoming>, db: TenantDb<Database>) -> Result<Response<Full<Bytes>>, Failure> {
    let answered = match (request.method(), request.uri().path()) {
        (&Method::GET, "/notes") => list(db).await,
        (&Method::POST, "/notes") => add(db, request.into_body()).await,
        _ => Ok(problem(404, "not_found", None)),
    };
    let response = answered.unwrap_or_else(|error| {
        let kind = ErrorKind::of(error.as_ref());
        problem(kind.status(), kind.code(), kind.retry_after())
    });
    Ok(response.map(Full::new))
}

async fn list(db: TenantDb<Database>) -> Result<Response<Bytes>, Failure> {
    // The tenant is the one that the layer has bound the running task to.
    let mut tx = db.begin_read_current().await?;
    let select = sqlx::query_scalar("select body from notes order by body");
    let notes: Vec<String> = select.fetch_all(&mut *tx).await?;
    Ok(Response::new(notes.join("\n").into()))
}

async fn add(db: TenantDb<Database>, body: Incoming) -> Result<Response<Bytes>, Failure> {
    let note = Limited::new(body, 65_536).collect().await?.to_bytes();
    let mut tx = db.begin_current().await?;
    let insert = sqlx::query("insert into notes (body) values ($1)").bind(String::from_utf8_lossy(&note));
    insert.execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(Response::builder().status(201).body(Bytes::new())?)
}
