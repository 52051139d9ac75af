//! Keys of two tenants never meet, whatever is put into them.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod cache;
mod hostile;
mod objects;
mod redis;
mod text_keys;

use tenancy_core::directory::TenantRecord;
use tenancy_core::enforce::Admitted;
use tenancy_core::names::{ResolverName, Subject};

fn member(tenant: &str) -> Admitted {
    let record = TenantRecord::new(tenant.parse().unwrap(), "row".parse().unwrap());
    Admitted::dangerously_assume(record, ResolverName::from_static("test"), Subject::from_static("alice"))
}
