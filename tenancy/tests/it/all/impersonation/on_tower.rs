//! The service on nothing but tower's traits, as hyper serves it.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use tenancy::Opened;
use tenancy::http::{caller, problem, tenant};
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::service::{App, Failure, Notes, Problem, account, redeemed, refused, seen};

type Reply = Response<Full<Bytes>>;

fn respond((status, code, retry_after): Problem) -> Reply {
    problem(status, code, retry_after).map(Full::new)
}

fn text(text: impl Into<Bytes>) -> Reply {
    Response::new(Full::new(text.into()))
}

/// What runs within a tenant. The layer has bound the running task to it.
async fn scoped<DB: Notes>(db: tenancy::sql::TenantDb<DB>, request: Request<String>) -> Result<Reply, Failure> {
    if request.uri().path() == "/seen" {
        return Ok(text(seen(&tenant(request.extensions())?)));
    }
    if request.method() == Method::GET {
        return Ok(text(DB::list(&db).await?));
    }
    DB::write(&db, request.body()).await?;
    Ok(Response::builder().status(201).body(Full::default())?)
}

pub(super) fn app<DB: Notes>(opened: &Opened<DB>) -> App {
    let (db, directory) = (opened.db.clone(), opened.directory.clone());
    let within = opened.tenancy.scoped().layer(service_fn(move |request| {
        let db = db.clone();
        async move {
            let answered = scoped(db, request).await;
            Ok::<_, Infallible>(answered.unwrap_or_else(|error| respond(refused(&error))))
        }
    }));
    let callers = opened
        .tenancy
        .authenticated()
        .layer(service_fn(async |request: Request<String>| {
            let answered = caller(request.extensions()).map(|caller| text(account(&caller)));
            Ok::<_, Infallible>(answered.unwrap_or_else(|_| respond((500, "internal", None))))
        }));
    Arc::new(move |request: Request<String>| {
        let (within, callers, directory) = (within.clone(), callers.clone(), directory.clone());
        Box::pin(async move {
            let answer = match request.uri().path() {
                "/support/session" => {
                    let redeemed = redeemed(&directory, request.body()).await;
                    return whole(redeemed.map_or_else(respond, text)).await;
                }
                "/account" => callers.oneshot(request).await.unwrap(),
                _ => within.oneshot(request).await.unwrap(),
            };
            whole(answer).await
        })
    })
}

async fn whole<B>(answer: Response<B>) -> Response<String>
where
    B: axum::body::HttpBody<Data = Bytes, Error: std::fmt::Debug>,
{
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Response::from_parts(parts, String::from_utf8(body.to_vec()).unwrap())
}
