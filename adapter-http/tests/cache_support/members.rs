//! Members who are let in through a cache of decisions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::Empty;
use tenancy_core::testing::InsecureTestStub;
use tenancy_core::{Authorize, Authorizer, Claims, Decision, context};
use tenancy_http::{CacheLimits, CachedAuthorizer, ClaimsFromExtension, ManualClock, Tenancy};
use tower::{Layer, ServiceExt, service_fn};

use super::Down;

/// Members by tenant, issuer and subject; who is not listed is a stranger. Counts its questions.
#[derive(Clone, Default)]
pub(crate) struct Members(pub(crate) Arc<Mutex<(HashMap<String, &'static str>, usize)>>);

impl Members {
    pub(crate) fn set(&self, caller: &str, says: &'static str) {
        self.0.lock().unwrap().0.insert(caller.into(), says);
    }

    pub(crate) fn asked(&self) -> usize {
        self.0.lock().unwrap().1
    }
}

impl Authorizer for Members {
    type Error = Down;

    async fn authorize(&self, asked: &Authorize<'_>) -> Result<Decision, Down> {
        let mut members = self.0.lock().unwrap();
        members.1 += 1;
        let (tenant, claims) = (&asked.tenant().id, asked.claims());
        let caller = format!("{tenant} {} {}", claims.issuer().unwrap_or("-"), claims.subject());
        match members.0.get(&caller) {
            None => Ok(Decision::Deny),
            Some(&"staff") => Ok(Decision::AllowStaff),
            Some(&"down") => Err(Down),
            Some(role) => Ok(Decision::Allow([role.parse().unwrap()].into_iter().collect())),
        }
    }
}

pub(crate) struct Fixture {
    pub(crate) members: Members,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) cached: CachedAuthorizer<Members>,
    tenancy: Tenancy,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(ManualClock::new());
        let limits = CacheLimits::new().with_clock(Arc::clone(&clock));
        Self::with_limits(Members::default(), limits, clock)
    }

    pub(crate) fn with_limits(members: Members, limits: CacheLimits, clock: Arc<ManualClock>) -> Self {
        let cached = CachedAuthorizer::with_limits(members.clone(), limits);
        let tenancy = Tenancy::builder(InsecureTestStub::enforcer())
            .with_authenticator(ClaimsFromExtension::<Claims>::new())
            .with_directory(InsecureTestStub)
            .with_authorizer(cached.clone())
            .build();
        Self {
            members,
            clock,
            cached,
            tenancy,
        }
    }

    /// The status, and the role in which the caller is let in.
    pub(crate) async fn enter(&self, caller: &str) -> (u16, String) {
        let mut parts = caller.split(' ');
        let (tenant, issuer, subject) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let claims = Claims::new(subject.parse().unwrap());
        let claims = if issuer == "-" {
            claims
        } else {
            claims.with_issuer(issuer)
        };
        let role = Arc::new(Mutex::new(String::new()));
        let seen = Arc::clone(&role);
        let service = self.tenancy.scoped().layer(service_fn(move |_: Request<()>| {
            let admitted = context::current().unwrap();
            let roles: Vec<_> = admitted.roles().iter().map(ToString::to_string).collect();
            *seen.lock().unwrap() = roles.join(" ");
            async { Ok::<_, std::convert::Infallible>(Response::new(Empty::<bytes::Bytes>::new())) }
        }));
        let request = Request::get("/").header("x-tenant-id", tenant).extension(claims);
        let response = service.oneshot(request.body(()).unwrap()).await.unwrap();
        let role = role.lock().unwrap().clone();
        (response.status().as_u16(), role)
    }
}
