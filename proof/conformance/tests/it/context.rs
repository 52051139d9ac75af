//! Every request sees its own tenant, wherever its code runs, and leaves nothing to the next one.

use futures_util::future::join_all;
use tenancy_core::context;
use tenancy_http::Tenancy;

use crate::client::{Client, Protocol, member, on_one_thread, on_threads};
use crate::probe::{CROWD, PIECES, Signals};
use crate::server::{Application, Around, Serve, start};
use crate::{on_each_framework, tenants};

on_each_framework!(
    one_connection_never_mixes_tenants,
    concurrent_streams_never_mix_tenants,
    tasks_and_threads_lose_the_tenant_unless_it_is_carried,
    a_streamed_body_keeps_the_tenant,
    a_panic_leaves_nothing_behind,
    a_cancelled_request_leaves_nothing_behind,
);

const REQUESTS: usize = 1_000;

fn application(tenancy: Tenancy) -> (Application, Signals) {
    let signals = Signals::new();
    let application = Application {
        tenancy,
        around: Around::Nothing,
        signals: signals.clone(),
    };
    (application, signals)
}

/// A connection to an application that has every answer available at once.
async fn connect(serve: Serve, protocol: Protocol) -> Client {
    let (application, _) = application(tenants::prompt());
    Client::connect(start(serve, application).await, protocol).await
}

/// The n-th of many requests: two tenants and none, in an order that meets every pair of neighbours.
const fn nth(n: usize) -> Option<&'static str> {
    match (n + n / 3 + n / 7) % 3 {
        0 => Some("acme"),
        1 => Some("globex"),
        _ => None,
    }
}

fn one_connection_never_mixes_tenants(serve: Serve) {
    for tenancy in [tenants::prompt(), tenants::waiting()] {
        on_threads(async {
            let address = start(serve, application(tenancy).0).await;
            let mut client = Client::connect(address, Protocol::Http1).await;
            for n in 0..REQUESTS {
                match nth(n) {
                    None => assert_eq!(client.get("/central", None).await, (200, "central".into())),
                    tenant @ Some(id) => {
                        assert_eq!(client.get("/probe/reads", tenant).await, (200, id.into()));
                    }
                }
            }
        });
    }
}

fn concurrent_streams_never_mix_tenants(serve: Serve) {
    for tenancy in [tenants::prompt(), tenants::waiting()] {
        on_threads(async {
            let address = start(serve, application(tenancy).0).await;
            let client = Client::connect(address, Protocol::Http2).await;
            let requests = (0..REQUESTS).map(|n| {
                let mut client = client.share();
                tokio::spawn(async move {
                    let id = if nth(n) == Some("acme") { "acme" } else { "globex" };
                    let answer = client.get("/probe/crowd", Some(id)).await;
                    assert_eq!(answer, (200, format!("{id} {id}")));
                })
            });
            assert_eq!(REQUESTS % CROWD, 0, "nobody waits for a crowd that does not come");
            for finished in join_all(requests).await {
                finished.unwrap();
            }
        });
    }
}

fn tasks_and_threads_lose_the_tenant_unless_it_is_carried(serve: Serve) {
    for run in [on_one_thread, on_threads] {
        run(Box::pin(async move {
            let mut client = connect(serve, Protocol::Http1).await;
            for (what, expected) in [
                ("spawn", "lost"),
                ("spawn-carried", "acme"),
                ("spawn-blocking", "lost"),
                ("spawn-blocking-carried", "acme"),
                ("join-set", "lost"),
                ("join-set-carried", "acme"),
                ("join", "acme acme"),
                ("select", "acme"),
                ("nested", "globex acme globex acme"),
            ] {
                let answer = client.get(&format!("/probe/{what}"), Some("acme")).await;
                assert_eq!(answer, (200, expected.into()), "{what}");
            }
        }));
    }
}

fn a_streamed_body_keeps_the_tenant(serve: Serve) {
    for protocol in Protocol::ALL {
        on_one_thread(async move {
            let (application, _) = application(tenants::prompt());
            let address = start(serve, application).await;
            // At one time, so that the pieces of one stand between those of others.
            let bodies = ["acme", "globex"].repeat(10).into_iter().map(|id| async move {
                let mut client = Client::connect(address, protocol).await;
                let answer = client.get("/stream", Some(id)).await;
                assert_eq!(answer, (200, format!("{id} ").repeat(PIECES)), "{protocol:?}");
                assert_eq!(client.get("/central", None).await, (200, "central".into()));
            });
            join_all(bodies).await;
        });
    }
}

/// On one thread: what is left there would be seen by the next request, and by the test itself.
fn a_panic_leaves_nothing_behind(serve: Serve) {
    for protocol in Protocol::ALL {
        on_one_thread(async {
            let (application, _) = application(tenants::prompt());
            let address = start(serve, application).await;
            let mut client = Client::connect(address, protocol).await;
            for _ in 0..3 {
                let broken = client.exchange(member("/probe/panic", Some("acme"))).await;
                assert!(broken.is_err(), "{protocol:?}");
                assert!(context::bound().is_none());
                if protocol == Protocol::Http1 {
                    client = Client::connect(address, protocol).await;
                }
                assert_eq!(client.get("/central", None).await, (200, "central".into()));
                assert_eq!(client.get("/probe/reads", Some("globex")).await, (200, "globex".into()));
            }
        });
    }
}

fn a_cancelled_request_leaves_nothing_behind(serve: Serve) {
    for protocol in Protocol::ALL {
        on_one_thread(async {
            let (application, signals) = application(tenants::prompt());
            let address = start(serve, application).await;
            let mut client = Client::connect(address, protocol).await;
            for _ in 0..3 {
                let mut leaving = match protocol {
                    // Only the end of its connection tells the server that the client has left.
                    Protocol::Http1 => Client::connect(address, protocol).await,
                    Protocol::Http2 => client.share(),
                };
                let request = tokio::spawn(async move {
                    let _ = leaving.exchange(member("/probe/wait", Some("acme"))).await;
                });
                signals.a_handler_waits().await;
                request.abort();
                signals.it_is_cancelled().await;
                assert!(context::bound().is_none());
                assert_eq!(client.get("/central", None).await, (200, "central".into()));
            }
        });
    }
}
