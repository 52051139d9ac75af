//! A whole service: who the caller is, which tenant they act for, and that tenant's rows.

use poem::listener::{Acceptor, Listener, TcpListener};
use poem::{EndpointExt, Route, Server, get, handler, http::StatusCode, web::Data};
use tenancy::Sqlite as Database;
use tenancy::poem::{Tenancy, Tenant, problem};
use tenancy::sql::{ErrorKind, TenantDb};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let opened = tenancy::open::<Database>("tenancy.toml").await?;
    let tenancy = Tenancy::from(opened.tenancy.clone());
    let notes = Route::new().at("/notes", get(list).post(add)).with(tenancy.scoped());
    let address = std::env::var("LISTEN").unwrap_or("127.0.0.1:3000".into());
    let acceptor = TcpListener::bind(address).into_acceptor().await?;
    for address in acceptor.local_addr() {
        println!("listening on {address}");
    }
    Ok(Server::new_with_acceptor(acceptor)
        .run(notes.data(opened.db.clone()))
        .await?)
}

#[handler]
async fn list(tenant: Tenant, Data(db): Data<&TenantDb<Database>>) -> poem::Result<String> {
    let mut tx = db.begin_read(&tenant).await.map_err(refuse)?;
    let select = sqlx::query_scalar("select body from notes order by body");
    let notes: Vec<String> = select.fetch_all(&mut *tx).await.map_err(refuse)?;
    Ok(notes.join("\n"))
}

#[handler]
async fn add(tenant: Tenant, Data(db): Data<&TenantDb<Database>>, note: String) -> poem::Result<StatusCode> {
    let mut tx = db.begin(&tenant).await.map_err(refuse)?;
    let insert = sqlx::query("insert into notes (body) values ($1)").bind(note);
    insert.execute(&mut *tx).await.map_err(refuse)?;
    tx.commit().await.map_err(refuse)?;
    Ok(StatusCode::CREATED)
}

fn refuse(error: impl std::error::Error + 'static) -> poem::Error {
    let kind = ErrorKind::of(&error);
    poem::Error::from_response(problem(kind.status(), kind.code(), kind.retry_after()))
}
