//! The bypass for staff of the platform: who it lets in, and what it writes down.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::Full;
use tenancy_core::context;
use tenancy_core::directory::{
    Authorizer, ClaimMembership, Decision, MemoryDirectory, MemoryEntry, TenantRecord, TenantStatus,
};
use tenancy_core::enforce::{Authorize, Standing};
use tenancy_core::names::TenantKey;
use tenancy_core::request::Claims;
use tenancy_core::testing::InsecureTestStub;
use tenancy_http::{ClaimsFromExtension, PlatformStaff, Tenancy, TenancyLayer};
use tower::{Layer, ServiceExt, service_fn};

use crate::log::Log;

fn claims() -> Claims {
    Claims::new("sam@platform".parse().unwrap()).with_issuer("https://staff.example")
}

async fn enter(staff: bool, claims: Claims) -> (u16, Option<Standing>, String) {
    let (log, _guard) = Log::capture();
    let builder = Tenancy::builder(
        InsecureTestStub::enforcer(),
        ClaimsFromExtension::<Claims>::new(),
        InsecureTestStub,
    );
    let tenancy: Tenancy = if staff {
        builder.with_authorizer(PlatformStaff::or_else(ClaimMembership)).build()
    } else {
        builder.build()
    };
    let standing = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&standing);
    let service = tenancy.scoped().layer(service_fn(move |_: Request<()>| {
        *seen.lock().unwrap() = Some(context::current().unwrap().standing());
        async { Ok::<_, std::convert::Infallible>(Response::new(Full::<bytes::Bytes>::default())) }
    }));
    let request = Request::get("/").header("x-tenant-id", "acme").extension(claims);
    let response = service.oneshot(request.body(()).unwrap()).await.unwrap();
    let standing = *standing.lock().unwrap();
    (response.status().as_u16(), standing, log.text())
}

#[tokio::test]
async fn staff_enters_and_is_written_down() {
    let (status, standing, log) = enter(true, claims().with_platform_staff(true)).await;
    assert_eq!((status, standing), (200, Some(Standing::PlatformStaff)));
    for part in [
        "WARN",
        "tenancy::audit",
        "acme",
        "sam@platform",
        "https://staff.example",
    ] {
        assert!(log.contains(part), "{part}: {log}");
    }
    assert_eq!(log.matches("tenancy::audit").count(), 1, "once: {log}");
}

#[tokio::test]
async fn others_do_not_and_leave_no_trace() {
    let acme = TenantKey::Id("acme".parse().unwrap());
    let globex: Arc<[TenantKey]> = Arc::new([TenantKey::Id("globex".parse().unwrap())]);
    for (staff, claims, expected) in [
        // Off by default: the token alone opens nothing.
        (false, claims().with_platform_staff(true), (403, None)),
        (true, claims(), (403, None)),
        (true, claims().with_tenant(acme), (200, Some(Standing::Member))),
        // An issuer that is bound to another tenant does not speak for this one.
        (
            true,
            claims().with_platform_staff(true).with_issuer_tenants(globex),
            (403, None),
        ),
    ] {
        let (status, standing, log) = enter(staff, claims.clone()).await;
        assert_eq!((status, standing), expected, "{claims:?}");
        assert!(!log.contains("tenancy::audit"), "{log}");
    }
}

/// Enters a suspended tenant by an authorizer that lets staff in, and logs nothing by itself.
async fn enter_suspended(option: bool, policy: impl Fn(&Tenancy) -> TenancyLayer, claims: Claims) -> (u16, String) {
    struct LetsStaffIn;

    impl Authorizer for LetsStaffIn {
        type Error = std::convert::Infallible;

        async fn authorize(&self, question: &Authorize<'_>) -> Result<Decision, Self::Error> {
            Ok(match question.claims().is_platform_staff() {
                true => Decision::AllowStaff,
                // A member by every other account, to whom the option says nothing.
                false => Decision::allow_if(true),
            })
        }
    }

    let (log, _guard) = Log::capture();
    let record = TenantRecord::new("acme".parse().unwrap(), "row".parse().unwrap());
    let directory = MemoryDirectory::new([MemoryEntry::new(record.with_status(TenantStatus::Suspended))]).unwrap();
    let tenancy: Tenancy = Tenancy::builder(
        InsecureTestStub::enforcer().with_staff_in_suspended_tenants(option),
        ClaimsFromExtension::<Claims>::new(),
        directory,
    )
    .with_authorizer(LetsStaffIn)
    .build();
    let service = policy(&tenancy).layer(service_fn(async |_: Request<()>| {
        Ok::<_, std::convert::Infallible>(Response::new(Full::<bytes::Bytes>::default()))
    }));
    let request = Request::get("/").header("x-tenant-id", "acme").extension(claims);
    let response = service.oneshot(request.body(()).unwrap()).await.unwrap();
    let log = log.text();
    (response.status().as_u16(), log)
}

/// Whichever authorizer lets them in, the layer writes it down: who, of which issuer, where.
#[tokio::test]
async fn staff_in_a_suspended_tenant_is_written_down() {
    let staff = || claims().with_platform_staff(true);
    for policy in [Tenancy::scoped, Tenancy::optional] {
        let (status, log) = enter_suspended(true, policy, staff()).await;
        assert_eq!(status, 200);
        for part in [
            "INFO",
            "tenancy::audit",
            "tenant=\"acme\"",
            "actor=\"sam@platform\"",
            "issuer=\"https://staff.example\"",
            "suspended",
        ] {
            assert!(log.contains(part), "{part}: {log}");
        }
        assert_eq!(log.matches("tenancy::audit").count(), 1, "once: {log}");
    }
}

#[tokio::test]
async fn others_stay_out_of_a_suspended_tenant_and_leave_no_trace() {
    let staff = || claims().with_platform_staff(true);
    for (option, claims) in [(false, staff()), (true, claims()), (false, claims())] {
        let (status, log) = enter_suspended(option, Tenancy::scoped, claims).await;
        assert_eq!(status, 403);
        assert!(!log.contains("tenancy::audit"), "{log}");
    }
    let (status, log) = enter_suspended(true, Tenancy::public, staff()).await;
    assert_eq!(status, 404);
    assert!(!log.contains("tenancy::audit"), "{log}");
}
