//! A request over a socket: what a service answers in a second, with and without tenancy.
//!
//! Handler, bytes of the request and body of the answer are the same. The server has a thread of its own, and so has the
//! load: several connections that are kept alive, each of which sends the next request when it has read the answer.

mod client;
mod server;

use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use http::header::VARY;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use poem::EndpointExt;
use tenancy_core::enforce::Enforcer;
use tenancy_http::{Authenticator, KeyAlgorithm, Tenancy, TokenVerifier};
use tower::{Layer, service_fn};
use warp::Filter;

use self::client::Clients;
use self::server::Server;
use crate::admission::warm;
use crate::fixture::{chain, header, named};
use crate::{Group, Row, tokens};

/// How many connections there are, each with one request under way.
const CONNECTIONS: usize = 16;

/// The time of a request that takes so much of it leaves 0.92 of the requests in a second.
const AT_MOST: f64 = 1.0 / 0.92;

/// The same for 0.85.
const WARP_AT_MOST: f64 = 1.0 / 0.85;

pub(crate) fn group() -> Group {
    let hyper = service_fn(async |_: Request<Incoming>| Ok::<_, Infallible>(Response::new(notes())));
    let axum_bare = Router::new().route("/notes", get(async || notes()));
    let axum_asking = Router::new().route(
        "/notes",
        get(async |tenant: tenancy_axum::Tenant| {
            black_box(tenant);
            notes()
        }),
    );
    let bare_route = poem::Route::new().at("/notes", poem::get(poem_bare));
    let asking_route = poem::Route::new().at("/notes", poem::get(poem_asking));
    let warp_bare = warp::path!("notes").and(warp::get()).map(notes);
    let warp_asking = warp::path!("notes").and(warp::get()).and(tenancy_warp::tenant());
    let warp_asking = warp_asking.map(|tenant: tenancy_warp::Tenant| {
        black_box(tenant);
        notes()
    });
    let axum = tenancy_axum::Tenancy::from(tenancy());
    let poem = tenancy_poem::Tenancy::from(tenancy());
    let warp = tenancy_warp::Tenancy::from(tenancy());
    // An operation that waits for another thread.
    Group::default()
        .with_longer_turns(25)
        .row(row("hyper", Server::of_service(hyper)))
        .row(row("hyper, and `Vary`", varying(None)))
        .against(["hyper"], None)
        .row(row("hyper, `Vary` and the token found", varying(Some(verifier()))))
        .against(["hyper"], None)
        .row(row(
            "hyper, with tenancy",
            Server::of_service(tenancy().scoped().layer(hyper)),
        ))
        .against(["hyper"], AT_MOST)
        .row(row("axum", Server::of_service(axum_bare)))
        .row(row(
            "axum, with tenancy",
            Server::of_service(axum.scoped().layer(axum_asking)),
        ))
        .against(["axum"], AT_MOST)
        .row(row("poem", Server::of_endpoint(bare_route)))
        .row(row(
            "poem, with tenancy",
            Server::of_endpoint(asking_route.with(poem.scoped())),
        ))
        .against(["poem"], AT_MOST)
        .row(row("warp", Server::of_service(warp::service(warp_bare))))
        .row(row(
            "warp, with tenancy",
            Server::of_service(tenancy_warp::service(warp.scoped(warp_asking))),
        ))
        .against(["warp"], WARP_AT_MOST)
}

/// Header, look-up in a warm cache, membership by a verified token that is cached.
fn tenancy() -> Tenancy {
    Tenancy::builder(Enforcer::new(chain([header()])), verifier(), warm(10)).build()
}

fn verifier() -> TokenVerifier {
    tokens::verifier(KeyAlgorithm::Hs256, true)
}

/// Parts of what tenancy does, by hand: the field that each answer has beside the bare one, and the look for the token among those
/// that were verified.
fn varying(verifier: Option<TokenVerifier>) -> Server {
    let verifier = Arc::new(verifier);
    Server::of_service(service_fn(move |request: Request<Incoming>| {
        let verifier = Arc::clone(&verifier);
        async move {
            let (parts, _) = request.into_parts();
            let found = verifier
                .as_ref()
                .as_ref()
                .map(|verifier| verifier.authenticate_now(&parts));
            black_box(found);
            let mut response = Response::new(notes());
            let vary = HeaderValue::from_static("x-tenant-id, authorization");
            response.headers_mut().insert(VARY, vary);
            Ok::<_, Infallible>(response)
        }
    }))
}

/// A page of notes as JSON, written anew for each request.
fn notes() -> String {
    let notes: Vec<_> = (0..20)
        .map(|number| serde_json::json!({ "id": number, "body": "Call the bank about the invoice of May." }))
        .collect();
    serde_json::to_string(&notes).unwrap()
}

#[poem::handler]
fn poem_bare() -> String {
    notes()
}

#[poem::handler]
fn poem_asking(tenant: tenancy_poem::Tenant) -> String {
    black_box(tenant);
    notes()
}

fn row(name: &str, server: Server) -> Row {
    let make = async move || Clients::connect(server, CONNECTIONS, &request()).await;
    Row::concurrent(name, CONNECTIONS, make, async |clients: &Clients| {
        clients.request().await
    })
}

/// The bytes of a browser's request, with the token and the tenant's name.
fn request() -> Vec<u8> {
    let mut fields = named().headers;
    let token = [b"Bearer ".as_slice(), &tokens::token(KeyAlgorithm::Hs256)].concat();
    fields.insert("authorization", HeaderValue::from_bytes(&token).unwrap());
    let mut request = b"GET /notes HTTP/1.1\r\n".to_vec();
    for (name, value) in &fields {
        request.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    request.extend(b"\r\n");
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without it, the rows would compare answers of different work.
    #[test]
    fn all_servers_answer_the_same_body_and_tenancy_refuses_those_without_a_token() {
        let runtime = crate::measure::runtime();
        let without_token = b"GET /notes HTTP/1.1\r\nhost: a.example\r\n\r\n".to_vec();
        let served = Server::of_service(tenancy().scoped().layer(service_fn(async |_: Request<Incoming>| {
            Ok::<_, Infallible>(Response::new(notes()))
        })));
        let answer = |request: Vec<u8>| {
            runtime.block_on(async {
                let mut stream = tokio::net::TcpStream::connect(served.address()).await.unwrap();
                client::exchange(&mut stream, &request).await
            })
        };
        let admitted = answer(request());
        assert!(admitted.starts_with(b"HTTP/1.1 200 "));
        assert!(admitted.ends_with(notes().as_bytes()));
        assert!(answer(without_token).starts_with(b"HTTP/1.1 401 "));
    }
}
