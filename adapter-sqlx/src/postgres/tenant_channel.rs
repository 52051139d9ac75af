//! A tenant's own channel for notifications.

use std::fmt;

use sha2::{Digest, Sha256};
use sqlx::Postgres;
use tenancy_core::enforce::Visit;

use crate::TenantTransaction;

/// The name of a channel of one tenant, for `LISTEN` and `NOTIFY`.
///
/// Channels belong to the database and not to the tenant: under the strategies `row` and `schema` all tenants share them, and a
/// channel called `orders` brings every tenant's orders to every listener. A tenant and a topic make one name here, which no
/// other tenant and no other topic makes.
///
/// ```no_run
/// use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
/// use tenancy_core::enforce::Admitted;
/// use tenancy_sqlx::{PgTenantChannel, TenantDb};
///
/// # async fn example(
/// #     db: TenantDb<sqlx::Postgres>, tenant: &Admitted, application: PgConnectOptions,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// let orders = PgTenantChannel::new(tenant, "orders");
///
/// // On a connection of its own: a tenant's transaction ends every subscription that it finds.
/// let mut listener = PgListener::connect_with(&PgPoolOptions::new().connect_lazy_with(application)).await?;
/// listener.listen(orders.as_str()).await?;
///
/// let mut tx = db.begin(tenant).await?;
/// orders.notify(&mut tx, "42").await?;
/// tx.commit().await?; // It is delivered now, and not before.
/// assert_eq!(listener.recv().await?.payload(), "42");
/// # Ok(()) }
/// ```
///
/// # Security
///
/// PostgreSQL has no rights to channels. Anyone who may connect to the database may listen to any channel whose name they know
/// or guess, and may notify it. So send a key, such as an order's id, and read the rest in the tenant's transaction; and take a
/// notification for a hint to look, never for a command.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "LISTEN")]
#[doc(alias = "NOTIFY")]
#[doc(alias = "PgListener")]
pub struct PgTenantChannel(String);

impl PgTenantChannel {
    /// The greatest length of a channel's name, in bytes.
    pub const MAX_LEN: usize = 63;

    /// The channel of a tenant and a topic: `tenant:ID:TOPIC`, or a digest of both if that is too long for a name.
    #[must_use]
    pub fn new(tenant: &Visit, topic: &str) -> Self {
        // An id has no colon, so the first one behind it begins the topic.
        let name = format!("tenant:{}:{topic}", tenant.id());
        if name.len() <= Self::MAX_LEN && !name.contains('\0') {
            return Self(name);
        }
        let digest: String = Sha256::digest(&name)
            .iter()
            .take(28)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self(format!("tenant#{digest}"))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Notifies the channel, once the transaction is committed.
    ///
    /// # Errors
    ///
    /// If the payload has 8,000 bytes or more, or the database refuses.
    pub async fn notify(&self, tx: &mut TenantTransaction<Postgres>, payload: &str) -> Result<(), sqlx::Error> {
        let notify = sqlx::query("select pg_catalog.pg_notify($1, $2)")
            .bind(self.as_str())
            .bind(payload);
        notify.execute(&mut **tx).await.map(drop)
    }
}

impl fmt::Display for PgTenantChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use tenancy_core::directory::TenantRecord;
    use tenancy_core::enforce::Admitted;
    use tenancy_core::names::{ResolverName, Subject};

    use super::*;

    #[test]
    fn no_two_tenants_and_topics_share_a_name() {
        let long = "a".repeat(63);
        let topics = [
            "",
            ":",
            "b",
            "b:c",
            "c",
            "a:b",
            "\0",
            "\"",
            "'; --",
            "ä",
            &"x".repeat(200),
            &"x".repeat(201),
            &"ä".repeat(40),
        ];
        let mut names = HashSet::new();
        for id in ["a", "b", "a-b", "tenant", &long, &long.replacen('a', "b", 1)] {
            let record = TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap());
            let tenant =
                Admitted::dangerously_assume(record, ResolverName::from_static("test"), Subject::from_static("x"));
            for topic in topics {
                let channel = PgTenantChannel::new(&tenant, topic);
                assert!(channel.as_str().len() <= PgTenantChannel::MAX_LEN, "{channel}");
                assert!(!channel.as_str().contains('\0'), "{channel}");
                assert_eq!(channel, PgTenantChannel::new(&tenant, topic));
                assert!(names.insert(channel), "{id} {topic}");
            }
        }
        // A digest is not the name of any topic.
        assert!(
            names
                .iter()
                .all(|name| name.as_str().starts_with("tenant:") || name.as_str().len() == 63)
        );
    }
}
