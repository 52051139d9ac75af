//! A tenant taken out of the directory.

use sqlx::AssertSqlSafe;
use tenancy_core::directory::TenantStatus;
use tenancy_core::lifecycle::Stage;
use tenancy_core::names::TenantId;

use crate::directory::error::{DirectoryError, ForgetError};
use crate::directory::events::{EventKind, PendingEvent};
use crate::directory::sql_directory::SqlDirectory;
use crate::directory::store::database::{DirectoryDatabase, Queries, Writers};
use crate::directory::tenants::quarantine::bury;

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// Takes an archived tenant out of the directory, with its members and names, once its data is removed. Returns
    /// `false` if there is no such tenant.
    ///
    /// Its id is never given again, and its other names not before their quarantine is over: a token or a link
    /// that still names it must not reach another tenant.
    ///
    /// # Errors
    ///
    /// If the tenant is not archived, or the directory cannot be changed.
    pub async fn remove(&self, id: &TenantId) -> Result<bool, ForgetError> {
        let mut change = self.begin(Writers::All).await?;
        let connection = change.connection_mut();
        match locked_status::<DB>(connection, id).await?.as_deref() {
            None => return Ok(false),
            Some(status) if status == TenantStatus::Archived.as_str() => {}
            Some(_) => return Err(ForgetError::NotArchived { id: id.clone() }),
        }
        bury::<DB>(connection, id).await?;
        for sql in [
            "delete from tenancy_impersonations where tenant = $1",
            "delete from tenancy_metadata where tenant = $1",
            "delete from tenancy_settings where tenant = $1",
            "delete from tenancy_members where tenant = $1",
            "delete from tenancy_domains where tenant = $1",
            "delete from tenancy_tenants where id = $1",
        ] {
            DB::execute(connection, sql, &[id.as_str().into()]).await?;
        }
        let event = PendingEvent::new(id, EventKind::DELETED);
        change.record(event.from(Stage::Archived.as_str()).to(Stage::Removed.as_str()));
        change.commit().await?;
        Ok(true)
    }
}

/// A tenant's status. A transaction that adds a member meanwhile waits until this one ends, or this one waits for it.
pub(in crate::directory) async fn locked_status<DB: Queries>(
    connection: &mut DB::Connection,
    id: &TenantId,
) -> Result<Option<String>, DirectoryError> {
    let sql = format!("select status from tenancy_tenants where id = $1{}", DB::FOR_UPDATE);
    let row = DB::fetch_optional(connection, AssertSqlSafe(sql), &[id.as_str().into()]).await?;
    let status = row.as_ref().map(|row| DB::text(row, "status")).transpose()?.flatten();
    Ok(status.map(str::to_owned))
}
