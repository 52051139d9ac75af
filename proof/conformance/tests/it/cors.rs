//! A CORS layer outside tenancy answers preflights; tenancy enforces what it lets through.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Empty;

use crate::client::{Answer, Client, Protocol, member, on_one_thread};
use crate::probe::Signals;
use crate::server::{Application, Around, ORIGIN, Serve, start};
use crate::{on_each_framework, tenants};

on_each_framework!(
    a_preflight_needs_no_tenant_and_no_credentials,
    answers_to_other_origins_carry_both_kinds_of_fields,
    without_a_cors_layer_every_options_is_enforced,
);
// The CORS layers of poem and warp leave the origin out.
on_each_framework!([axum, hyper, warp] vary_names_the_origin_too);
// tower-http's takes every OPTIONS for a preflight, and answers it.
on_each_framework!([poem, warp_own_cors] behind_a_cors_layer_other_options_are_enforced);

mod warp_own_cors {
    use crate::server::warp_own_cors::serve;

    #[test]
    fn answers_as_the_others_do() {
        super::a_preflight_needs_no_tenant_and_no_credentials(serve);
    }

    /// A refusal ends all filters of warp, this one too; hence a layer around the service is better.
    #[test]
    fn it_adds_nothing_to_refusals() {
        super::on_one_thread(async {
            for (status, answer) in super::answers(serve).await {
                assert_eq!(answer.status, status);
                let origin = answer.field("access-control-allow-origin");
                assert_eq!(origin, (status == 200).then_some(super::ORIGIN));
            }
        });
    }
}

async fn connect(serve: Serve, around: Around) -> Client {
    let application = Application {
        tenancy: tenants::prompt(),
        around,
        signals: Signals::new(),
    };
    Client::connect(start(serve, application).await, Protocol::Http1).await
}

fn preflight() -> Request<Empty<Bytes>> {
    Request::options("/probe/reads")
        .header("origin", ORIGIN)
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "authorization,x-tenant-id")
        .body(Empty::new())
        .unwrap()
}

/// A member's request, and the same of a stranger, and of nobody.
fn requests() -> [(u16, Request<Empty<Bytes>>); 3] {
    let mut stranger = member("/probe/reads", Some("acme"));
    let headers = stranger.headers_mut();
    headers.insert("authorization", "Bearer bob".parse().unwrap());
    [
        (200, member("/probe/reads", Some("acme"))),
        (403, stranger),
        (401, member("/probe/reads", None)),
    ]
}

fn a_preflight_needs_no_tenant_and_no_credentials(serve: Serve) {
    on_one_thread(async {
        let mut client = connect(serve, Around::Cors).await;
        let answer = client.send(preflight()).await;
        assert!((200..300).contains(&answer.status), "{answer:?}");
        assert_eq!(answer.field("access-control-allow-origin"), Some(ORIGIN));
        let allowed = answer
            .field("access-control-allow-headers")
            .unwrap()
            .to_ascii_lowercase();
        assert!(
            allowed.contains("authorization") && allowed.contains("x-tenant-id"),
            "{allowed}"
        );
        assert_eq!(answer.body, "");
    });
}

/// Refusals too: a script could not read their status otherwise.
fn answers_to_other_origins_carry_both_kinds_of_fields(serve: Serve) {
    on_one_thread(async {
        for (status, answer) in answers(serve).await {
            assert_eq!(answer.status, status);
            assert_eq!(answer.field("access-control-allow-origin"), Some(ORIGIN), "{status}");
            for name in ["authorization", "x-tenant-id"] {
                assert!(answer.varies_by().iter().any(|other| other == name), "{answer:?}");
            }
        }
    });
}

fn vary_names_the_origin_too(serve: Serve) {
    on_one_thread(async {
        for (_, answer) in answers(serve).await {
            assert!(answer.varies_by().iter().any(|name| name == "origin"), "{answer:?}");
        }
    });
}

/// What scripts of another origin are told, with the status that each request asks for.
async fn answers(serve: Serve) -> Vec<(u16, Answer)> {
    let mut client = connect(serve, Around::Cors).await;
    let mut answers = Vec::new();
    for (status, mut request) in requests() {
        request.headers_mut().insert("origin", ORIGIN.parse().unwrap());
        answers.push((status, client.send(request).await));
    }
    answers
}

fn without_a_cors_layer_every_options_is_enforced(serve: Serve) {
    on_one_thread(async {
        let mut client = connect(serve, Around::Nothing).await;
        assert_eq!(client.send(preflight()).await.status, 401);
        for (status, mut request) in requests() {
            *request.method_mut() = Method::OPTIONS;
            let answer = client.send(request).await;
            if status == 200 {
                // What the framework says to a method that the route does not know.
                assert!(![401, 403].contains(&answer.status), "{answer:?}");
            } else {
                assert_eq!(answer.status, status);
            }
        }
    });
}

fn behind_a_cors_layer_other_options_are_enforced(serve: Serve) {
    on_one_thread(async {
        let mut client = connect(serve, Around::Cors).await;
        for (status, mut request) in requests() {
            *request.method_mut() = Method::OPTIONS;
            let answer = client.send(request).await;
            assert_eq!(answer.status, if status == 200 { 405 } else { status }, "{answer:?}");
        }
    });
}

/// poem's layer sets `Vary` anew where it decides by the origin, and so hides ours. With the origins listed,
/// as in the tests above, it leaves ours alone.
#[test]
fn the_layer_of_poem_hides_our_vary_unless_its_origins_are_listed() {
    use poem::{Endpoint, EndpointExt, endpoint::make_sync, middleware::Cors};

    on_one_thread(async {
        let guarded = make_sync(|_| "").with(tenancy_poem::Tenancy::from(tenants::prompt()).public());
        for (cors, vary) in [
            (Cors::new().allow_origin(ORIGIN), "x-tenant-id"),
            (Cors::new().allow_origins_fn(|_| true), "Origin"),
            (Cors::new(), "Origin"),
        ] {
            let request = poem::Request::builder().header("origin", ORIGIN).finish();
            let response = (&guarded).with(cors).get_response(request).await;
            assert_eq!(response.headers().get("vary").unwrap(), vary);
        }
    });
}
