use std::future::Future;
use std::net::SocketAddr;

use tenancy_http::Tenancy;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::pb::health_server::HealthServer;

use crate::TenantHealth;

/// Serves members of tenants. Returns the address, and what serves.
///
/// # Errors
///
/// If no port can be bound.
pub async fn serve(
    tenancy: &Tenancy,
) -> std::io::Result<(
    SocketAddr,
    impl Future<Output = Result<(), tonic::transport::Error>> + Send + use<>,
)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let serving = Server::builder()
        .layer(tenancy.scoped())
        .add_service(HealthServer::new(TenantHealth))
        .serve_with_incoming(TcpIncoming::from(listener));
    Ok((address, serving))
}
