//! An application that authenticates on its own hands its claims to tenancy, instead of tokens.

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;

use crate::client::{Client, Protocol, on_one_thread};
use crate::probe::Signals;
use crate::server::{Application, Around, Serve, start};
use crate::{on_each_framework, tenants};

on_each_framework!(sessions_decide_who_is_admitted);

fn request(session: Option<&str>, tenant: Option<&str>) -> Request<Empty<Bytes>> {
    let mut request = Request::get("/probe/reads");
    if let Some(user) = session {
        request = request.header("cookie", format!("session={user}"));
    }
    if let Some(tenant) = tenant {
        request = request.header("x-tenant-id", tenant);
    }
    // A token is no credential here.
    request
        .header("authorization", "Bearer alice")
        .body(Empty::new())
        .unwrap()
}

fn sessions_decide_who_is_admitted(serve: Serve) {
    on_one_thread(async {
        let application = Application {
            tenancy: tenants::by_session(),
            around: Around::Sessions,
            signals: Signals::new(),
        };
        let mut client = Client::connect(start(serve, application).await, Protocol::Http1).await;
        for (session, tenant, status, body) in [
            (Some("alice"), Some("acme"), 200, "acme"),
            (Some("bob"), Some("globex"), 200, "globex"),
            (Some("bob"), Some("acme"), 403, r#""code":"forbidden""#),
            (Some("alice"), Some("nobody"), 403, r#""code":"forbidden""#),
            (Some("alice"), None, 401, r#""code":"tenant_required""#),
            (None, Some("acme"), 401, r#""code":"credentials_required""#),
            (Some("alice"), Some("acme"), 200, "acme"),
        ] {
            let answer = client.send(request(session, tenant)).await;
            assert_eq!(answer.status, status, "{session:?} {tenant:?}: {answer:?}");
            assert!(answer.body.contains(body), "{session:?} {tenant:?}: {answer:?}");
            assert_eq!(answer.varies_by(), ["cookie", "x-tenant-id"], "{session:?} {tenant:?}");
        }
    });
}
