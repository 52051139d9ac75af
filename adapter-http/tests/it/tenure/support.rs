//! Tenants that change while their connections are open.
#![allow(dead_code, reason = "each adapter's tests use a part of this")]

use std::convert::Infallible;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hyper::http::Request;
use hyper::http::request::Parts;
use tenancy_core::directory::{Authorizer, Decision, Directory, Roles, TenantRecord, TenantStatus};
use tenancy_core::enforce::{Authorize, Enforcer};
use tenancy_core::names::TenantKey;
use tenancy_core::request::Claims;
use tenancy_core::resolve::{HeaderResolver, ResolverChain};
use tenancy_http::{Authenticator, Credentials, SharedClaims, Tenancy, TenancyLayer, Tenure, tenure};
use tokio::sync::Semaphore;

/// A directory of every tenant. They change together, and alice is the member of each.
#[derive(Clone)]
pub(crate) struct Tenants(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    look_ups: AtomicUsize,
    /// Each look-up takes a permit of it, where it is there.
    gate: Mutex<Option<Arc<Semaphore>>>,
}

#[derive(Clone)]
pub(crate) struct State {
    pub(crate) status: TenantStatus,
    pub(crate) is_member: bool,
    pub(crate) roles: &'static [&'static str],
    pub(crate) epoch: u64,
    pub(crate) slug: Option<&'static str>,
    pub(crate) is_down: bool,
    pub(crate) is_behind: bool,
}

#[derive(Debug)]
pub(crate) struct Down;

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("down")
    }
}

impl std::error::Error for Down {}

impl Tenants {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            state: Mutex::new(State {
                status: TenantStatus::Active,
                is_member: true,
                roles: &["reader"],
                epoch: 0,
                slug: None,
                is_down: false,
                is_behind: false,
            }),
            look_ups: AtomicUsize::new(0),
            gate: Mutex::new(None),
        }))
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.state.lock().unwrap());
    }

    /// How often tenants and members have been looked up.
    pub(crate) fn look_ups(&self) -> usize {
        self.0.look_ups.load(Ordering::SeqCst)
    }

    /// From now on look-ups wait for permits of this.
    pub(crate) fn gate(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.0.gate.lock().unwrap() = Some(Arc::clone(&gate));
        gate
    }

    async fn state(&self) -> Result<State, Down> {
        self.0.look_ups.fetch_add(1, Ordering::SeqCst);
        let gate = self.0.gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate.acquire().await.unwrap().forget();
        }
        let state = self.0.state.lock().unwrap().clone();
        if state.is_down { Err(Down) } else { Ok(state) }
    }
}

impl Directory for Tenants {
    type Entry = TenantRecord;
    type Error = Down;

    async fn find(&self, key: &TenantKey) -> Result<Option<TenantRecord>, Down> {
        let state = self.state().await?;
        let TenantKey::Id(id) = key else { return Ok(None) };
        let record = TenantRecord::new(id.clone(), "row".parse().unwrap())
            .with_status(state.status)
            .with_epoch(state.epoch);
        Ok(Some(match state.slug {
            Some(slug) => record.with_slug(slug.parse().unwrap()),
            None => record,
        }))
    }
}

impl Authorizer for Tenants {
    type Error = Down;

    async fn authorize(&self, question: &Authorize<'_>) -> Result<Decision, Down> {
        let state = self.state().await?;
        let is_member = state.is_member && question.claims().subject() == "alice";
        let roles: Roles = state.roles.iter().map(|role| role.parse().unwrap()).collect();
        Ok(if is_member {
            Decision::Allow(roles)
        } else {
            Decision::Deny
        })
    }
}

/// `authorization` is the caller's name, and after a space when the credential expires.
pub(crate) struct Named;

impl Authenticator for Named {
    type Error = Infallible;

    async fn authenticate(&self, parts: &Parts) -> Result<Credentials<SharedClaims>, Infallible> {
        let Some(text) = parts.headers.get("authorization").map(|text| text.to_str().unwrap()) else {
            return Ok(Credentials::Absent);
        };
        let (name, expiry) = text.split_once(' ').map_or((text, None), |(name, at)| (name, Some(at)));
        let claims = Claims::new(name.parse().unwrap());
        let claims = match expiry {
            Some(at) => claims.with_expiry(at.parse().unwrap()),
            None => claims,
        };
        Ok(Credentials::Verified(Arc::new(claims)))
    }
}

pub(crate) fn enforcer() -> Enforcer {
    let header = HeaderResolver::new("x-tenant-id".parse().unwrap());
    Enforcer::new(ResolverChain::new().then(header).unwrap())
}

pub(crate) fn tenancy(tenants: &Tenants) -> Tenancy {
    Tenancy::builder(enforcer(), Named, tenants.clone())
        .with_authorizer(tenants.clone())
        .build()
}

/// One that looks at the data of tenants, too.
pub(crate) fn looking(tenants: &Tenants) -> Tenancy {
    let data = tenants.clone();
    Tenancy::builder(enforcer(), Named, tenants.clone())
        .with_authorizer(tenants.clone())
        .with_data_check(move |visit| {
            assert_eq!(visit.id().as_str(), "acme");
            std::future::ready(data.0.state.lock().unwrap().is_behind)
        })
        .build()
}

/// The parts of a request of alice's that the layer has admitted.
pub(crate) async fn admitted(layer: &TenancyLayer, tenant: &str, authorization: &str) -> Parts {
    let request = Request::get("/")
        .header("x-tenant-id", tenant)
        .header("authorization", authorization);
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let (parts, admission) = layer.admit(parts).await;
    admission.scope.unwrap();
    parts
}

pub(crate) async fn alice_in_acme(tenants: &Tenants) -> Tenure {
    let layer = tenancy(tenants).scoped();
    let parts = admitted(&layer, "acme", "alice").await;
    tenure(&parts.extensions).unwrap()
}

/// A credential of alice's that expires in so many seconds.
pub(crate) fn alice_for(seconds: u64) -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    format!("alice {}", now.as_secs() + seconds)
}
