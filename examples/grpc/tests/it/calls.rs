//! What calls come to: in their tenant, or as the status of a refusal.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use futures_util::TryStreamExt;
use tenancy_core::directory::{Directory, MemoryDirectory, MemoryEntry, TenantRecord};
use tenancy_core::enforce::Enforcer;
use tenancy_core::names::{FieldName, TenantKey};
use tenancy_core::request::Claims;
use tenancy_core::resolve::{HeaderResolver, ResolverChain};
use tenancy_http::{Authenticator, Credentials, SharedClaims, Tenancy};
use tonic::codegen::http::request::Parts;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// `authorization` is the caller's name: these tests are not about tokens.
struct Named;

impl Authenticator for Named {
    type Error = Infallible;

    async fn authenticate(&self, parts: &Parts) -> Result<Credentials<SharedClaims>, Infallible> {
        Ok(
            match parts.headers.get("authorization").map(|name| name.to_str().unwrap()) {
                None => Credentials::Absent,
                Some("bad") => Credentials::Invalid,
                Some(name) => Credentials::Verified(Arc::new(Claims::new(name.parse().unwrap()))),
            },
        )
    }

    fn each_field(&self, visit: &mut dyn FnMut(&FieldName)) {
        visit(&FieldName::authorization());
    }
}

/// A directory in which `down` cannot be looked up.
struct Sometimes(MemoryDirectory);

#[derive(Debug)]
struct Down;

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("down")
    }
}

impl std::error::Error for Down {}

impl Directory for Sometimes {
    type Entry = <MemoryDirectory as Directory>::Entry;
    type Error = Down;

    async fn find(&self, key: &TenantKey) -> Result<Option<Self::Entry>, Down> {
        if key.as_str() == "down" {
            return Err(Down);
        }
        self.0.find(key).await.map_err(|never| match never {})
    }
}

fn directory() -> MemoryDirectory {
    let entry = |id: &str, member: &str| {
        let record = TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap());
        MemoryEntry::new(record).with_member(member.parse().unwrap())
    };
    MemoryDirectory::new([entry("acme", "alice"), entry("globex", "bob")]).unwrap()
}

fn tenancy() -> Tenancy {
    let header = HeaderResolver::new("x-tenant-id".parse().unwrap());
    let chain = ResolverChain::new().then(header).unwrap();
    Tenancy::builder(Enforcer::new(chain), Named, Sometimes(directory()))
        .with_authorizer(directory())
        .build()
}

async fn client() -> HealthClient<Channel> {
    let (address, serving) = grpc::serve(&tenancy()).await.unwrap();
    tokio::spawn(serving);
    let channel = Channel::from_shared(format!("http://{address}")).unwrap();
    HealthClient::new(channel.connect().await.unwrap())
}

fn request(service: &str, fields: &[(&'static str, &str)]) -> Request<HealthCheckRequest> {
    let mut request = Request::new(HealthCheckRequest {
        service: service.to_owned(),
    });
    for (name, value) in fields {
        request.metadata_mut().insert(*name, value.parse().unwrap());
    }
    request
}

const ALICE: (&str, &str) = ("authorization", "alice");
const ACME: (&str, &str) = ("x-tenant-id", "acme");

#[tokio::test]
async fn a_unary_call_is_served_in_its_tenant() {
    let mut client = client().await;
    for (asked, expected) in [
        ("acme", ServingStatus::Serving),
        ("globex", ServingStatus::ServiceUnknown),
    ] {
        let answer = client.check(request(asked, &[ALICE, ACME])).await.unwrap();
        assert_eq!(answer.get_ref().status(), expected, "{asked}");
        assert_eq!(answer.metadata().get("vary").unwrap(), "x-tenant-id, authorization");
    }
}

#[tokio::test]
async fn a_stream_stays_in_its_tenant() {
    let mut client = client().await;
    let updates = client.watch(request("acme", &[ALICE, ACME])).await.unwrap();
    let updates: Vec<_> = updates.into_inner().try_collect().await.unwrap();
    let seen: Vec<_> = updates.iter().map(|update| update.status()).collect();
    assert_eq!(seen, [ServingStatus::Serving; 3]);
}

#[tokio::test]
async fn a_refusal_is_a_status_that_the_client_understands() {
    let mut client = client().await;
    for (fields, code, message) in [
        (&[][..], Code::Unauthenticated, "tenant_required"),
        (&[ACME], Code::Unauthenticated, "credentials_required"),
        (
            &[("authorization", "bad"), ACME],
            Code::Unauthenticated,
            "invalid_token",
        ),
        (&[ALICE, ("x-tenant-id", "globex")], Code::PermissionDenied, "forbidden"),
        (&[ALICE, ("x-tenant-id", "nobody")], Code::PermissionDenied, "forbidden"),
        (
            &[ALICE, ("x-tenant-id", "ACME")],
            Code::InvalidArgument,
            "malformed_tenant",
        ),
        (&[ALICE, ("x-tenant-id", "down")], Code::Unavailable, "unavailable"),
    ] {
        let unary = client.check(request("acme", fields)).await.unwrap_err();
        let streaming = client.watch(request("acme", fields)).await.unwrap_err();
        for status in [unary, streaming] {
            assert_eq!((status.code(), status.message()), (code, message), "{fields:?}");
            let field = |name: &str| text(&status, name);
            assert_eq!(field("cache-control").as_deref(), Some("no-store"), "{fields:?}");
            assert_eq!(
                field("vary").as_deref(),
                Some("x-tenant-id, authorization"),
                "{fields:?}"
            );
            let challenged = code == Code::Unauthenticated;
            assert_eq!(field("www-authenticate").is_some(), challenged, "{fields:?}");
            assert_eq!(field("retry-after").is_some(), code == Code::Unavailable, "{fields:?}");
        }
    }
}

fn text(status: &Status, name: &str) -> Option<String> {
    let value = status.metadata().get(name)?;
    Some(value.to_str().unwrap().to_owned())
}
