//! What is decided again, and of whom.

use std::convert::Infallible;
use std::sync::Arc;

use http::Request;
use http::request::Parts;
use tenancy_core::directory::{ClaimMembership, TenantStatus};
use tenancy_core::enforce::{Cause, Rejection};
use tenancy_core::names::TenantKey;
use tenancy_core::request::{Claims, VerifiedClaims};
use tenancy_http::{Authenticator, ClaimsFromExtension, Credentials, SharedClaims, Tenancy, tenure};

use super::support::{Named, State, Tenants, admitted, alice_for, alice_in_acme, enforcer, looking, tenancy};

type Change = fn(&mut State);

#[tokio::test]
async fn a_connection_goes_on_as_long_as_what_it_was_admitted_by_holds() {
    let changes: [(&str, Change, Option<Cause>); 10] = [
        ("nothing", |_| {}, None),
        (
            "suspended",
            |now| now.status = TenantStatus::Suspended,
            Some(Cause::SuspendedTenant),
        ),
        (
            "archived",
            |now| now.status = TenantStatus::Archived,
            Some(Cause::ArchivedTenant),
        ),
        (
            "provisioning",
            |now| now.status = TenantStatus::Provisioning,
            Some(Cause::ProvisioningTenant),
        ),
        ("no member", |now| now.is_member = false, Some(Cause::NotAMember)),
        ("no roles", |now| now.roles = &[], Some(Cause::RolesNarrowed)),
        (
            "another role",
            |now| now.roles = &["writer"],
            Some(Cause::RolesNarrowed),
        ),
        ("one more role", |now| now.roles = &["writer", "reader"], None),
        ("renamed", |now| now.slug = Some("rocket"), None),
        ("moved", |now| now.epoch = 1, Some(Cause::TenantMoved)),
    ];
    for (name, change, expected) in changes {
        let tenants = Tenants::new();
        let tenure = alice_in_acme(&tenants).await;
        assert_eq!(tenure.recheck().await, Ok(()), "{name}");
        tenants.change(change);
        let decided = tenure.recheck().await;
        assert_eq!(decided.map_err(|rejection| rejection.cause()).err(), expected, "{name}");
        // It was not the connection's end: what is undone is undone.
        tenants.change(|now| {
            *now = State {
                status: TenantStatus::Active,
                is_member: true,
                roles: &["reader"],
                epoch: 0,
                slug: None,
                is_down: false,
                is_behind: false,
            }
        });
        assert_eq!(tenure.recheck().await, Ok(()), "{name}");
    }
}

#[tokio::test]
async fn a_connection_that_cannot_be_checked_is_told_apart_from_one_that_has_ended() {
    let tenants = Tenants::new();
    let tenure = alice_in_acme(&tenants).await;
    tenants.change(|now| now.is_down = true);
    let unknown = tenure.recheck().await.unwrap_err();
    assert_eq!((unknown.cause(), unknown.status()), (Cause::DirectoryUnavailable, 503));
}

#[tokio::test]
async fn a_tenant_whose_data_is_behind_has_no_connection_until_it_has_migrated() {
    let tenants = Tenants::new();
    let layer = looking(&tenants);
    for parts in [
        admitted(&layer.scoped(), "acme", "alice").await,
        admitted(&layer.public(), "acme", "mallory").await,
    ] {
        let tenure = tenure(&parts.extensions).unwrap();
        assert_eq!(tenure.recheck().await, Ok(()));
        tenants.change(|now| now.is_behind = true);
        let behind = tenure.recheck().await.unwrap_err();
        assert_eq!(
            (behind.cause(), behind.status(), behind.code()),
            (Cause::TenantBehind, 503, "unavailable")
        );
        // What is known of the tenant is said first.
        tenants.change(|now| now.status = TenantStatus::Suspended);
        assert_eq!(tenure.recheck().await.unwrap_err().cause(), Cause::SuspendedTenant);
        tenants.change(|now| (now.status, now.is_behind) = (TenantStatus::Active, false));
        assert_eq!(tenure.recheck().await, Ok(()));
    }
}

#[tokio::test]
async fn data_that_says_nothing_ends_no_connection() {
    let tenants = Tenants::new();
    let layer = Tenancy::builder(enforcer(), Named, tenants.clone())
        .with_authorizer(tenants.clone())
        .with_timeout(std::time::Duration::from_millis(500))
        .with_data_check(|_| std::future::pending())
        .build()
        .scoped();
    let parts = admitted(&layer, "acme", "alice").await;
    assert_eq!(tenure(&parts.extensions).unwrap().recheck().await, Ok(()));
}

