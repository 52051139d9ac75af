//! The directory of tenants in a database.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Pool};
use tenancy_core::directory::Directory;
use tenancy_core::names::{Domain, ExternalId, PlacementName, ReservedNames, Slug, TenantId, TenantKey};

use super::QUARANTINE;
use super::error::DirectoryError;
use super::events::Attribution;
use super::events::{EventKind, PendingEvent};
use crate::directory::lifecycle::fenced_places::FencedPlaces;
use crate::directory::store::database::{DirectoryDatabase, Value, Writers};
use crate::directory::store::rows::{parse, select};
use crate::directory::tenants::entry::DirectoryEntry;

/// The tenants, their domains and their members, in a database. Cheap to clone.
///
/// It is [`SqliteDirectory`](crate::SqliteDirectory) or [`PgDirectory`](crate::PgDirectory), where its pages say how it
/// is opened, and what holds on each database.
///
/// It is a [`Directory`] and an [`Authorizer`](tenancy_core::directory::Authorizer): a caller is a member if the directory lists the
/// token's subject for the tenant, with the roles that it lists.
///
/// Its tables start with `tenancy_`, and its migrations are counted in `_tenancy_migrations`, so it can be in a database
/// with your own tables.
///
/// # Cancellation
///
/// A method that has returned has committed its change. One whose future is dropped has changed all of what it changes,
/// or nothing, and leaves neither a lock nor an open transaction. Writers wait for one another, 5 seconds by default; then
/// they fail with [`DirectoryError::Busy`].
#[doc(alias = "cancelled")]
pub struct SqlDirectory<DB: DirectoryDatabase> {
    pub(super) pool: Pool<DB>,
    pub(super) reserved: ReservedNames,
    pub(super) quarantine: Duration,
    pub(super) attribution: Attribution,
    pub(crate) lock_timeout: DB::LockTimeout,
    pub(super) is_read_only: bool,
    pub(super) places: Option<Arc<dyn FencedPlaces>>,
}

