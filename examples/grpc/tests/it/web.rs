//! What a client of gRPC-Web makes of a refusal, as tonic-web reads it.

use hyper::http::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tonic::Code;
use tonic_health::pb::health_client::HealthClient;
use tonic_web::GrpcWebClientLayer;
use tower::Layer;

use crate::endless::{request, serve};
use crate::tenure_support::{Tenants, tenancy};

/// The server translates nothing: the refusal comes from the layer alone.
#[tokio::test]
async fn a_refusal_is_a_status() {
    let address = serve(&tenancy(&Tenants::new())).await;
    let origin: Uri = format!("http://{address}").parse().unwrap();
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let mut client = HealthClient::with_origin(GrpcWebClientLayer::new().layer(client), origin);
    for (tenant, caller, code, message) in [
        ("acme", "mallory", Code::PermissionDenied, "forbidden"),
        ("ACME", "alice", Code::InvalidArgument, "malformed_tenant"),
    ] {
        let refused = client.check(request(tenant, caller)).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (code, message), "{refused:?}");
        let content = refused
            .metadata()
            .get("content-type")
            .map(|content| content.to_str().unwrap());
        assert!(
            content.is_none_or(|content| content.starts_with("application/grpc-web")),
            "{refused:?}"
        );
        let refused = client.watch(request(tenant, caller)).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (code, message), "{refused:?}");
    }
}
