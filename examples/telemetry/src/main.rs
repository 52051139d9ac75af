//! Serves the example on port 3000.

use std::error::Error;

use tenancy::axum::Tenancy;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // `RUST_LOG=info,tenancy=debug` shows each decision and each beginning of a transaction, too.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).init();
    let metrics = telemetry::install_metrics()?;
    // No security at all: the header `x-tenant-id` names any tenant.
    let app = telemetry::app(&Tenancy::insecure_test_stub(), telemetry::database().await?, metrics);
    let listener = TcpListener::bind(("127.0.0.1", 3000)).await?;
    println!("curl -H 'x-tenant-id: acme' http://127.0.0.1:3000/notes");
    println!("curl http://127.0.0.1:3000/metrics");
    Ok(axum::serve(listener, app).await?)
}
