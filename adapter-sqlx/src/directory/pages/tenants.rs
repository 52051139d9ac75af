//! The tenants, page by page.

use tenancy_core::directory::TenantStatus;
use tenancy_core::names::TenantId;

use super::page::{Page, PageRequest};
use crate::directory::database::{DirectoryDatabase, Value};
use crate::directory::entry::DirectoryEntry;
use crate::directory::error::DirectoryError;
use crate::directory::rows::{parse, select};
use crate::directory::sql_directory::SqlDirectory;

/// No id is empty, so each one is greater than the empty text.
pub(in crate::directory) const PAGE: &str = "t.id > $1 order by t.id limit $2";
pub(in crate::directory) const PAGE_WITH_STATUS: &str = "t.status = $3 and t.id > $1 order by t.id limit $2";

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
        self.page_where(PAGE, request, None).await
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
        self.page_where(PAGE_WITH_STATUS, request, Some(status)).await
    }

    async fn page_where(
        &self,
        condition: &'static str,
        request: &PageRequest<TenantId>,
        status: Option<TenantStatus>,
    ) -> Result<Page<DirectoryEntry, TenantId>, DirectoryError> {
        let after = request.key().map_or("", TenantId::as_str);
        let mut values: Vec<Value<'_>> = vec![after.into(), request.rows().into()];
        values.extend(status.map(|status| Value::from(status.as_str())));
        let mut connection = self.pool.acquire().await?;
        let rows = DB::fetch_all(&mut connection, select::<DB>(condition), &values).await?;
        let entries = rows.iter().map(parse::<DB>).collect::<Result<_, _>>()?;
        Ok(request.page(entries, |entry: &DirectoryEntry| entry.record.id.clone()))
    }
}
