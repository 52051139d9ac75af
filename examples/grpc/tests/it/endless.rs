//! A service whose stream does not end by itself, and its client.

use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use tenancy_core::context;
use tenancy_http::Tenancy;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

/// How often streams are checked.
pub(crate) const INTERVAL: Duration = Duration::from_millis(20);

/// Sends the length of the tenant's name, for as long as the caller may go on.
pub(crate) struct Endless;

type Updates = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

#[tonic::async_trait]
impl Health for Endless {
    type WatchStream = Updates;

    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        let tenant = tenancy_http::tenant(request.extensions()).map_err(|rejection| grpc::refused(&rejection))?;
        assert_eq!(context::current().unwrap(), tenant);
        Ok(Response::new(answer(tenant.id().as_str())))
    }

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Updates>, Status> {
        let tenure = tenancy_http::tenure(request.extensions()).map_err(|rejection| grpc::refused(&rejection))?;
        let updates = stream::unfold((), |()| async {
            tokio::time::sleep(INTERVAL / 4).await;
            Some((Ok(answer(context::current().unwrap().id().as_str())), ()))
        });
        let tenure = tenure.with_interval(INTERVAL);
        let updates = tenure.while_admitted_or(updates, |ended| Err(grpc::refused(&ended)));
        Ok(Response::new(updates.boxed()))
    }
}

fn answer(tenant: &str) -> HealthCheckResponse {
    HealthCheckResponse {
        status: i32::try_from(tenant.len()).unwrap(),
    }
}

pub(crate) async fn serve(tenancy: &Tenancy) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = Server::builder()
        .layer(tenancy.scoped())
        .add_service(HealthServer::new(Endless))
        .serve_with_incoming(TcpIncoming::from(listener));
    tokio::spawn(serving);
    address
}

pub(crate) async fn client(tenancy: &Tenancy) -> HealthClient<Channel> {
    let channel = Channel::from_shared(format!("http://{}", serve(tenancy).await)).unwrap();
    HealthClient::new(channel.connect().await.unwrap())
}

pub(crate) fn request(tenant: &str, authorization: &str) -> Request<HealthCheckRequest> {
    let mut request = Request::new(HealthCheckRequest::default());
    let metadata = request.metadata_mut();
    metadata.insert("x-tenant-id", tenant.parse().unwrap());
    metadata.insert("authorization", authorization.parse().unwrap());
    request
}
