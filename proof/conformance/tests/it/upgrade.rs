//! A WebSocket is refused before the 101, and its task has the tenant that was carried into it.

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper_util::rt::TokioIo;

use crate::client::{Client, Protocol, member, on_one_thread, on_threads};
use crate::probe::Signals;
use crate::server::{Application, Around, Serve, start};
use crate::{frame, on_each_framework, tenants};

on_each_framework!(
    a_stranger_gets_no_upgrade,
    the_sockets_task_has_the_tenant_that_is_carried
);

async fn connect(serve: Serve) -> Client {
    let application = Application {
        tenancy: tenants::prompt(),
        around: Around::Nothing,
        signals: Signals::new(),
    };
    Client::connect(start(serve, application).await, Protocol::Http1).await
}

fn handshake(path: &str, tenant: Option<&str>) -> Request<Empty<Bytes>> {
    let mut request = member(path, tenant);
    for (name, value) in [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    request
}

fn a_stranger_gets_no_upgrade(serve: Serve) {
    on_one_thread(async {
        let mut client = connect(serve).await;
        for (tenant, authorization, status, code) in [
            (None, None, 401, "tenant_required"),
            (Some("acme"), None, 401, "credentials_required"),
            (Some("acme"), Some("Bearer bob"), 403, "forbidden"),
            (Some("nobody"), Some("Bearer bob"), 403, "forbidden"),
        ] {
            let mut request = handshake("/socket/lost", tenant);
            request.headers_mut().remove("authorization");
            if let Some(authorization) = authorization {
                let value = authorization.parse().unwrap();
                request.headers_mut().insert("authorization", value);
            }
            let answer = client.send(request).await;
            assert_eq!(answer.status, status);
            assert!(answer.body.contains(&format!(r#""code":"{code}""#)), "{answer:?}");
            assert_eq!(answer.field("upgrade"), None);
            assert_eq!(answer.field("sec-websocket-accept"), None);
            // The connection still speaks HTTP.
            assert_eq!(client.get("/central", None).await, (200, "central".into()));
        }
    });
}

fn the_sockets_task_has_the_tenant_that_is_carried(serve: Serve) {
    for run in [on_one_thread, on_threads] {
        run(Box::pin(async move {
            for (path, tenant, expected) in [
                ("/socket/carried", "acme", "acme"),
                ("/socket/carried", "globex", "globex"),
                ("/socket/lost", "acme", "lost"),
            ] {
                let mut client = connect(serve).await;
                let response = client.exchange(handshake(path, Some(tenant))).await.unwrap();
                assert_eq!(response.status(), 101, "{path} {tenant}");
                let mut socket = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
                for text in ["one", "two"] {
                    frame::send(&mut socket, text, true).await;
                    let answer = frame::receive(&mut socket).await.unwrap();
                    assert_eq!(answer, format!("{text} {expected}"), "{path} {tenant}");
                }
            }
        }));
    }
}
