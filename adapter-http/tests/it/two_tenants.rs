//! Two tenants, and an enforcer that reads a header and the path: for the adapters' tests.
#![allow(dead_code, unreachable_pub, reason = "each adapter's tests use a part of this")]

use tenancy_core::directory::{MemoryDirectory, MemoryEntry, TenantRecord};
use tenancy_core::enforce::Enforcer;
use tenancy_core::resolve::{HeaderResolver, PathResolver, ResolverChain};

/// Two tenants, `acme` with the member alice and `globex`, whose members are unknown.
pub fn directory() -> MemoryDirectory {
    let entry = |id: &str| MemoryEntry::new(TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap()));
    MemoryDirectory::new([entry("acme").with_member("alice".parse().unwrap()), entry("globex")]).unwrap()
}

pub fn enforcer() -> Enforcer {
    let chain = ResolverChain::new()
        .then(HeaderResolver::new("x-tenant-id".parse().unwrap()))
        .unwrap()
        .then(PathResolver::new("/t/{tenant}".parse().unwrap()))
        .unwrap();
    Enforcer::new(chain)
}
