//! The service on poem.

use std::fmt;
use std::sync::Arc;

use axum::http::{Request, Response};
use poem::endpoint::{BoxEndpoint, make};
use poem::error::ResponseError;
use poem::http::StatusCode;
use poem::{Endpoint as _, EndpointExt as _, FromRequest as _, Route, get, post};
use tenancy::Opened;
use tenancy::poem::{Caller, Tenancy, Tenant, problem};

use super::service::{App, Failure, Notes, Problem, account, redeemed, refused, seen};

/// What a handler fails with. poem makes a response of it after the handler has returned.
#[derive(Debug)]
struct Refused(Failure);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Refused {}

impl ResponseError for Refused {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(refused(&self.0).0).unwrap()
    }

    fn as_response(&self) -> poem::Response {
        respond(refused(&self.0))
    }
}

fn respond((status, code, retry_after): Problem) -> poem::Response {
    problem(status, code, retry_after)
}

fn notes<DB: Notes>(opened: &Opened<DB>) -> BoxEndpoint<'static, poem::Response> {
    let (db, other) = (opened.db.clone(), opened.db.clone());
    let list = make(move |request| {
        let db = db.clone();
        async move {
            Tenant::from_request_without_body(&request).await?;
            Ok::<_, poem::Error>(DB::list(&db).await.map_err(Refused)?)
        }
    });
    let write = make(move |mut request| {
        let db = other.clone();
        async move {
            Tenant::from_request_without_body(&request).await?;
            let body = request.take_body().into_string().await?;
            DB::write(&db, &body).await.map_err(Refused)?;
            Ok::<_, poem::Error>(StatusCode::CREATED)
        }
    });
    get(list).post(write).map_to_response().boxed()
}

pub(super) fn app<DB: Notes>(opened: &Opened<DB>) -> App {
    let tenancy = Tenancy::from(opened.tenancy.clone());
    let directory = opened.directory.clone();
    let redeem = make(move |mut request| {
        let directory = directory.clone();
        async move {
            let grant = request.take_body().into_string().await?;
            let session = redeemed(&directory, &grant).await;
            session.map_err(|problem| poem::Error::from_response(respond(problem)))
        }
    });
    let seen = make(async |request| {
        let tenant = Tenant::from_request_without_body(&request).await?;
        Ok::<_, poem::Error>(seen(&tenant))
    });
    let account = make(async |request| {
        let caller = Caller::from_request_without_body(&request).await?;
        Ok::<_, poem::Error>(account(&caller))
    });
    let app = Route::new()
        .at("/notes", notes(opened).with(tenancy.scoped()))
        .at("/seen", get(seen).with(tenancy.scoped()))
        .at("/account", get(account).with(tenancy.authenticated()))
        .at("/support/session", post(redeem));
    let app = Arc::new(app);
    Arc::new(move |request: Request<String>| {
        let app = Arc::clone(&app);
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let mut request = poem::Request::builder().method(parts.method).uri(parts.uri).body(body);
            *request.headers_mut() = parts.headers;
            let mut answer = app.get_response(request).await;
            let body = answer.take_body().into_string().await.unwrap();
            let mut response = Response::new(body);
            *response.status_mut() = answer.status();
            *response.headers_mut() = answer.headers().clone();
            response
        })
    })
}
