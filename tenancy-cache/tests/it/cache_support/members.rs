//! Members who are let in through a cache of decisions.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tenancy_cache::{CacheLimits, CachedAuthorizer};
use tenancy_core::clock::ManualClock;
use tenancy_core::directory::{Authorizer, Decision};
use tenancy_core::enforce::{Access, Admitted, Authorize, Outcome, Rejection, drive, drive_now};
use tenancy_core::request::{Claims, Credentials, HeaderList, HttpVersion, RequestView, Target};
use tenancy_core::testing::InsecureTestStub;

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
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(ManualClock::new());
        let limits = CacheLimits::new().with_clock(Arc::clone(&clock));
        Self::with_limits(Members::default(), limits, clock)
    }

    pub(crate) fn with_limits(members: Members, limits: CacheLimits, clock: Arc<ManualClock>) -> Self {
        let cached = CachedAuthorizer::builder(members.clone()).with_limits(limits).build();
        Self { members, clock, cached }
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
        match enter(&self.cached, tenant, &claims).await {
            Ok(admitted) => {
                let roles: Vec<_> = admitted.roles().iter().map(ToString::to_string).collect();
                (200, roles.join(" "))
            }
            Err(rejection) => (rejection.status(), String::new()),
        }
    }
}

/// Takes a caller to a tenant as a server does: with what is cached at first, and then with what must be waited for.
pub(crate) async fn enter(authorizer: &impl Authorizer, tenant: &str, claims: &Claims) -> Result<Admitted, Rejection> {
    let fields = [(InsecureTestStub::HEADER, tenant.as_bytes())];
    let request = RequestView {
        version: HttpVersion::Http11,
        target: Target::path("/"),
        headers: &HeaderList::new(&fields),
        credentials: Credentials::Verified(claims),
    };
    let (enforcer, mut key) = (InsecureTestStub::enforcer(), None);
    let step = enforcer.begin(&request, Access::Scoped, &mut key);
    let outcome = match drive_now(step, &InsecureTestStub, authorizer) {
        Ok(decided) => decided?,
        Err(step) => match drive(step, &InsecureTestStub, authorizer).await {
            Ok(outcome) => outcome,
            Err(refused) => return Err(refused.rejection),
        },
    };
    match outcome {
        Outcome::Admitted(admitted) => Ok(admitted),
        other => panic!("a scoped request came to {other:?}"),
    }
}
