//! What a client of gRPC-Web makes of answers and refusals, by tonic-web, over HTTP/1.1 as browsers speak it.

use std::net::SocketAddr;

use hyper::http::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tenancy_http::Tenancy;
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Status};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::HealthServer;
use tonic_web::{GrpcWebCall, GrpcWebClientLayer, GrpcWebClientService, GrpcWebLayer};
use tower::{Layer, ServiceBuilder};

use crate::endless::{Endless, request};
use crate::tenure_support::{Tenants, tenancy};

/// Which of the two layers is around the other.
#[derive(Clone, Copy, Debug)]
enum Outer {
    /// Refusals are sent as the layer makes them.
    Tenancy,
    /// tonic-web translates the requests before they are judged, and the refusals.
    Web,
}

async fn serve(tenancy: &Tenancy, outer: Outer) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (server, incoming) = (Server::builder().accept_http1(true), TcpIncoming::from(listener));
    let (tenancy, web, service) = (tenancy.scoped(), GrpcWebLayer::new(), HealthServer::new(Endless));
    match outer {
        Outer::Tenancy => {
            let layers = ServiceBuilder::new().layer(tenancy).layer(web).into_inner();
            let serving = { server }.layer(layers).add_service(service);
            tokio::spawn(serving.serve_with_incoming(incoming));
        }
        Outer::Web => {
            let layers = ServiceBuilder::new().layer(web).layer(tenancy).into_inner();
            let serving = { server }.layer(layers).add_service(service);
            tokio::spawn(serving.serve_with_incoming(incoming));
        }
    }
    address
}

type Web = GrpcWebClientService<Client<HttpConnector, GrpcWebCall<Body>>>;

fn client(address: SocketAddr) -> HealthClient<Web> {
    let origin: Uri = format!("http://{address}").parse().unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    HealthClient::with_origin(GrpcWebClientLayer::new().layer(client), origin)
}

fn told(refused: &Status) -> (Code, &str) {
    (refused.code(), refused.message())
}

#[tokio::test]
async fn a_refusal_is_a_status_and_an_answer_is_one() {
    for outer in [Outer::Tenancy, Outer::Web] {
        let mut client = client(serve(&tenancy(&Tenants::new()), outer).await);
        let answer = client.check(request("acme", "alice")).await.unwrap();
        assert_eq!(answer.into_inner().status, 4, "{outer:?}");
        let mut updates = client.watch(request("globex", "alice")).await.unwrap().into_inner();
        assert_eq!(updates.message().await.unwrap().unwrap().status, 6, "{outer:?}");
        drop(updates);
        for (tenant, caller, expected) in [
            ("acme", "mallory", (Code::PermissionDenied, "forbidden")),
            ("ACME", "alice", (Code::InvalidArgument, "malformed_tenant")),
        ] {
            let refused = client.check(request(tenant, caller)).await.unwrap_err();
            assert_eq!(told(&refused), expected, "{outer:?}: {refused:?}");
            let refused = client.watch(request(tenant, caller)).await.unwrap_err();
            assert_eq!(told(&refused), expected, "{outer:?}: {refused:?}");
        }
    }
}

/// A stream that ends because its caller may not go on ends with the status of the refusal.
#[tokio::test]
async fn a_stream_ends_with_the_status_of_a_refusal() {
    for outer in [Outer::Tenancy, Outer::Web] {
        let tenants = Tenants::new();
        let mut client = client(serve(&tenancy(&tenants), outer).await);
        let mut updates = client.watch(request("acme", "alice")).await.unwrap().into_inner();
        assert!(updates.message().await.unwrap().is_some(), "{outer:?}");
        tenants.change(|state| state.is_member = false);
        let ended = loop {
            match updates.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("{outer:?}: it ends without a status"),
                Err(status) => break status,
            }
        };
        assert_eq!(
            told(&ended),
            (Code::PermissionDenied, "forbidden"),
            "{outer:?}: {ended:?}"
        );
    }
}
