//! A tenant's life: suspended, activated, archived, restored, deleted.

use std::time::{Duration, UNIX_EPOCH};

use sqlx::{AssertSqlSafe, Database};
use tenancy_core::directory::{TenantRecord, TenantStatus};
use tenancy_core::lifecycle::{IllegalTransition, Next, Stage, Verb};
use tenancy_core::names::TenantId;

use crate::directory::error::{DeleteError, DirectoryError, LifecycleError};
use crate::directory::events::{Attribution, EventKind, PendingEvent};
use crate::directory::impersonation::end_with_tenant;
use crate::directory::sql_directory::SqlDirectory;
use crate::directory::store::database::{DirectoryDatabase, Queries, Writers, is_found};
use crate::directory::store::rows::read_entry;
use crate::directory::tenants::change::DirectoryChange;
use crate::directory::unix_seconds;

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// The same directory, for changes by this actor and for this reason. Without it they are the application's own.
    ///
    /// ```no_run
    /// # async fn example(directory: tenancy_sqlx::SqliteDirectory) -> Result<(), Box<dyn std::error::Error>> {
    /// use tenancy_sqlx::Attribution;
    ///
    /// let by = Attribution::new("ops:carol".parse()?).with_reason("invoice 4711 is unpaid".parse()?);
    /// directory.by(by).suspend(&"acme".parse()?).await?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn by(&self, attribution: Attribution) -> Self {
        Self {
            attribution,
            ..self.clone()
        }
    }

    /// Stops serving a tenant for now, such as one that is unpaid. Returns `false` if it is suspended already.
    ///
    /// # Errors
    ///
    /// If it is not active, or the directory cannot be changed.
    pub async fn suspend(&self, id: &TenantId) -> Result<bool, LifecycleError> {
        self.lead(id, |state| state.verb(id, Verb::Suspend)).await
    }

    /// Serves a suspended tenant again. Returns `false` if it is active already.
    ///
    /// # Errors
    ///
    /// If it is neither, if its creation was never completed, or if the directory cannot be changed.
    pub async fn activate(&self, id: &TenantId) -> Result<bool, LifecycleError> {
        self.lead(id, |state| state.verb(id, Verb::Activate)).await
    }

    /// Ends a tenant's service. Its data stays until it is [deleted](Self::delete). Returns `false` if it is archived already.
    ///
    /// # Errors
    ///
    /// If there is no such tenant, or the directory cannot be changed.
    pub async fn archive(&self, id: &TenantId) -> Result<bool, LifecycleError> {
        self.lead(id, |state| state.verb(id, Verb::Archive)).await
    }

    /// Takes an archived tenant back. It is suspended then, so that a person looks at it before it is
    /// [activated](Self::activate). Returns `false` if it is suspended already.
    ///
    /// # Errors
    ///
    /// If it is not archived, if its deletion has begun, or if the directory cannot be changed.
    pub async fn restore(&self, id: &TenantId) -> Result<bool, LifecycleError> {
        self.lead(id, |state| state.verb(id, Verb::Restore)).await
    }

    /// Leads a tenant to a status by the one verb that leads there from where it is, for a caller who knows where the tenant is to
    /// be: a seed, or what a payment provider reports. Returns `false` if it is there already.
    ///
    /// It ends the creation of a tenant that was put here by [`upsert`](Self::upsert), too: provisioned, it is made active.
    ///
    /// # Errors
    ///
    /// If no verb leads there ([`tenancy_core::lifecycle`]), or the directory cannot be changed.
    pub async fn set_status(&self, id: &TenantId, status: TenantStatus) -> Result<bool, LifecycleError> {
        self.lead(id, |state| state.verb_to(id, status)).await
    }

    /// Removes an archived tenant for good, once it has been archived for `grace`: its data, by its strategy, and then its entry
    /// with its members and names. Returns `false` if it is removed already.
    ///
    /// It is a job that can be given again: one that ended anywhere, by an error, a crash or a dropped future, is finished by
    /// the next call. From its first step on the tenant is not [restored](Self::restore) any more, since some of its data may
    /// be gone.
    ///
    /// Its id is never given again, and its other names not before their quarantine is over.
    ///
    /// # Security
    ///
    /// There is no way back. A grace that is shorter than caches and requests live removes data under a request that was
    /// admitted before the tenant was archived; 30 days is what most services choose.
    ///
    /// # Errors
    ///
    /// [`DeleteError::InGrace`] until the grace is over, [`DeleteError::Lifecycle`] if the tenant is not archived, and what the
    /// strategy or the directory fails by.
    pub async fn delete<Tenants: Database>(
        &self,
        db: &crate::TenantDb<Tenants>,
        id: &TenantId,
        grace: Duration,
    ) -> Result<bool, DeleteError> {
        let Some(record) = self.begin_deletion(id, grace).await? else {
            return Ok(false);
        };
        // No transaction begins any more, and none that writes is under way.
        self.finish_pending_place(id).await?;
        db.dangerously_remove(&record).await?;
        Ok(self.remove(id).await?)
    }

    /// From then on the tenant cannot be taken back. `None` if it is removed already.
    async fn begin_deletion(&self, id: &TenantId, grace: Duration) -> Result<Option<TenantRecord>, DeleteError> {
        let mut change = self.begin(Writers::OfATenant).await?;
        let state = State::locked::<DB>(change.connection_mut(), id).await?;
        if Verb::Delete.apply(state.stage).map_err(|source| illegal(id, source))? == Next::Unchanged {
            return Ok(None);
        }
        let entry = read_entry::<DB>(change.connection_mut(), id).await?;
        let record = TenantRecord::clone(&entry.record);
        if state.deletion_began {
            return Ok(Some(record));
        }
        let now = unix_seconds();
        let archived_at = state.archived_at.unwrap_or(now);
        let grace = i64::try_from(grace.as_secs()).unwrap_or(i64::MAX);
        let ends_at = archived_at.saturating_add(grace);
        if ends_at > now {
            let sql = "update tenancy_tenants set archived_at = $2 where id = $1";
            DB::execute(change.connection_mut(), sql, &[id.as_str().into(), archived_at.into()]).await?;
            change.commit().await?;
            let until = UNIX_EPOCH + Duration::from_secs(u64::try_from(ends_at).unwrap_or_default());
            return Err(DeleteError::InGrace { id: id.clone(), until });
        }
        let sql = "update tenancy_tenants set archived_at = $2, deletion_began_at = $3, revision = revision + 1
             where id = $1";
        let values = [id.as_str().into(), archived_at.into(), now.into()];
        DB::execute(change.connection_mut(), sql, &values).await?;
        change.record(PendingEvent::new(id, EventKind::DELETION_BEGAN));
        change.commit().await?;
        Ok(Some(record))
    }

    /// Leads a tenant where the chosen verb leads; `None` is nowhere.
    async fn lead(
        &self,
        id: &TenantId,
        choose: impl FnOnce(&State) -> Result<Option<Verb>, LifecycleError>,
    ) -> Result<bool, LifecycleError> {
        let mut change = self.begin(Writers::OfATenant).await?;
        let state = State::locked::<DB>(change.connection_mut(), id).await?;
        let has_changed = match choose(&state)? {
            Some(verb) => {
                change.move_to(id, state.stage, verb.target()).await?;
                change.commit().await?;
                true
            }
            None if self.places.is_none() => return Ok(false),
            None => {
                // Nothing has changed, but its lock would be in the way of what follows.
                change.commit().await?;
                false
            }
        };
        // Where the tenant is there already, an earlier call may have ended between the two steps.
        self.finish_pending_place(id).await?;
        Ok(has_changed)
    }
}

