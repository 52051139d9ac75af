//! How much memory a cached name takes.

use std::convert::Infallible;

use futures_util::FutureExt;
use tenancy_cache::{CacheLimits, CachedDirectory};
use tenancy_core::directory::{Directory, TenantHandle};
use tenancy_core::names::TenantKey;

use crate::cache_support::directory::{key, record};

/// Makes a record for each name, as a database's directory does.
struct Generated;

impl Directory for Generated {
    type Entry = TenantHandle;
    type Error = Infallible;

    async fn find(&self, key: &TenantKey) -> Result<Option<TenantHandle>, Infallible> {
        Ok(Some(record(key.as_str()).into()))
    }
}

/// The record, its entry, and all tables. Tables double when they are full, so both numbers are such that little of that
/// is unused, and much.
#[test]
fn a_cached_name_takes_at_most_400_bytes() {
    for names in [8_000, 10_000, 50_000_usize] {
        let allocated = allocation_counter::measure(|| {
            let limits = CacheLimits::new().with_capacity(2 * names);
            let cached = CachedDirectory::builder(Generated).with_limits(limits).build();
            for number in 0..names {
                let found = cached.find(&key(&format!("tenant-{number}"))).now_or_never().unwrap();
                assert!(found.unwrap().is_some());
            }
            assert!(cached.peek(&key("tenant-0"), |_| ()).is_some());
            std::mem::forget(cached);
        });
        let each = allocated.bytes_current / i64::try_from(names).unwrap();
        assert!((250..=400).contains(&each), "{each} bytes with {names} names");
    }
}
