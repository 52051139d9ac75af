//! The service on warp.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tenancy::Opened;
use tenancy::warp::{Caller, Tenancy, Tenant, caller, problem, service, tenant};
use tower::ServiceExt as _;
use warp::Filter;

use super::service::{App, Notes, Problem, account, redeemed, refused, seen};

type Reply = warp::reply::Response;

fn respond((status, code, retry_after): Problem) -> Reply {
    problem(status, code, retry_after)
}

/// What is sent as a body.
fn text() -> impl Filter<Extract = (String,), Error = warp::Rejection> + Copy {
    warp::body::bytes().map(|bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

pub(super) fn app<DB: Notes>(opened: &Opened<DB>) -> App {
    let tenancy = Tenancy::from(opened.tenancy.clone());
    let (db, directory) = (opened.db.clone(), opened.directory.clone());
    let db = warp::any().map(move || db.clone());
    let directory = warp::any().map(move || directory.clone());
    let list = warp::path!("notes").and(warp::get()).and(tenant()).and(db.clone());
    let list = list.then(async |_: Tenant, db| DB::list(&db).await.map_err(|error| respond(refused(&error))));
    let write = warp::path!("notes").and(warp::post()).and(tenant()).and(db).and(text());
    let write = write.then(async |_: Tenant, db, body: String| {
        let written = DB::write(&db, &body).await;
        written
            .map(|()| StatusCode::CREATED)
            .map_err(|error| respond(refused(&error)))
    });
    let seen = warp::path!("seen").and(tenant()).map(|tenant: Tenant| seen(&tenant));
    let account = warp::path!("account")
        .and(caller())
        .map(|caller: Caller| account(&caller));
    let redeem = warp::path!("support" / "session")
        .and(warp::post())
        .and(directory)
        .and(text());
    let redeem = redeem.then(async |directory, grant: String| redeemed(&directory, &grant).await.map_err(respond));
    let scoped = tenancy.scoped(list.or(write).or(seen));
    let app = service(scoped.or(tenancy.authenticated(account)).or(redeem));
    Arc::new(move |request: Request<String>| {
        let app = app.clone();
        Box::pin(async move {
            let answer = app.oneshot(request.map(Full::<Bytes>::from)).await.unwrap();
            let (parts, body) = answer.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            Response::from_parts(parts, String::from_utf8(body.to_vec()).unwrap())
        })
    })
}
