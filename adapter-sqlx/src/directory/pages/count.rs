//! Counts that stop.

use sqlx::AssertSqlSafe;
use tenancy_core::directory::TenantStatus;
use tenancy_core::names::TenantId;

use crate::directory::error::DirectoryError;
use crate::directory::sql_directory::SqlDirectory;
use crate::directory::store::database::{DirectoryDatabase, Value};

/// How many there are, as far as was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Count {
    /// So many.
    Exactly(u32),
    /// More than so many, which was the limit.
    MoreThan(u32),
}

/// In the order of an index, so that no planner reads other rows while it looks for the first ones. The status is written
/// out, as it is for a page.
pub(in crate::directory) fn tenants(status: TenantStatus) -> String {
    let status = status.as_str();
    format!(
        "select count(*) as counted from (
           select 1 from tenancy_tenants where status = '{status}' order by id limit $1) counted"
    )
}

pub(in crate::directory) const MEMBERS: &str = "select count(*) as counted from (select 1 from tenancy_members where tenant = $2 order by subject limit $1) counted";

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// How many tenants have a status, counted up to `limit`. A count costs as much as the number that it shows, so say
    /// "more than 1,000" where nobody needs to know.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried.
    pub async fn count(&self, status: TenantStatus, limit: u32) -> Result<Count, DirectoryError> {
        self.count_up_to(&tenants(status), None, limit).await
    }

    /// How many memberships a tenant has, counted up to `limit`. A subject with several issuers counts for each.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried.
    pub async fn count_members(&self, id: &TenantId, limit: u32) -> Result<Count, DirectoryError> {
        self.count_up_to(MEMBERS, Some(id.as_str().into()), limit).await
    }

    async fn count_up_to(&self, sql: &str, of: Option<Value<'_>>, limit: u32) -> Result<Count, DirectoryError> {
        let values: Vec<Value<'_>> = [(i64::from(limit) + 1).into()].into_iter().chain(of).collect();
        let mut connection = self.pool.acquire().await?;
        let row = DB::fetch_optional(&mut connection, AssertSqlSafe(sql.to_owned()), &values).await?;
        let counted = row.as_ref().map(|row| DB::number(row, "counted")).transpose()?;
        Ok(match u32::try_from(counted.unwrap_or_default()) {
            Ok(counted) if counted <= limit => Count::Exactly(counted),
            _ => Count::MoreThan(limit),
        })
    }
}
