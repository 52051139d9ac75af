//! A creation that somebody else began, completed by the administrator.

use sqlx::{AssertSqlSafe, Database};
use tenancy_core::directory::TenantStatus;
use tenancy_core::lifecycle::Stage;
use tenancy_core::names::TenantId;

use crate::directory::error::{CreateError, DirectoryError};
use crate::directory::sql_directory::SqlDirectory;
use crate::directory::store::database::{DirectoryDatabase, Writers};
use crate::directory::tenants::create::creation_of;
use crate::directory::tenants::entry::DirectoryEntry;

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// Completes the creation of a tenant, as the administrator, who needs no key: makes its place, or what is missing of
    /// it, and ends the creation as [`create`](Self::create) does. It can be called again after a crash at any point, and on
    /// a tenant whose creation is done it changes nothing.
    ///
    /// A tenant that [`upsert`](Self::upsert) has put there as `provisioning` is provisioned and made active.
    ///
    /// # Security
    ///
    /// Never let a sign-up call it: a caller who signs up proves by their key that the creation is their own.
    ///
    /// # Errors
    ///
    /// If there is no such tenant, its strategy cannot make its place, or the directory cannot be changed.
    pub async fn resume_creation<Tenants: Database>(
        &self,
        db: &crate::TenantDb<Tenants>,
        id: &TenantId,
    ) -> Result<DirectoryEntry, CreateError> {
        self.require_writable()?;
        let unknown = || DirectoryError::UnknownTenant { id: id.clone() };
        let entry = self.find_by_id(id).await?.ok_or_else(unknown)?;
        let mut connection = self.pool.acquire().await.map_err(DirectoryError::from)?;
        let creation = creation_of::<DB>(&mut connection, id).await?.ok_or_else(unknown)?;
        drop(connection);
        let status = entry.record.status;
        if status == TenantStatus::Archived || creation.is_done && status != TenantStatus::Provisioning {
            return Ok(entry);
        }
        db.provision(&entry.record).await?;
        match creation.key.filter(|_| !creation.is_done) {
            Some(digest) => self.end_creation(id, &digest).await?,
            None => self.complete(id).await?,
        }
        Ok(self.find_by_id(id).await?.ok_or_else(unknown)?)
    }

    /// Makes a tenant active that was put there as `provisioning`. One that was led on meanwhile stays where it is.
    async fn complete(&self, id: &TenantId) -> Result<(), DirectoryError> {
        let mut change = self.begin(Writers::OfATenant).await?;
        let sql = format!(
            "select id from tenancy_tenants where id = $1 and status = 'provisioning' and creation_status is null{}",
            DB::FOR_UPDATE
        );
        let found = DB::fetch_optional(change.connection_mut(), AssertSqlSafe(sql), &[id.as_str().into()]).await?;
        if found.is_none() {
            return Ok(());
        }
        change.move_to(id, Stage::Provisioning, Stage::Active).await?;
        change.commit().await
    }
}
