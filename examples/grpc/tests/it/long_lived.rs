//! Streams end with their tenure, by a status.

use std::time::Duration;

use tenancy_core::directory::TenantStatus;
use tokio::time::timeout;
use tonic::{Code, Status, Streaming};
use tonic_health::pb::HealthCheckResponse;

use crate::endless::{client, request};
use crate::tenure_support::{State, Tenants, alice_for, tenancy};

const DEADLINE: Duration = Duration::from_secs(30);

/// The status that a stream ends in.
async fn end(updates: &mut Streaming<HealthCheckResponse>) -> Option<Status> {
    let end = async {
        loop {
            match updates.message().await {
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(status) => return Some(status),
            }
        }
    };
    timeout(DEADLINE, end).await.unwrap()
}

#[tokio::test]
async fn a_stream_ends_in_the_status_of_why_it_may_not_go_on() {
    type Change = fn(&mut State);
    let changes: [(Change, Code, &str); 4] = [
        (
            |now| now.status = TenantStatus::Suspended,
            Code::PermissionDenied,
            "forbidden",
        ),
        (|now| now.is_member = false, Code::PermissionDenied, "forbidden"),
        (|now| now.roles = &[], Code::PermissionDenied, "forbidden"),
        (|now| now.epoch = 1, Code::Unavailable, "unavailable"),
    ];
    for (change, code, message) in changes {
        let tenants = Tenants::new();
        let mut client = client(&tenancy(&tenants)).await;
        let mut updates = client.watch(request("acme", "alice")).await.unwrap().into_inner();
        // It goes on for ten checks.
        let enough = tenants.look_ups() + 20;
        let goes_on = async {
            while tenants.look_ups() < enough {
                assert_eq!(updates.message().await.unwrap().unwrap().status, 4);
            }
        };
        timeout(DEADLINE, goes_on).await.unwrap();
        tenants.change(change);
        let status = end(&mut updates).await.unwrap();
        assert_eq!((status.code(), status.message()), (code, message));
        // The connection serves other calls.
        tenants.change(|now| (now.status, now.is_member) = (TenantStatus::Active, true));
        assert!(client.check(request("acme", "alice")).await.is_ok());
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let mut client = client(&tenancy(&Tenants::new())).await;
    let updates = client.watch(request("acme", &alice_for(2))).await.unwrap();
    let status = end(&mut updates.into_inner()).await.unwrap();
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unauthenticated, "invalid_token")
    );
}
