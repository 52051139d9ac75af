//! Streams and bodies that end with their connection, by hyper and a client of its own.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response, Version};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tenancy_core::directory::TenantStatus;
use tenancy_http::{Tenancy, tenure};
use tokio::io::duplex;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use tower::ServiceBuilder;

use super::support::{Tenants, alice_in_acme, tenancy};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_its_tenure_and_drops_what_it_holds() {
    for says_why in [false, true] {
        let tenants = Tenants::new();
        let held = alice_in_acme(&tenants).await;
        let (dropped, mut was_dropped) = oneshot::channel::<()>();
        let items = stream::unfold(dropped, |dropped| async move {
            tokio::time::sleep(Duration::from_secs(10)).await;
            Some(("item", dropped))
        });
        let mut items = if says_why {
            held.while_admitted_or(items, |ended| ended.code()).boxed()
        } else {
            held.while_admitted(items).boxed()
        };
        assert_eq!(items.next().await, Some("item"));
        tenants.change(|now| now.status = TenantStatus::Suspended);
        let rest: Vec<_> = timeout(Duration::from_secs(3600), items.by_ref().collect())
            .await
            .unwrap();
        let (last, before) = rest
            .split_last()
            .map_or((None, &[][..]), |(last, before)| (Some(*last), before));
        assert_eq!(last, Some(if says_why { "forbidden" } else { "item" }));
        assert!(
            before.len() <= 3 && before.iter().all(|item| *item == "item"),
            "{rest:?}"
        );
        assert!(
            was_dropped
                .try_recv()
                .is_err_and(|error| error == oneshot::error::TryRecvError::Closed)
        );
        assert_eq!(items.next().await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_always_has_an_item_ends_too_and_one_that_ends_has_ended() {
    let tenants = Tenants::new();
    let mut endless = alice_in_acme(&tenants).await.while_admitted(stream::repeat(1));
    assert_eq!(endless.next().await, Some(1));
    tenants.change(|now| now.is_member = false);
    let begun = Instant::now();
    while endless.next().await.is_some() && begun.elapsed() < Duration::from_secs(3600) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(begun.elapsed() <= Duration::from_secs(31), "{:?}", begun.elapsed());

    tenants.change(|now| now.is_member = true);
    let finite = alice_in_acme(&tenants)
        .await
        .while_admitted_or(stream::iter([1, 2]), |_| 3);
    assert_eq!(finite.collect::<Vec<_>>().await, [1, 2]);
}

/// Sends a piece each second, for as long as it may.
async fn handler(request: Request<Incoming>) -> Result<Response<UnsyncBoxBody<Bytes, BoxError>>, Infallible> {
    let held = tenure(request.extensions()).unwrap();
    let pieces = stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"."))), ()))
    });
    Ok(Response::new(
        held.while_admitted_body(StreamBody::new(pieces)).boxed_unsync(),
    ))
}

async fn body_of(tenancy: &Tenancy, version: Version) -> Incoming {
    let (client, server) = duplex(64 * 1024);
    let service = ServiceBuilder::new().layer(tenancy.scoped()).service_fn(handler);
    tokio::spawn(async move {
        let service = TowerToHyperService::new(service);
        let _ = Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(server), service)
            .await;
    });
    let request = Request::get("http://localhost/")
        .header("x-tenant-id", "acme")
        .header("authorization", "alice")
        .header("host", "localhost")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let io = TokioIo::new(client);
    let response = if version == Version::HTTP_2 {
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    } else {
        let (mut sender, connection) = http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    };
    assert_eq!(response.status(), 200);
    response.into_body()
}

/// Nobody takes what was sent for the whole.
#[tokio::test(start_paused = true)]
async fn a_body_ends_in_an_error_that_the_client_sees() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let tenants = Tenants::new();
        let mut body = body_of(&tenancy(&tenants), version).await;
        for _ in 0..100 {
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), ".");
        }
        tenants.change(|now| now.status = TenantStatus::Suspended);
        let end = async {
            loop {
                match body.frame().await {
                    Some(Ok(_)) => {}
                    end => return end.map(|frame| frame.is_err()),
                }
            }
        };
        assert_eq!(
            timeout(Duration::from_secs(31), end).await.unwrap(),
            Some(true),
            "{version:?}"
        );
    }
}

#[cfg(feature = "limits")]
#[tokio::test(start_paused = true)]
async fn a_body_is_under_way_until_it_ends_and_not_after() {
    use std::sync::Arc;

    use tenancy_http::{Limits, TenantLimiter};

    use super::support::{Named, enforcer};

    let tenants = Tenants::new();
    let limiter = Arc::new(TenantLimiter::new(Limits::none().with_under_way(1)));
    let record = tenancy_core::directory::TenantRecord::new("acme".parse().unwrap(), "row".parse().unwrap());
    let is_free = || limiter.enter(&record).is_ok();
    let tenancy = Tenancy::builder(enforcer(), Named, tenants.clone())
        .with_authorizer(tenants.clone())
        .with_limits(Arc::clone(&limiter))
        .build();
    let mut body = body_of(&tenancy, Version::HTTP_2).await;
    for _ in 0..100 {
        assert!(body.frame().await.unwrap().is_ok());
        assert!(!is_free());
    }
    tenants.change(|now| now.status = TenantStatus::Suspended);
    while let Some(Ok(_)) = body.frame().await {}
    // The client may see the end a little before the server has dropped the body.
    let freed = async {
        while !is_free() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(30), freed).await.unwrap();
}