pub(super) const BY_ID: &str = "t.id = $1";
pub(super) const BY_SLUG: &str = "t.slug = $1";
pub(super) const BY_EXTERNAL_ID: &str = "t.external_id = $1";
pub(super) const BY_DOMAIN: &str = "t.id = (select tenant from tenancy_domains where domain = $1)";

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// A directory whose tables are up to date.
    pub(crate) fn new(pool: Pool<DB>, lock_timeout: DB::LockTimeout) -> Self {
        Self {
            pool,
            reserved: ReservedNames::default(),
            quarantine: QUARANTINE,
            attribution: Attribution::default(),
            lock_timeout,
            is_read_only: false,
            places: None,
        }
    }

    /// The same, of which nothing can be changed.
    #[cfg(feature = "postgres")]
    pub(crate) fn read_only(self) -> Self {
        Self {
            is_read_only: true,
            ..self
        }
    }

    /// A connection of the pool.
    #[cfg(feature = "postgres")]
    pub(crate) async fn acquire(&self) -> Result<sqlx::pool::PoolConnection<DB>, sqlx::Error> {
        self.pool.acquire().await
    }

    /// A transaction that changes who may read the directory. One at a time, or PostgreSQL would refuse the second.
    #[cfg(feature = "postgres")]
    pub(crate) async fn begin_change_of_rights(&self) -> Result<crate::StrategyTransaction<DB>, DirectoryError> {
        self.require_writable()?;
        super::begin_write(&self.pool, DB::begin_change(Writers::All, &self.lock_timeout)).await
    }

    /// Whether nothing can be changed here, since the directory was opened without the administrator. A command that has to
    /// change something asks this first, and says that the administrator's URL is missing.
    #[must_use]
    pub const fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// Refuses a change of a directory that was opened by a reader.
    pub(super) const fn require_writable(&self) -> Result<(), DirectoryError> {
        if self.is_read_only {
            return Err(DirectoryError::ReadOnly);
        }
        Ok(())
    }

    /// Replaces the names that no new tenant may have as its id or slug.
    #[must_use]
    pub fn with_reserved_names(self, reserved: ReservedNames) -> Self {
        Self { reserved, ..self }
    }

    /// Records where a tenant's data is from now on; `None` is the strategy's default. Returns `false` if there is no such
    /// tenant.
    ///
    /// # Security
    ///
    /// It moves nothing: the data must be there already. Suspend the tenant while you move it.
    ///
    /// # Errors
    ///
    /// If the directory cannot be changed.
    pub async fn dangerously_set_placement(
        &self,
        id: &TenantId,
        placement: Option<&PlacementName>,
    ) -> Result<bool, DirectoryError> {
        let mut change = self.begin(Writers::OfATenant).await?;
        let sql = format!("select placement from tenancy_tenants where id = $1{}", DB::FOR_UPDATE);
        let known = DB::fetch_optional(change.connection_mut(), AssertSqlSafe(sql), &[id.as_str().into()]).await?;
        let Some(known) = known else {
            return Ok(false);
        };
        let before = DB::text(&known, "placement")?.map(str::to_owned);
        let after = placement.map(PlacementName::as_str);
        if before.as_deref() != after {
            let sql = "update tenancy_tenants set placement = $2 where id = $1";
            DB::execute(change.connection_mut(), sql, &[id.as_str().into(), after.into()]).await?;
            change.record(PendingEvent::new(id, EventKind::PLACEMENT_CHANGED).between(before.as_deref(), after));
        }
        change.commit().await?;
        Ok(true)
    }

    /// Looks a tenant up by its id, whatever its status.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried.
    pub async fn find_by_id(&self, id: &TenantId) -> Result<Option<DirectoryEntry>, DirectoryError> {
        self.one(BY_ID, id.as_str()).await
    }

    /// Looks a tenant up by its slug, whatever its status.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried.
    pub async fn find_by_slug(&self, slug: &Slug) -> Result<Option<DirectoryEntry>, DirectoryError> {
        self.one(BY_SLUG, slug.as_str()).await
    }

    /// Looks a tenant up by the identity provider's organisation id, whatever its status.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried.
    pub async fn find_by_external_id(&self, id: &ExternalId) -> Result<Option<DirectoryEntry>, DirectoryError> {
        self.one(BY_EXTERNAL_ID, id.as_str()).await
    }

    /// Looks a tenant up by one of its domains, whatever its status.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried.
    pub async fn find_by_domain(&self, domain: &Domain) -> Result<Option<DirectoryEntry>, DirectoryError> {
        self.one(BY_DOMAIN, domain.as_str()).await
    }

    /// All tenants, whatever their status, by id. All of them are in memory then: where there may be many, read them
    /// [page by page](Self::page).
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried.
    pub async fn list(&self) -> Result<Vec<DirectoryEntry>, DirectoryError> {
        let mut connection = self.pool.acquire().await?;
        let rows = DB::fetch_all(&mut connection, select::<DB>("true order by t.id"), &[]).await?;
        rows.iter().map(parse::<DB>).collect()
    }

    /// Closes the pool.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn one(&self, condition: &'static str, name: &str) -> Result<Option<DirectoryEntry>, DirectoryError> {
        let mut connection = self.pool.acquire().await?;
        let row = DB::fetch_optional(&mut connection, select::<DB>(condition), &[name.into()]).await?;
        row.as_ref().map(parse::<DB>).transpose()
    }

    /// Makes a change that one statement decides, and that is no tenant's. It is committed when this returns. Returns whether
    /// a row has changed.
    pub(super) async fn change(&self, sql: &'static str, values: &[Value<'_>]) -> Result<bool, DirectoryError> {
        Ok(self.change_rows(sql, values).await? > 0)
    }

    /// As [`change`](Self::change). Returns how many rows have changed.
    pub(super) async fn change_rows(&self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, DirectoryError> {
        let mut change = self.begin(Writers::OfTheSameRows).await?;
        let done = DB::execute(change.connection_mut(), sql, values).await?;
        change.commit().await?;
        Ok(DB::rows_affected(&done))
    }
}

impl<DB: DirectoryDatabase> Directory for SqlDirectory<DB> {
    type Entry = DirectoryEntry;
    type Error = DirectoryError;

    async fn find(&self, key: &TenantKey) -> Result<Option<Self::Entry>, Self::Error> {
        let condition = match key {
            TenantKey::Id(_) => BY_ID,
            TenantKey::Slug(_) => BY_SLUG,
            TenantKey::External(_) => BY_EXTERNAL_ID,
            TenantKey::Domain(_) => BY_DOMAIN,
        };
        self.one(condition, key.as_str()).await
    }
}

impl<DB: DirectoryDatabase> Clone for SqlDirectory<DB> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
            reserved: self.reserved.clone(),
            quarantine: self.quarantine,
            attribution: self.attribution.clone(),
            lock_timeout: self.lock_timeout.clone(),
            is_read_only: self.is_read_only,
            places: self.places.clone(),
        }
    }
}

impl<DB: DirectoryDatabase> fmt::Debug for SqlDirectory<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlDirectory")
            .field("database", &DB::NAME)
            .field("quarantine", &self.quarantine)
            .field("lock_timeout", &self.lock_timeout)
            .finish_non_exhaustive()
    }
}
