//! Directories and authorizers that fail, do not answer, or answer with another tenant.

use crate::client::{Client, Protocol, member, on_one_thread};
use crate::probe::Signals;
use crate::server::{Application, Around, Serve, start};
use crate::tenants::Answers;
use crate::{on_each_framework, tenants};

on_each_framework!(
    a_failing_directory_or_authorizer_is_a_503_and_never_admits,
    a_directory_that_answers_with_another_tenant_is_a_503,
);

async fn client(serve: Serve, directory: Answers, authorizer: Answers) -> (Client, Signals) {
    let signals = Signals::new();
    let application = Application {
        tenancy: tenants::answering(directory, authorizer),
        around: Around::Nothing,
        signals: signals.clone(),
    };
    let client = Client::connect(start(serve, application).await, Protocol::Http1).await;
    (client, signals)
}

fn a_failing_directory_or_authorizer_is_a_503_and_never_admits(serve: Serve) {
    const UNAVAILABLE: &str =
        r#"{"type":"about:blank","title":"Service Unavailable","status":503,"code":"unavailable"}"#;
    on_one_thread(async {
        for (directory, authorizer) in [
            (Answers::Fails, Answers::Yes),
            (Answers::Yes, Answers::Fails),
            (Answers::Never, Answers::Yes),
            (Answers::Yes, Answers::Never),
        ] {
            let (mut client, signals) = client(serve, directory, authorizer).await;
            for path in ["/scoped", "/optional", "/scoped-in-public", "/scoped-three-times"] {
                let answer = client.send(member(path, Some("acme"))).await;
                let case = format!("{path} {directory:?} {authorizer:?}");
                assert_eq!((answer.status, answer.body.as_str()), (503, UNAVAILABLE), "{case}");
                assert_eq!(answer.field("retry-after"), Some("1"), "{case}");
                assert_eq!(answer.field("cache-control"), Some("no-store"), "{case}");
            }
            assert_eq!(signals.take_runs(), 0, "{directory:?} {authorizer:?}");
        }
    });
}

fn a_directory_that_answers_with_another_tenant_is_a_503(serve: Serve) {
    on_one_thread(async {
        let (mut client, signals) = client(serve, Answers::Globex, Answers::Yes).await;
        for path in ["/scoped", "/public"] {
            let answer = client.send(member(path, Some("acme"))).await;
            assert_eq!(answer.status, 503, "{path}");
            assert!(!answer.body.contains("globex"), "{path}");
        }
        assert_eq!(signals.take_runs(), 0);
        let (status, body) = client.get("/scoped", Some("globex")).await;
        assert_eq!((status, body.as_str()), (200, "globex header bob"));
    });
}
