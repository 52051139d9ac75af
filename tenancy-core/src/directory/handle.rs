//! A tenant's record that is handed on instead of copied.

use core::fmt;
use core::ops::Deref;

use crate::directory::TenantRecord;

#[cfg(feature = "std")]
type Held = std::sync::Arc<TenantRecord>;
#[cfg(not(feature = "std"))]
type Held = TenantRecord;

/// A [`TenantRecord`] that is cheap to clone: shared where there is an allocator (feature `std`), else a copy.
///
/// A directory that keeps its answers keeps a handle with each, and hands that out
/// ([`TenantEntry::handle`](crate::directory::TenantEntry::handle)): a record is large to move, and goes from the look-up
/// to the handler through many hands. It is an entry itself, for a directory whose answers are records and nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct TenantHandle(Held);

impl From<TenantRecord> for TenantHandle {
    fn from(record: TenantRecord) -> Self {
        #[cfg(feature = "std")]
        return Self(Held::new(record));
        #[cfg(not(feature = "std"))]
        Self(record)
    }
}

impl Deref for TenantHandle {
    type Target = TenantRecord;

    fn deref(&self) -> &TenantRecord {
        &self.0
    }
}

impl fmt::Debug for TenantHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