#[tokio::test]
async fn a_credential_that_has_expired_ends_it_unless_it_may_be_outlived() {
    let layer = tenancy(&Tenants::new()).scoped();
    let parts = admitted(&layer, "acme", &alice_for(0)).await;
    let decided = tenure(&parts.extensions).unwrap().recheck().await;
    let expired = decided.unwrap_err();
    assert_eq!(
        (expired.cause(), expired.code()),
        (Cause::ExpiredCredentials, "invalid_token")
    );
    let outlives = tenure(&parts.extensions).unwrap().dangerously_outlive_credential();
    assert_eq!(outlives.recheck().await, Ok(()));

    let parts = admitted(&layer, "acme", &alice_for(3600)).await;
    assert_eq!(tenure(&parts.extensions).unwrap().recheck().await, Ok(()));
}

#[tokio::test]
async fn a_visitor_stays_while_the_tenant_is_active_whoever_they_are() {
    let tenants = Tenants::new();
    let layer = tenancy(&tenants).public();
    let parts = admitted(&layer, "acme", "mallory").await;
    let visit = tenure(&parts.extensions).unwrap();
    tenants.change(|now| now.is_member = false);
    assert_eq!(visit.recheck().await, Ok(()));
    tenants.change(|now| now.status = TenantStatus::Suspended);
    assert_eq!(visit.recheck().await.unwrap_err().status(), 404);
}

#[tokio::test]
async fn a_visitor_has_no_credential_that_could_expire() {
    let claims = ClaimsFromExtension::<Claims>::new();
    let layer = Tenancy::builder(enforcer(), claims, Tenants::new()).build().public();
    let expired = Claims::new("alice".parse().unwrap()).with_expiry(1);
    let request = Request::get("/").header("x-tenant-id", "acme").extension(expired);
    let (parts, admission) = layer.admit(request.body(()).unwrap().into_parts().0).await;
    admission.scope.unwrap();
    assert_eq!(tenure(&parts.extensions).unwrap().recheck().await, Ok(()));
}

#[tokio::test]
async fn only_a_request_that_is_bound_to_a_tenant_has_one() {
    let cause = |decided: Result<_, Rejection>| decided.map(drop).unwrap_err().cause();
    let request = |with: &[(&'static str, &'static str)]| {
        let request = with.iter().fold(Request::get("/"), |request, (name, value)| {
            request.header(*name, *value)
        });
        request.body(()).unwrap().into_parts().0
    };
    let parts = request(&[]);
    assert_eq!(cause(tenure(&parts.extensions)), Cause::NoLayer);

    let tenancy = tenancy(&Tenants::new());
    let (parts, _) = tenancy
        .authenticated()
        .admit(request(&[("authorization", "alice")]))
        .await;
    assert_eq!(cause(tenure(&parts.extensions)), Cause::CallerOnly);
    let (parts, _) = tenancy.optional().admit(request(&[("authorization", "alice")])).await;
    assert_eq!(cause(tenure(&parts.extensions)), Cause::NoTenantNamed);
    let (parts, refused) = tenancy
        .scoped()
        .admit(request(&[("x-tenant-id", "acme"), ("authorization", "mallory")]))
        .await;
    assert!(refused.scope.is_err());
    assert_eq!(cause(tenure(&parts.extensions)), Cause::NoLayer);
}

/// Lends the claims of an extension, and cannot copy them.
struct Lends;

impl Authenticator for Lends {
    type Error = Infallible;

    async fn authenticate(&self, _: &Parts) -> Result<Credentials<SharedClaims>, Infallible> {
        Ok(Credentials::Absent)
    }

    fn claims_in<'p>(&self, parts: &'p Parts) -> Option<&'p dyn VerifiedClaims> {
        parts.extensions.get::<Claims>().map(|claims| claims as _)
    }
}