impl<DB: DirectoryDatabase> DirectoryChange<'_, DB> {
    /// Writes that a tenant is in another stage, with its event.
    pub(in crate::directory) async fn move_to(
        &mut self,
        id: &TenantId,
        from: Stage,
        to: Stage,
    ) -> Result<(), DirectoryError> {
        let sql = "update tenancy_tenants set status = $2, revision = revision + 1,
                archived_at = case when $2 = 'archived' then cast($3 as bigint) end where id = $1";
        let values = [id.as_str().into(), to.as_str().into(), unix_seconds().into()];
        DB::execute(self.connection_mut(), sql, &values).await?;
        let event = PendingEvent::new(id, EventKind::of_transition(from, to));
        self.record(event.from(from.as_str()).to(to.as_str()));
        if to == Stage::Archived {
            end_with_tenant(self, id).await?;
        }
        Ok(())
    }
}

/// Where a tenant is in its life, and in the jobs that make and remove it.
pub(in crate::directory) struct State {
    pub(in crate::directory) stage: Stage,
    creation_is_unfinished: bool,
    archived_at: Option<i64>,
    deletion_began: bool,
}

impl State {
    /// Other changes of the same tenant wait until this transaction ends.
    pub(in crate::directory) async fn locked<DB: Queries>(
        connection: &mut DB::Connection,
        id: &TenantId,
    ) -> Result<Self, LifecycleError> {
        let sql = format!(
            "select status, creation_status, coalesce(archived_at, -1) as archived_at,
                 deletion_began_at is not null as deletion_began
             from tenancy_tenants where id = $1{}",
            DB::FOR_UPDATE
        );
        let Some(row) = DB::fetch_optional(connection, AssertSqlSafe(sql), &[id.as_str().into()]).await? else {
            return Self::removed::<DB>(connection, id).await;
        };
        let status: Result<TenantStatus, _> = DB::text(&row, "status")?.unwrap_or_default().parse();
        Ok(Self {
            stage: status.map_err(DirectoryError::CorruptStatus)?.into(),
            creation_is_unfinished: DB::text(&row, "creation_status")?.is_some(),
            archived_at: Some(DB::number(&row, "archived_at")?).filter(|at| *at >= 0),
            deletion_began: DB::boolean(&row, "deletion_began")?,
        })
    }

