//! The keys of one tenant in a Redis: found, and deleted.

use redis::aio::ConnectionLike;
use redis::{RedisResult, cmd};
use tenancy_core::enforce::Visit;
use tenancy_core::names::TenantId;

use crate::TextKeys;

/// About how many keys each step of a scan looks at.
const BATCH: usize = 1_000;

impl TextKeys {
    /// The pattern of a tenant's keys that begin with a text, for `SCAN … MATCH` and `PSUBSCRIBE`. Characters that mean something in
    /// a pattern stand for themselves.
    ///
    /// ```
    /// # use tenancy_core::enforce::Visit;
    /// # use tenancy_keys::TextKeys;
    /// # fn patterns(keys: &TextKeys, acme: &Visit) {
    /// assert_eq!(keys.pattern(acme, ""), "sessions:acme:*");
    /// assert_eq!(keys.pattern(acme, "*[a]"), r"sessions:acme:\*\[a]*");
    /// # }
    /// ```
    #[must_use]
    pub fn pattern(&self, tenant: &Visit, begins_with: &str) -> String {
        pattern(&self.key(tenant, begins_with))
    }

    /// Deletes the keys of a tenant that begin with a text. Returns how many there were.
    ///
    /// # Errors
    ///
    /// If the server cannot be queried. Some of them may be deleted then; call it again.
    pub async fn delete(
        &self,
        connection: &mut impl ConnectionLike,
        tenant: &Visit,
        begins_with: &str,
    ) -> RedisResult<u64> {
        delete(connection, &self.key(tenant, begins_with)).await
    }

    /// Deletes all keys of a tenant in this namespace, as where the tenant is erased. Returns how many there were.
    ///
    /// A key that is written meanwhile may stay: archive the tenant first. It scans all keys of the connection's database on one
    /// server; in a cluster call it for each primary, by a connection to that one.
    ///
    /// # Security
    ///
    /// No enforcement has named this tenant: never call it with an id that a request names.
    ///
    /// # Errors
    ///
    /// As [`delete`](Self::delete).
    pub async fn dangerously_delete_tenant(
        &self,
        connection: &mut impl ConnectionLike,
        tenant: &TenantId,
    ) -> RedisResult<u64> {
        delete(connection, &self.prefix_of(tenant)).await
    }
}

/// What begins with a text.
fn pattern(begins_with: &str) -> String {
    let mut pattern = String::with_capacity(begins_with.len() + 1);
    for character in begins_with.chars() {
        if matches!(character, '*' | '?' | '[' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('*');
    pattern
}

async fn delete(connection: &mut impl ConnectionLike, begins_with: &str) -> RedisResult<u64> {
    let pattern = pattern(begins_with);
    let (mut cursor, mut deleted) = (0_u64, 0);
    loop {
        let mut scan = cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(BATCH);
        let (next, mut keys): (u64, Vec<Vec<u8>>) = scan.query_async(connection).await?;
        // A pattern that says something else than its text would delete what is another tenant's.
        keys.retain(|key| key.starts_with(begins_with.as_bytes()));
        for key in keys {
            // One by one: in a cluster they are in different slots.
            let found: u64 = cmd("UNLINK").arg(key).query_async(connection).await?;
            deleted += found;
        }
        if next == 0 {
            return Ok(deleted);
        }
        cursor = next;
    }
}
