//! The tenants, page by page.

use tenancy_core::directory::TenantStatus;
use tenancy_core::names::TenantId;

use super::page::{Page, PageRequest};
use crate::directory::error::DirectoryError;
use crate::directory::sql_directory::SqlDirectory;
use crate::directory::store::database::DirectoryDatabase;
use crate::directory::store::rows::{parse, select};
use crate::directory::tenants::entry::DirectoryEntry;

/// No id is empty, so each one is greater than the empty text.
pub(in crate::directory) const PAGE: &str = "t.id > $1 order by t.id limit $2";

/// The status is written out: a plan for any status would read the tenants by their ids, and all of them for a rare one.
pub(in crate::directory) fn page_with_status(status: TenantStatus) -> String {
    format!("t.status = '{}' and t.id > $1 order by t.id limit $2", status.as_str())
}

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// The tenants, whatever their status, by id.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried.
    pub async fn page(
        &self,
        request: &PageRequest<TenantId>,
    ) -> Result<Page<DirectoryEntry, TenantId>, DirectoryError> {
        self.page_where(PAGE, request).await
    }

    /// The tenants of one status, by id.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried.
    pub async fn page_with_status(
        &self,
        status: TenantStatus,
        request: &PageRequest<TenantId>,
    ) -> Result<Page<DirectoryEntry, TenantId>, DirectoryError> {
        self.page_where(&page_with_status(status), request).await
    }

    async fn page_where(
        &self,
        condition: &str,
        request: &PageRequest<TenantId>,
    ) -> Result<Page<DirectoryEntry, TenantId>, DirectoryError> {
        let after = request.key().map_or("", TenantId::as_str);
        let values = [after.into(), request.rows().into()];
        let mut connection = self.pool.acquire().await?;
        let rows = DB::fetch_all(&mut connection, select::<DB>(condition), &values).await?;
        let entries = rows.iter().map(parse::<DB>).collect::<Result<_, _>>()?;
        Ok(request.page(entries, |entry: &DirectoryEntry| entry.record.id.clone()))
    }
}