    /// Of a tenant that is not in the directory any more. One that never was is unknown.
    async fn removed<DB: Queries>(connection: &mut DB::Connection, id: &TenantId) -> Result<Self, LifecycleError> {
        let sql = "select exists (select 1 from tenancy_tombstones where form = 'id' and name = $1) as found";
        if !is_found::<DB>(connection, sql, &[id.as_str().into()]).await? {
            return Err(DirectoryError::UnknownTenant { id: id.clone() }.into());
        }
        Ok(Self {
            stage: Stage::Removed,
            creation_is_unfinished: false,
            archived_at: None,
            deletion_began: false,
        })
    }

    /// The verb, if it leads away from here; `None` if the tenant is where it leads.
    fn verb(&self, id: &TenantId, verb: Verb) -> Result<Option<Verb>, LifecycleError> {
        self.refuse_half_done(id, verb)?;
        let next = verb.apply(self.stage).map_err(|source| illegal(id, source))?;
        Ok((next != Next::Unchanged).then_some(verb))
    }

    /// The verb that leads from here to a status; `None` if the tenant has it.
    pub(in crate::directory) fn verb_to(
        &self,
        id: &TenantId,
        status: TenantStatus,
    ) -> Result<Option<Verb>, LifecycleError> {
        let Some(current) = self.stage.status() else {
            return Err(DirectoryError::UnknownTenant { id: id.clone() }.into());
        };
        let verb = Verb::between(current, status).map_err(|source| illegal(id, source))?;
        if let Some(verb) = verb {
            self.refuse_half_done(id, verb)?;
        }
        Ok(verb)
    }

    fn refuse_half_done(&self, id: &TenantId, verb: Verb) -> Result<(), LifecycleError> {
        if matches!(verb, Verb::Activate | Verb::Complete) && self.creation_is_unfinished {
            return Err(LifecycleError::CreationUnfinished { id: id.clone() });
        }
        if verb == Verb::Restore && self.deletion_began {
            return Err(LifecycleError::DeletionBegan { id: id.clone() });
        }
        Ok(())
    }
}

pub(in crate::directory) fn illegal(id: &TenantId, source: IllegalTransition) -> LifecycleError {
    LifecycleError::Illegal { id: id.clone(), source }
}
