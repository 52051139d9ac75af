use std::pin::Pin;

use futures_util::{Stream, StreamExt, stream};
use tenancy_core::context;
use tenancy_core::enforce::Rejection;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

/// Answers each tenant's members about their own tenant.
#[derive(Clone, Copy, Debug)]
pub struct TenantHealth;

type Updates = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

#[tonic::async_trait]
impl Health for TenantHealth {
    type WatchStream = Updates;

    /// The layer has bound the request. What a client says of the tenant in its message is compared, and never believed.
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        let tenant = tenancy_http::tenant(request.extensions()).map_err(|rejection| refused(&rejection))?;
        let is_own = tenant.id() == request.get_ref().service.as_str();
        Ok(Response::new(answer(is_own)))
    }

    /// The stream is polled after this function has returned, and finds the tenant all the same. It ends with a status if the
    /// caller may not go on, such as after their tenant was suspended.
    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Updates>, Status> {
        let tenure = tenancy_http::tenure(request.extensions()).map_err(|rejection| refused(&rejection))?;
        let asked = request.into_inner().service;
        let updates = stream::iter(0..3).then(move |_| {
            let asked = asked.clone();
            async move {
                tokio::task::yield_now().await;
                let tenant = context::current().map_err(|error| Status::internal(error.to_string()))?;
                Ok(answer(tenant.id() == asked.as_str()))
            }
        });
        let updates = tenure.while_admitted_or(updates, |ended| Err(refused(&ended)));
        Ok(Response::new(updates.boxed()))
    }
}

fn answer(is_serving: bool) -> HealthCheckResponse {
    let status = if is_serving {
        ServingStatus::Serving
    } else {
        ServingStatus::ServiceUnknown
    };
    HealthCheckResponse { status: status.into() }
}

/// The status of a refusal, for handlers that ask for more than their layer binds, and for streams that end. It is the one that
/// the layer answers with.
pub fn refused(rejection: &Rejection) -> Status {
    let mut metadata = MetadataMap::new();
    if let Some(challenge) = rejection
        .www_authenticate()
        .and_then(|challenge| challenge.parse().ok())
    {
        metadata.insert("www-authenticate", challenge);
    }
    Status::with_metadata(
        Code::from_i32(rejection.grpc_status().into()),
        rejection.code(),
        metadata,
    )
}
