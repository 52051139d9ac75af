//! `tickets setup` makes and migrates what there is, `tickets accounts` serves sign-ups and the platform's staff, and
//! `tickets serve` serves tickets. The first two need `DATABASE_ADMIN_URL`.

use std::error::Error;
use std::num::NonZeroUsize;

use axum::Router;
use tenancy::Postgres;
use tenancy::directory::TenantEntry;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).init();
    let open = tickets::with_code(tenancy::open::<Postgres>("tenancy.toml"));
    match std::env::args().nth(1).as_deref() {
        Some("setup") => set_up(open).await,
        Some("serve") => serve(tickets::service(&open.await?), 3000).await,
        Some("accounts") => {
            let opened = open.await?;
            refuse_without_administrator(opened.directory.is_read_only())?;
            serve(tickets::accounts(&opened), 3001).await
        }
        _ => Err("write `tickets setup`, `tickets serve` or `tickets accounts`".into()),
    }
}

/// Opening with the administrator migrates the directory and the shared tables. Each tenant's own come after.
async fn set_up(open: tenancy::Open<Postgres>) -> Result<(), Box<dyn Error>> {
    let data = open.without_http().await?;
    refuse_without_administrator(data.directory.is_read_only())?;
    let tenants = data.directory.list().await?.into_iter();
    let records = tenants.map(|entry| entry.record().clone());
    let at_once = NonZeroUsize::new(4).ok_or("not zero")?;
    let summary = data
        .db
        .provision_all(records, at_once, |progress| tracing::info!(?progress))
        .await;
    data.close().await;
    match summary.failed.into_iter().next() {
        Some((tenant, error)) => Err(format!("failed to migrate {tenant}: {error}").into()),
        None => Ok(()),
    }
}

fn refuse_without_administrator(is_read_only: bool) -> Result<(), &'static str> {
    if is_read_only {
        return Err("this command changes the directory: set DATABASE_ADMIN_URL");
    }
    Ok(())
}

async fn serve(app: Router, port: u16) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    tracing::info!("listening on {}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}
