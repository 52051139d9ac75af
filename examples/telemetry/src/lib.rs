//! What an operator sees of tenancy.
//!
//! - The log: each line that the code of a request writes stands in the span `tenancy.request`, with its tenant. The line of
//!   the handler of `/notes` needs no argument for that.
//! - `/metrics`: how long decisions and beginnings of transactions take, and what is refused, as Prometheus collects it.
//!
//! The crates `metrics` and `tracing` are facades: for OpenTelemetry, install the recorder of another exporter and the layer
//! of `tracing-opentelemetry`, and change nothing else.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use sqlx::migrate::Migrator;
use tenancy::Sqlite;
use tenancy::axum::{Tenancy, Tenant};
use tenancy::sql::{InsecureTestStrategy, StrategyRegistry, TenantDb};

/// Installs the recorder of this process. What is recorded before is lost.
///
/// # Errors
///
/// If the process has a recorder.
pub fn install_metrics() -> Result<PrometheusHandle, Box<dyn std::error::Error>> {
    let handle = PrometheusBuilder::new().install_recorder()?;
    tenancy::http::describe_metrics();
    tenancy::cache::describe_metrics();
    tenancy::sql::describe_metrics();
    Ok(handle)
}

/// A database in memory, where the example keeps nothing.
///
/// # Errors
///
/// If it cannot be opened.
pub async fn database() -> Result<TenantDb<Sqlite>, Box<dyn std::error::Error>> {
    let strategy = InsecureTestStrategy::open(&Migrator::DEFAULT).await?;
    Ok(TenantDb::new(StrategyRegistry::new().with(strategy)?))
}

/// The application. `/metrics` is central: it tells of all tenants together. Serve it where clients cannot reach it.
pub fn app(tenancy: &Tenancy, db: TenantDb<Sqlite>, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/notes", get(notes))
        .layer(tenancy.scoped())
        .with_state(db)
        .route("/metrics", get(async move || metrics.render()))
}

async fn notes(_: Tenant, State(db): State<TenantDb<Sqlite>>) -> Result<&'static str, StatusCode> {
    let transaction = db.begin_read_current().await.map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "failed to begin");
        StatusCode::SERVICE_UNAVAILABLE
    })?;
    transaction
        .commit()
        .await
        .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    tracing::info!("showed the notes");
    Ok("no notes yet\n")
}
