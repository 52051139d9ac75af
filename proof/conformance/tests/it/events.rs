//! Server-sent events are of the tenant whose request began them, long after the handler has returned.

use futures_util::future::join_all;

use crate::client::{Client, Protocol, on_one_thread};
use crate::probe::{PIECES, Signals};
use crate::server::{Application, Around, Serve, start};
use crate::{on_each_framework, tenants};

// hyper alone has no events: its streamed body stands in `context`.
on_each_framework!([axum, poem, warp] each_event_has_its_tenant);

fn each_event_has_its_tenant(serve: Serve) {
    for protocol in Protocol::ALL {
        on_one_thread(async move {
            let application = Application {
                tenancy: tenants::waiting(),
                around: Around::Nothing,
                signals: Signals::new(),
            };
            let address = start(serve, application).await;
            let streams = ["acme", "globex"].repeat(10).into_iter().map(|id| async move {
                let mut client = Client::connect(address, protocol).await;
                let (status, body) = client.get("/events", Some(id)).await;
                assert_eq!(status, 200);
                let events = body.lines().filter_map(|line| line.strip_prefix("data:"));
                let events: Vec<_> = events.map(str::trim).collect();
                assert_eq!(events, [id; PIECES], "{protocol:?} {body}");
                assert_eq!(client.get("/central", None).await, (200, "central".into()));
            });
            join_all(streams).await;
        });
    }
}
