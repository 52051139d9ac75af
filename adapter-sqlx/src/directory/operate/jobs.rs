//! How far a tenant's creation and deletion have come.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::AssertSqlSafe;
use tenancy_core::directory::TenantStatus;
use tenancy_core::names::TenantId;

use crate::directory::error::DirectoryError;
use crate::directory::pages::{Page, PageRequest};
use crate::directory::sql_directory::SqlDirectory;
use crate::directory::store::database::{DirectoryDatabase, Queries};

/// The jobs that make a tenant and remove it, and how far they have come. Only the administrator reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TenantJobs {
    /// The tenant.
    pub id: TenantId,
    /// Its status.
    pub status: TenantStatus,
    /// Whether its creation was begun and not completed: its place may be missing or half-made. The command or the sign-up
    /// that began it completes it, and so does [`resume_creation`](SqlDirectory::resume_creation).
    pub is_creation_unfinished: bool,
    /// When it was archived; its grace is counted from here.
    pub archived_at: Option<SystemTime>,
    /// When its deletion began. It is not restored any more, and [`delete`](SqlDirectory::delete) finishes it.
    pub deletion_began_at: Option<SystemTime>,
}

const COLUMNS: &str = "t.id, t.status,
     (t.creation_status is not null or t.status = 'provisioning') and t.status <> 'archived' as is_unfinished,
     coalesce(t.archived_at, -1) as archived_at, coalesce(t.deletion_began_at, -1) as deletion_began_at";

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// The jobs of a tenant; `None` if there is no such tenant.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried, which it cannot be by a role that only reads it.
    pub async fn jobs_of(&self, id: &TenantId) -> Result<Option<TenantJobs>, DirectoryError> {
        let sql = format!("select {COLUMNS} from tenancy_tenants t where t.id = $1");
        let mut connection = self.pool.acquire().await?;
        let row = DB::fetch_optional(&mut connection, AssertSqlSafe(sql), &[id.as_str().into()]).await?;
        row.as_ref().map(parse::<DB>).transpose()
    }

    /// The tenants whose creation was not completed, or whose deletion began, by id. All tenants are looked at, so this is
    /// for a check now and then.
    ///
    /// # Errors
    ///
    /// As of [`jobs_of`](Self::jobs_of).
    pub async fn unfinished_jobs(
        &self,
        request: &PageRequest<TenantId>,
    ) -> Result<Page<TenantJobs, TenantId>, DirectoryError> {
        let sql = format!(
            "select {COLUMNS} from tenancy_tenants t
             where (t.creation_status is not null and t.status <> 'archived' or t.status = 'provisioning'
                 or t.deletion_began_at is not null)
               and t.id > $1 order by t.id limit $2"
        );
        let after = request.key().map_or("", TenantId::as_str);
        let values = [after.into(), request.rows().into()];
        let mut connection = self.pool.acquire().await?;
        let rows = DB::fetch_all(&mut connection, AssertSqlSafe(sql), &values).await?;
        let jobs = rows.iter().map(parse::<DB>).collect::<Result<_, _>>()?;
        Ok(request.page(jobs, |last: &TenantJobs| last.id.clone()))
    }
}

fn parse<DB: Queries>(row: &DB::Row) -> Result<TenantJobs, DirectoryError> {
    let text = |column| DB::text(row, column).map(Option::unwrap_or_default);
    let at = |column| -> Result<Option<SystemTime>, DirectoryError> {
        let seconds = u64::try_from(DB::number(row, column)?).ok();
        Ok(seconds.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds)))
    };
    let id = text("id")?;
    Ok(TenantJobs {
        id: id
            .parse()
            .map_err(|source| DirectoryError::Corrupt { column: "id", source })?,
        status: text("status")?.parse().map_err(DirectoryError::CorruptStatus)?,
        is_creation_unfinished: DB::boolean(row, "is_unfinished")?,
        archived_at: at("archived_at")?,
        deletion_began_at: at("deletion_began_at")?,
    })
}
