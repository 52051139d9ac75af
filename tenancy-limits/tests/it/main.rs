//! Limits against a clock that stands still, against a model, and under threads.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod idle;
mod model;
mod rate;
mod threads;
mod under_way;

use std::sync::Arc;
use std::time::Duration;

use tenancy_core::clock::ManualClock;
use tenancy_core::directory::TenantRecord;
use tenancy_limits::{Limits, Rate, TenantLimiter};

fn tenant(id: &str) -> TenantRecord {
    TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap())
}

/// A limiter, and the clock by which it counts.
fn limiter(limits: Limits) -> (TenantLimiter, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    (TenantLimiter::new(limits).with_clock(Arc::clone(&clock)), clock)
}

fn rate(requests: u32, period: Duration) -> Rate {
    Rate::new(requests, period).unwrap()
}

const SECOND: Duration = Duration::from_secs(1);
