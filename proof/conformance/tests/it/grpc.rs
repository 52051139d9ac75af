//! What a client of gRPC is answered: it reads no HTTP status.

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;

use crate::on_each_framework;
use crate::policies::with_each;
use crate::server::Serve;

on_each_framework!(a_refusal_of_grpc_is_a_trailers_only_response);
on_each_framework!(a_refusal_of_grpc_web_has_the_type_of_its_request);

fn a_refusal_of_grpc_is_a_trailers_only_response(serve: Serve) {
    with_each(serve, async |mut asked| {
        for (path, fields, status, message) in [
            ("/scoped", &[][..], "16", "tenant_required"),
            ("/scoped", &[("x-tenant-id", "acme")], "16", "credentials_required"),
            ("/scoped", &[("authorization", "Bearer bad")], "16", "invalid_token"),
            (
                "/scoped",
                &[("authorization", "Bearer alice"), ("x-tenant-id", "globex")],
                "7",
                "forbidden",
            ),
            (
                "/scoped",
                &[("authorization", "Bearer alice"), ("x-tenant-id", "ACME")],
                "3",
                "malformed_tenant",
            ),
            ("/public", &[], "5", "not_found"),
            ("/callers/alone", &[], "16", "credentials_required"),
            // What an extractor refuses, too.
            ("/unguarded/member", &[], "13", "internal"),
            ("/member-in-public", &[("x-tenant-id", "acme")], "13", "internal"),
            ("/callers/optional", &[], "16", "credentials_required"),
        ] {
            let request = Request::get(path).header("content-type", "application/grpc+proto");
            let request = fields
                .iter()
                .fold(request, |request, (name, value)| request.header(*name, *value));
            let answer = asked.client.send(request.body(Empty::<Bytes>::new()).unwrap()).await;
            let told = (answer.status, answer.field("grpc-status"), answer.field("grpc-message"));
            assert_eq!(told, (200, Some(status), Some(message)), "{path} {fields:?}");
            assert_eq!(answer.body, "", "{path} {fields:?}");
            assert_eq!(
                answer.field("content-type"),
                Some("application/grpc"),
                "{path} {fields:?}"
            );
            assert_eq!(answer.field("cache-control"), Some("no-store"), "{path} {fields:?}");
            let challenge = answer.field("www-authenticate");
            assert_eq!(challenge.is_some(), status == "16", "{path} {fields:?}");
            let varies = answer.headers.contains_key("vary");
            assert_eq!(varies, path != "/unguarded/member", "{path} {fields:?}");
            assert_eq!(asked.signals.take_runs(), 0, "{path} {fields:?}");
        }
    });
}

/// Of the layer, and of an extractor.
fn a_refusal_of_grpc_web_has_the_type_of_its_request(serve: Serve) {
    with_each(serve, async |mut asked| {
        for (sent, expected) in [
            ("application/grpc-web", "application/grpc-web"),
            ("application/grpc-web+proto", "application/grpc-web"),
            ("application/grpc-web-text", "application/grpc-web-text"),
            (
                "Application/gRPC-Web-Text+proto; charset=utf-8",
                "application/grpc-web-text",
            ),
        ] {
            for (path, status) in [("/scoped", "16"), ("/unguarded/member", "13")] {
                let request = Request::get(path).header("content-type", sent);
                let answer = asked.client.send(request.body(Empty::<Bytes>::new()).unwrap()).await;
                assert_eq!(
                    (answer.status, answer.field("content-type"), answer.field("grpc-status")),
                    (200, Some(expected), Some(status)),
                    "{path} {sent}"
                );
                assert_eq!(answer.body, "", "{path} {sent}");
            }
        }
    });
}
