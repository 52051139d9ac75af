//! Limits of each tenant: how many requests per second it may make, and how many may be under way at a time, so that one
//! tenant's flood leaves the others their service.
//!
//! It needs the core alone: the layers of the HTTP adapters use it (feature `limits`), and so does a worker that speaks
//! no HTTP.
//!
//! ```
//! use std::time::Duration;
//!
//! use tenancy_core::directory::TenantRecord;
//! use tenancy_limits::{Limits, Rate, TenantLimiter};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Two requests a second, of which two may come at once, and one under way at a time.
//! let rate = Rate::new(2, Duration::from_secs(1)).ok_or("a rate of nothing")?.with_burst(2);
//! let limiter = TenantLimiter::new(Limits::none().with_rate(rate).with_under_way(1));
//!
//! let acme = TenantRecord::new("acme".parse()?, "row".parse()?);
//! let permit = limiter.enter(&acme)?;
//! assert!(limiter.enter(&acme).is_err(), "one is under way");
//! drop(permit);
//! let _second = limiter.enter(&acme)?;
//!
//! let globex = TenantRecord::new("globex".parse()?, "row".parse()?);
//! let _other = limiter.enter(&globex)?;
//! # Ok(()) }
//! ```
//!
//! The limits hold in one process: where a service runs in three, a tenant gets three times as much at most, or the
//! limits are set to a third. A limit over all processes would cost each request a round trip to where they count.
//!
//! # Features
//!
//! - `serde`: `LimitSettings`, which a tenant's settings are parsed as.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod counters;
mod exceeded;
mod limiter;
mod limits;
mod permit;
mod rate;
#[cfg(feature = "serde")]
mod settings;
mod store;

pub use exceeded::LimitExceeded;
pub use limiter::TenantLimiter;
pub use limits::Limits;
pub use permit::Permit;
pub use rate::Rate;
#[cfg(feature = "serde")]
pub use settings::LimitSettings;

/// The example of the package's README, as a doc test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