#[tokio::test]
async fn claims_that_a_request_lends_outlive_it() {
    let acme = TenantKey::Id("acme".parse().unwrap());
    let claims = Claims::new("alice".parse().unwrap()).with_expiry(u64::MAX);
    for claims in [claims.clone().with_tenant(acme.clone()), claims.with_tenants([acme])] {
        for is_copied in [false, true] {
            let tenants = Tenants::new();
            let tenancy: Tenancy = if is_copied {
                Tenancy::builder(enforcer(), Lends, tenants.clone())
                    .with_authorizer(ClaimMembership)
                    .build()
            } else {
                let claims = ClaimsFromExtension::<Claims>::new();
                Tenancy::builder(enforcer(), claims, tenants.clone())
                    .with_authorizer(ClaimMembership)
                    .build()
            };
            let request = Request::get("/")
                .header("x-tenant-id", "acme")
                .extension(claims.clone());
            let (parts, admission) = tenancy.scoped().admit(request.body(()).unwrap().into_parts().0).await;
            admission.scope.unwrap();
            let tenure = tenure(&parts.extensions).unwrap();
            drop(parts);
            assert_eq!(tenure.recheck().await, Ok(()));
            tenants.change(|now| now.status = TenantStatus::Suspended);
            assert_eq!(tenure.recheck().await.unwrap_err().cause(), Cause::SuspendedTenant);
        }
    }
}

/// Verifies the same caller by another credential, which expires.
struct Other;

impl Authenticator for Other {
    type Error = Infallible;

    async fn authenticate(&self, _: &Parts) -> Result<Credentials<SharedClaims>, Infallible> {
        Ok(Credentials::Verified(Arc::new(
            Claims::new("alice".parse().unwrap()).with_expiry(1),
        )))
    }
}

#[tokio::test]
async fn the_layer_that_has_bound_the_tenant_decides_again_whatever_stands_inside() {
    let (outside, inside) = (Tenants::new(), Tenants::new());
    // The one inside knows of no role.
    inside.change(|now| now.roles = &[]);
    let outer = tenancy(&outside).scoped();
    let inner = tenancy(&inside).scoped();
    let parts = admitted(&outer, "acme", "alice").await;
    let (parts, admission) = inner.admit(parts).await;
    admission.scope.unwrap();
    let held = tenure(&parts.extensions).unwrap();
    assert_eq!(held.recheck().await, Ok(()));
    inside.change(|now| now.status = TenantStatus::Suspended);
    assert_eq!(held.recheck().await, Ok(()));
    outside.change(|now| now.status = TenantStatus::Suspended);
    assert_eq!(held.recheck().await.unwrap_err().cause(), Cause::SuspendedTenant);

    // A visit outside, of which the layer inside makes a member.
    let (outside, inside) = (Tenants::new(), Tenants::new());
    let (outer, inner) = (tenancy(&outside).public(), tenancy(&inside).scoped());
    let parts = admitted(&outer, "acme", "alice").await;
    let (parts, admission) = inner.admit(parts).await;
    admission.scope.unwrap();
    let held = tenure(&parts.extensions).unwrap();
    inside.change(|now| now.is_member = false);
    assert_eq!(held.recheck().await.unwrap_err().cause(), Cause::NotAMember);
}

/// Both credentials are the caller's, and the connection outlives neither.
#[tokio::test]
async fn of_two_credentials_the_one_that_expires_first_counts() {
    let tenants = Tenants::new();
    let verifies = Tenancy::builder(enforcer(), Other, tenants.clone()).build();
    let layer = tenancy(&tenants).scoped();
    let parts = admitted(&layer, "acme", "alice").await;
    let (parts, admission) = verifies.authenticated().admit(parts).await;
    admission.scope.unwrap();
    let held = tenure(&parts.extensions).unwrap();
    assert_eq!(held.recheck().await.unwrap_err().cause(), Cause::ExpiredCredentials);
    // By the claims of the layer that has bound the tenant.
    assert_eq!(held.dangerously_outlive_credential().recheck().await, Ok(()));
}

#[tokio::test]
async fn a_tenancy_that_its_server_has_dropped_is_still_asked() {
    let tenants = Tenants::new();
    let tenancy = Tenancy::builder(enforcer(), Named, tenants.clone())
        .with_authorizer(tenants.clone())
        .build();
    let parts = admitted(&tenancy.scoped(), "acme", "alice").await;
    let held = tenure(&parts.extensions).unwrap();
    drop(tenancy);
    assert_eq!(held.recheck().await, Ok(()));
    drop(held);
    // Nobody is left who could be.
    assert_eq!(tenure(&parts.extensions).map(drop).unwrap_err().cause(), Cause::NoLayer);
}
