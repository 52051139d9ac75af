//! An access log of tests.

use std::convert::Infallible;
use std::future::{Future, ready};

use tenancy_core::names::StrategyName;

use crate::{AccessLog, Attribution};

/// Writes nothing down: for tests that look at what all tenants have by
/// [`dangerously_begin_across_tenants`](crate::TenantDb::dangerously_begin_across_tenants). A service gives its directory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unrecorded;

impl AccessLog for Unrecorded {
    type Error = Infallible;

    fn record_access_across_tenants(
        &self,
        _: &StrategyName,
        _: &Attribution,
    ) -> impl Future<Output = Result<(), Infallible>> + Send {
        ready(Ok(()))
    }
}
