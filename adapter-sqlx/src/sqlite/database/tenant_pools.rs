//! One open file.

use crate::sqlite::warm_pool::WarmPool;

/// The pools of one tenant's file. They connect when a connection is needed.
#[derive(Debug)]
pub(in crate::sqlite) struct TenantPools {
    pub(in crate::sqlite) read_write: WarmPool,
    pub(in crate::sqlite) read_only: WarmPool,
    /// Which file it was when it was opened.
    pub(in crate::sqlite) file: FileIdentity,
}

impl TenantPools {
    pub(super) async fn close(&self) {
        // Both are closed to others before the first is waited for.
        let (read_write, read_only) = (self.read_write.close(), self.read_only.close());
        read_write.await;
        read_only.await;
    }
}

/// Distinguishes a file from another of the same name, if the system can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sqlite) struct FileIdentity(pub(in crate::sqlite) u64, pub(in crate::sqlite) u64);
