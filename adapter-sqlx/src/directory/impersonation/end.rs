//! How grants and sessions end: by an operator, with their tenant, or by time. Whose row is deleted writes the event.

use sqlx::AssertSqlSafe;
use tenancy_core::names::{GrantId, TenantId};

use super::grant::{Impersonation, parse};
use crate::directory::error::DirectoryError;
use crate::directory::events::{EventKind, PendingEvent};
use crate::directory::sql_directory::SqlDirectory;
use crate::directory::store::database::{DirectoryDatabase, Value, Writers};
use crate::directory::tenants::change::DirectoryChange;

const COLUMNS: &str = "id, tenant, actor, subject, issuer, reason, expires_at, redeemed_at is not null as is_redeemed";

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// Ends a grant or its session, now: the next request is refused. It is committed with its event when this returns, and
    /// [`by`](Self::by) says who has ended it. Returns `false` if it has ended already.
    ///
    /// # Errors
    ///
    /// If the directory cannot be changed.
    pub async fn end_impersonation(&self, grant: &GrantId) -> Result<bool, DirectoryError> {
        let mut change = self.begin(Writers::OfTheSameRows).await?;
        let ended = end::<DB>(&mut change, "id = $1", &[grant.as_str().into()]).await?;
        let is_ended = !ended.is_empty();
        for impersonation in ended {
            change.record(impersonation.ended("ended"));
        }
        change.commit().await?;
        Ok(is_ended)
    }

    /// Writes the events of grants and sessions that have expired, and deletes them. Returns how many there were.
    ///
    /// Nobody is let in by an expired one, swept or not: this is for the record alone. [`impersonate`](Self::impersonate) does it first;
    /// call it now and then, each minute perhaps, where the end of each must be an event in time.
    ///
    /// # Errors
    ///
    /// If the directory cannot be changed.
    pub async fn sweep_impersonations(&self) -> Result<usize, DirectoryError> {
        let mut change = self.begin(Writers::OfTheSameRows).await?;
        let expired = format!("expires_at <= {}", DB::NOW);
        let ended = end::<DB>(&mut change, &expired, &[]).await?;
        for impersonation in &ended {
            let why = if impersonation.is_redeemed { "expired" } else { "unused" };
            change.record(impersonation.event(impersonation.ended(why)));
        }
        change.commit().await?;
        Ok(ended.len())
    }
}

/// Ends those of a tenant that is archived. An archived tenant may be taken back before they expire.
pub(in crate::directory) async fn end_with_tenant<DB: DirectoryDatabase>(
    change: &mut DirectoryChange<'_, DB>,
    tenant: &TenantId,
) -> Result<(), DirectoryError> {
    for impersonation in end::<DB>(change, "tenant = $1", &[tenant.as_str().into()]).await? {
        change.record(impersonation.ended("archived"));
    }
    Ok(())
}

async fn end<DB: DirectoryDatabase>(
    change: &mut DirectoryChange<'_, DB>,
    condition: &str,
    values: &[Value<'_>],
) -> Result<Vec<Impersonation>, DirectoryError> {
    let sql = format!("delete from tenancy_impersonations where {condition} returning {COLUMNS}");
    let rows = DB::fetch_all(change.connection_mut(), AssertSqlSafe(sql), values).await?;
    let parse = |row| {
        Ok(Impersonation {
            is_redeemed: DB::boolean(row, "is_redeemed")?,
            ..parse::<DB>(row)?
        })
    };
    rows.iter().map(parse).collect()
}

impl Impersonation {
    fn ended(&self, why: &str) -> PendingEvent {
        let event = PendingEvent::new(&self.tenant, EventKind::IMPERSONATION_ENDED);
        event.from(self.id.as_str()).to(why)
    }
}
