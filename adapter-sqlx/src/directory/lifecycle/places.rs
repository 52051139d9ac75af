//! The places of tenants' data, which follow the directory.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, Database};
use tenancy_core::directory::{TenantRecord, TenantStatus};
use tenancy_core::names::TenantId;

use crate::directory::error::DirectoryError;
use crate::directory::events::{EventKind, PendingEvent};
use crate::directory::sql_directory::SqlDirectory;
use crate::directory::store::database::{DirectoryDatabase, Queries, Writers};
use crate::directory::store::rows::{columns, counter, parse};
use crate::fence::stored;
use crate::{FenceRefusal, PlaceChange, PlaceState, StrategyError, TenantDb};

/// How often a place is written anew because others have changed it or the directory meanwhile.
const TRIES: u32 = 5;

/// A tenant whose place does not follow the directory yet, or may not.
struct Unplaced {
    record: TenantRecord,
    deletion_began: bool,
}

impl Unplaced {
    fn change(&self) -> PlaceChange {
        let state = match self.record.status {
            _ if self.deletion_began => PlaceState::Gone,
            TenantStatus::Active => PlaceState::Open,
            TenantStatus::Provisioning | TenantStatus::Suspended | TenantStatus::Archived => PlaceState::Closed,
        };
        PlaceChange {
            epoch: self.record.epoch,
            revision: self.record.revision,
            state,
        }
    }
}

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// The same directory, whose verbs also change the fenced places of tenants' data: a verb that has returned is in force
    /// there. Without it a suspension reaches the processes that serve by their caches, and the place is
    /// [pending](Self::pending_places).
    ///
    /// A verb is two steps then: the directory first, and then the place. If the second fails, the error is
    /// [`DirectoryError::Pending`]: the same verb finishes it, and so does
    /// [`finish_pending_places`](Self::finish_pending_places). Of two verbs that cross the later one's state stays.
    ///
    /// Of a tenant whose strategy is not fenced, nothing is written anywhere else.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     directory: tenancy_sqlx::SqliteDirectory,
    /// #     db: tenancy_sqlx::TenantDb<sqlx::Sqlite>,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let directory = directory.with_places(&db);
    /// directory.suspend(&"acme".parse()?).await?;
    /// // No transaction that serves the tenant begins from here on, whatever a process has cached.
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_places<Tenants: Database>(self, db: &TenantDb<Tenants>) -> Self {
        Self {
            places: Some(Arc::new(db.clone())),
            ..self
        }
    }

    /// The tenants whose fenced places do not follow the directory yet, by id: a verb ended between its two steps, was called
    /// without [`with_places`](Self::with_places), or is older than the fence.
    ///
    /// Without `with_places` there are none.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried.
    pub async fn pending_places(&self) -> Result<Vec<TenantId>, DirectoryError> {
        let Some(places) = &self.places else {
            return Ok(Vec::new());
        };
        let unplaced = self.unplaced_tenants().await?;
        let pending = unplaced.iter().filter(|record| places.is_fenced(record));
        Ok(pending.map(|record| record.id.clone()).collect())
    }

    /// The tenants of which no fenced place is known to follow the directory, by id: those of strategies without a fence, and
    /// those that are pending. It needs no [`with_places`](Self::with_places): it is for operators, who know which are fenced.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried, which it cannot be by a role that only reads it.
    pub async fn unplaced_tenants(&self) -> Result<Vec<TenantRecord>, DirectoryError> {
        let mut connection = self.pool.acquire().await?;
        let sql = unplaced::<DB>("t.revision > t.placed_revision order by t.id");
        let rows = DB::fetch_all(&mut connection, sql, &[]).await?;
        let record = |row| Ok(TenantRecord::clone(&parse::<DB>(row)?.record));
        rows.iter().map(record).collect()
    }

    /// Finishes what is [pending](Self::pending_places), one tenant after the other, and returns how many there were. Call it
    /// once after the fence was turned on, and wherever a verb has returned [`DirectoryError::Pending`].
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Pending`] of the first tenant whose place cannot be changed; those before it are done.
    pub async fn finish_pending_places(&self) -> Result<u64, DirectoryError> {
        let mut finished = 0;
        for id in self.pending_places().await? {
            self.finish_pending_place(&id).await?;
            finished += 1;
        }
        Ok(finished)
    }

    /// Lets the place of one tenant follow the directory. If it does already, or is not fenced, nothing happens.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Pending`] if the place cannot be changed, and if the directory cannot be queried.
    pub async fn finish_pending_place(&self, id: &TenantId) -> Result<(), DirectoryError> {
        let Some(places) = &self.places else {
            return Ok(());
        };
        for _ in 0..TRIES {
            let Some(unplaced) = self.unplaced(id).await? else {
                return Ok(());
            };
            if !places.is_fenced(&unplaced.record) {
                return Ok(());
            }
            let change = unplaced.change();
            let place = places.change(&unplaced.record, change).await;
            let place = place.map_err(|source| pending(id, source))?;
            match place {
                // Another verb has come before this one, or the directory is an older one than the place has seen.
                Some(place) if place.revision > change.revision => self.catch_up(id, place.revision).await?,
                Some(place) if place.state != change.state => {
                    self.catch_up(id, place.revision.saturating_add(1)).await?
                }
                _ => return self.record_placed(id, change.revision).await,
            }
        }
        Err(pending(id, StrategyError::Fenced(FenceRefusal::Locked)))
    }

    /// Writes the place of one tenant anew, as the directory says, also where it seems to follow: after a backup of the directory or
    /// of the tenant's database was restored, or a fence was made anew. [`TenantDb::place`] shows what the place is.
    ///
    /// # Security
    ///
    /// The directory is in force then, whatever the place has seen: a suspension that a restored directory no longer knows is
    /// undone.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Pending`] if the place cannot be changed, [`DirectoryError::UnknownTenant`], and if the directory cannot
    /// be changed.
    pub async fn restate_place(&self, id: &TenantId) -> Result<(), DirectoryError> {
        let mut change = self.begin(Writers::OfATenant).await?;
        let sql = "update tenancy_tenants set revision = revision + 1 where id = $1 returning revision";
        let row = DB::fetch_optional(
            change.connection_mut(),
            AssertSqlSafe(sql.to_owned()),
            &[id.as_str().into()],
        )
        .await?;
        if row.is_none() {
            return Err(DirectoryError::UnknownTenant { id: id.clone() });
        }
        change.record(PendingEvent::new(id, EventKind::PLACE_RESTATED));
        change.commit().await?;
        self.finish_pending_place(id).await
    }

    /// `None` if the tenant's place follows, or there is no such tenant.
    async fn unplaced(&self, id: &TenantId) -> Result<Option<Unplaced>, DirectoryError> {
        let mut connection = self.pool.acquire().await?;
        let sql = unplaced::<DB>("t.id = $1 and t.revision > t.placed_revision");
        let Some(row) = DB::fetch_optional(&mut connection, sql, &[id.as_str().into()]).await? else {
            return Ok(None);
        };
        Ok(Some(Unplaced {
            record: TenantRecord::clone(&parse::<DB>(&row)?.record),
            deletion_began: DB::boolean(&row, "deletion_began")?,
        }))
    }

    /// Of a directory that was restored from a backup the place has seen more than it knows. What the directory says counts even
    /// so: it continues to count behind the place.
    async fn catch_up(&self, id: &TenantId, least: u64) -> Result<(), DirectoryError> {
        let mut change = self.begin(Writers::OfATenant).await?;
        let sql = format!("select revision from tenancy_tenants where id = $1{}", DB::FOR_UPDATE);
        let row = DB::fetch_optional(change.connection_mut(), AssertSqlSafe(sql), &[id.as_str().into()]).await?;
        let known = row.map(|row| counter::<DB>(&row, "revision")).transpose()?;
        if known.is_some_and(|known| known < least) {
            tracing::warn!(tenant = %id, "the directory is older than the tenant's place: was a backup restored?");
            let sql = "update tenancy_tenants set revision = $2 where id = $1";
            let values = [id.as_str().into(), stored(least.saturating_add(1)).into()];
            DB::execute(change.connection_mut(), sql, &values).await?;
        }
        change.commit().await
    }

    async fn record_placed(&self, id: &TenantId, revision: u64) -> Result<(), DirectoryError> {
        let mut change = self.begin(Writers::OfATenant).await?;
        let sql = "update tenancy_tenants set placed_revision = $2 where id = $1 and placed_revision < $2";
        let values = [id.as_str().into(), stored(revision).into()];
        DB::execute(change.connection_mut(), sql, &values).await?;
        change.commit().await
    }
}

fn unplaced<DB: Queries>(condition: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "select {}, t.deletion_began_at is not null as deletion_began from tenancy_tenants t where {condition}",
        columns::<DB>()
    ))
}

fn pending(id: &TenantId, source: StrategyError) -> DirectoryError {
    DirectoryError::Pending {
        id: id.clone(),
        source: Box::new(source),
    }
}
