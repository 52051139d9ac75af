//! The service on axum.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http_body_util::BodyExt as _;
use tenancy::Opened;
use tenancy::axum::{Caller, Tenancy, Tenant, problem};
use tenancy::sql::{SqlDirectory, TenantDb};
use tower::ServiceExt as _;

use super::service::{App, Failure, Notes, Problem, account, redeemed, refused, seen};

/// What a handler fails with. It becomes a response where the handler runs.
struct Refused(Failure);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, code, retry_after) = refused(&self.0);
        problem(status, code, retry_after)
    }
}

async fn list<DB: Notes>(State(db): State<TenantDb<DB>>, _: Tenant) -> Result<String, Refused> {
    DB::list(&db).await.map_err(Refused)
}

async fn write<DB: Notes>(State(db): State<TenantDb<DB>>, _: Tenant, body: String) -> Result<StatusCode, Refused> {
    DB::write(&db, &body).await.map_err(Refused)?;
    Ok(StatusCode::CREATED)
}

async fn redeem<DB: Notes>(State(directory): State<SqlDirectory<DB>>, grant: String) -> Result<String, Response> {
    let refuse = |(status, code, retry_after): Problem| problem(status, code, retry_after);
    redeemed(&directory, &grant).await.map_err(refuse)
}

pub(super) fn app<DB: Notes>(opened: &Opened<DB>) -> App {
    let tenancy = Tenancy::from(opened.tenancy.clone());
    let scoped = Router::new()
        .route("/notes", get(list::<DB>).post(write::<DB>))
        .route("/seen", get(async |Tenant(tenant): Tenant| seen(&tenant)))
        .layer(tenancy.scoped())
        .with_state(opened.db.clone());
    let central = Router::new()
        .route("/support/session", post(redeem::<DB>))
        .with_state(opened.directory.clone());
    let callers = Router::new()
        .route("/account", get(async |Caller(caller): Caller| account(&caller)))
        .layer(tenancy.authenticated());
    let app = scoped.merge(central).merge(callers);
    Arc::new(move |request: Request<String>| {
        let app = app.clone();
        Box::pin(async move {
            let answer = app.oneshot(request.map(Body::from)).await.unwrap();
            let (parts, body) = answer.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            Response::from_parts(parts, String::from_utf8(body.to_vec()).unwrap())
        })
    })
}
