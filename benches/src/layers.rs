//! A request through each framework, with a layer and without any.

mod axum_rows;
mod poem_rows;
mod tower_rows;
mod warp_rows;

use std::sync::Arc;

use http::request::Parts;
use tenancy_core::directory::{Roles, TenantRecord};
use tenancy_core::enforce::Enforcer;
use tenancy_core::names::{Subject, TenantKey};
use tenancy_core::request::{Claims, VerifiedClaims};
use tenancy_http::{ClaimsFromExtension, Tenancy};

pub(crate) use axum_rows::group as axum;
pub(crate) use poem_rows::group as poem;
pub(crate) use tower_rows::group as tower;
pub(crate) use warp_rows::group as warp;

use crate::admission::warm;
use crate::fixture::{chain, claims, header, named};

/// Header, look-up in a warm cache, membership by the claims of the request.
pub fn tenancy() -> Tenancy {
    Tenancy::builder(
        Enforcer::new(chain([header()])),
        ClaimsFromExtension::<Known>::new(),
        warm(10),
    )
    .build()
}

/// A request whose caller is known.
pub fn known() -> Parts {
    let mut parts = named();
    parts.uri = "/notes".parse().unwrap();
    parts.extensions.insert(Known(Arc::new(claims())));
    parts
}

/// What an application's own authentication leaves with the request, shared since a request is cloned for each run.
#[derive(Clone)]
struct Known(Arc<Claims>);

impl VerifiedClaims for Known {
    fn subject(&self) -> &Subject {
        self.0.subject()
    }

    fn tenant(&self) -> Option<&TenantKey> {
        self.0.tenant()
    }

    fn lists(&self, tenant: &TenantRecord) -> bool {
        self.0.lists(tenant)
    }

    fn roles(&self) -> Roles {
        self.0.roles()
    }
}
