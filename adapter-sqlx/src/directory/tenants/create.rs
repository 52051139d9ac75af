//! Creation of a tenant: once, and by the caller that began it.

use sqlx::{AssertSqlSafe, Database};
use tenancy_core::directory::TenantStatus;
use tenancy_core::lifecycle::Stage;
use tenancy_core::names::{ExternalId, PlacementName, TenantId, TenantKey};

use super::creation_key::CreationKey;
use super::entry::{DirectoryEntry, NewTenant};
use super::quarantine::refuse_tombstones;
use super::upsert::{refuse_conflicts, refuse_reserved, write_domains, write_members};
use crate::directory::error::{CreateError, DirectoryError};
use crate::directory::events::{EventKind, PendingEvent};
use crate::directory::sql_directory::SqlDirectory;
use crate::directory::store::database::{DirectoryDatabase, Queries, Writers, changes};
use crate::directory::store::rows::read_entry;
use crate::directory::unix_seconds;

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// Creates a tenant: puts it into the directory as `provisioning`, makes the place for its data, and only then
    /// makes it active, or what [`NewTenant::with_status`] says.
    ///
    /// An id is created once. The database decides whose it is: of two who create it at once, one does, and the
    /// other is refused. The creation is known again by its [`CreationKey`]. Called again with an equal key, it goes
    /// on where it ended, after a crash at any point and in two processes at a time; once it is done, it only answers
    /// with the tenant's entry. What is given with the key the second time, such as names and members, changes
    /// nothing.
    ///
    /// What can be known before is refused before anything is written: a strategy that is not registered, an id that
    /// the strategy cannot hold, a placement that is not known ([`TenantDb::check`](crate::TenantDb::check)).
    ///
    /// A tenant that is suspended or archived while its place is made stays so.
    ///
    /// # Examples
    ///
    /// A sign-up endpoint. `signup_key` came with the form that the user was given, made by
    /// [`CreationKey::random`] when the form was shown, so a second click does not fail.
    ///
    /// ```no_run
    /// use tenancy_core::directory::Member;
    /// use tenancy_core::names::Subject;
    /// use tenancy_sqlx::{CreateError, CreationKey, NewTenant, SqliteDirectory, TenantDb};
    ///
    /// enum Answer { Created, IdTaken, Failed }
    ///
    /// async fn sign_up(
    ///     directory: &SqliteDirectory,
    ///     db: &TenantDb<sqlx::Sqlite>,
    ///     id: &str,
    ///     owner: Subject,
    ///     signup_key: &CreationKey,
    /// ) -> Result<Answer, Box<dyn std::error::Error>> {
    ///     let tenant = NewTenant::new(id.parse()?, "row".parse()?).with_member(Member::new(owner));
    ///     Ok(match directory.create(db, &tenant, signup_key).await {
    ///         Ok(_) => Answer::Created,
    ///         Err(CreateError::AlreadyExists { .. }) => Answer::IdTaken,
    ///         Err(_) => Answer::Failed,
    ///     })
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`CreateError::AlreadyExists`] if the id is a tenant's that was not created with this key: by another key, or
    /// by [`upsert`](Self::upsert). [`CreateError::Upsert`] if a name is reserved, another tenant's or in quarantine.
    /// Both leave the directory as it was. [`CreateError::Provision`] if the strategy refuses the tenant, and
    /// [`CreateError::Directory`] if the directory cannot be queried, or the tenant was removed meanwhile; after these,
    /// try again with the same key.
    ///
    /// # Security
    ///
    /// Never let a sign-up call [`upsert`](Self::upsert): it changes a tenant that is there, and adds members to it.
    pub async fn create<Tenants: Database>(
        &self,
        db: &crate::TenantDb<Tenants>,
        tenant: &NewTenant,
        key: &CreationKey,
    ) -> Result<DirectoryEntry, CreateError> {
        db.check(&tenant.record()).await?;
        let digest = key.digest(&tenant.id);
        let (entry, is_done) = self.put_once(tenant, &digest).await?;
        if is_done || entry.record.status == TenantStatus::Archived {
            self.finish_pending_place(&tenant.id).await?;
            return Ok(entry);
        }
        db.provision(&entry.record).await?;
        self.end_creation(&tenant.id, &digest).await?;
        self.finish_pending_place(&tenant.id).await?;
        let found = self.find_by_id(&tenant.id).await?;
        Ok(found.ok_or_else(|| DirectoryError::UnknownTenant { id: tenant.id.clone() })?)
    }

    /// Puts the tenant into the directory, unless it is there by the same key. All of it or nothing; what is there is
    /// not changed. Returns, too, whether its creation is done.
    async fn put_once(&self, tenant: &NewTenant, digest: &str) -> Result<(DirectoryEntry, bool), CreateError> {
        let mut change = self.begin(Writers::All).await?;
        let is_done = match creation_of::<DB>(change.connection_mut(), &tenant.id).await? {
            Some(known) if known.key.as_deref() == Some(digest) => known.is_done,
            Some(_) => return Err(CreateError::AlreadyExists { id: tenant.id.clone() }),
            None => {
                let connection = change.connection_mut();
                refuse_tombstones::<DB>(connection, tenant, self.quarantine).await?;
                refuse_reserved(TenantKey::Id(tenant.id.clone()), &self.reserved)?;
                refuse_reserved(TenantKey::Slug(tenant.slug.clone()), &self.reserved)?;
                refuse_conflicts::<DB>(connection, tenant).await?;
                let inserted = insert_created::<DB>(connection, tenant, digest).await;
                let Some(status) = inserted.map_err(DirectoryError::from)? else {
                    return Err(CreateError::AlreadyExists { id: tenant.id.clone() });
                };
                change.record(PendingEvent::new(&tenant.id, EventKind::CREATED).to(status.as_str()));
                write_domains(&mut change, tenant).await?;
                write_members(&mut change, tenant).await?;
                false
            }
        };
        let entry = read_entry::<DB>(change.connection_mut(), &tenant.id).await?;
        change.commit().await?;
        Ok((entry, is_done))
    }

    /// Ends a creation. A tenant that was suspended or archived while its place was made stays so.
    pub(in crate::directory) async fn end_creation(&self, id: &TenantId, digest: &str) -> Result<(), DirectoryError> {
        let mut change = self.begin(Writers::OfATenant).await?;
        let sql = format!(
            "select status, creation_status from tenancy_tenants
             where id = $1 and creation_key = $2 and creation_status is not null{}",
            DB::FOR_UPDATE
        );
        let values = [id.as_str().into(), digest.into()];
        let Some(row) = DB::fetch_optional(change.connection_mut(), AssertSqlSafe(sql), &values).await? else {
            // Another process ended it.
            return Ok(());
        };
        let stage = |column| -> Result<Stage, DirectoryError> {
            let status: Result<TenantStatus, _> = DB::text(&row, column)?.unwrap_or_default().parse();
            Ok(status.map_err(DirectoryError::CorruptStatus)?.into())
        };
        let (current, ends_in) = (stage("status")?, stage("creation_status")?);
        let sql = "update tenancy_tenants set creation_status = null where id = $1";
        DB::execute(change.connection_mut(), sql, &[id.as_str().into()]).await?;
        if current == Stage::Provisioning {
            change.move_to(id, Stage::Provisioning, ends_in).await?;
        }
        change.commit().await
    }
}

/// How a tenant that is in the directory came there.
pub(in crate::directory) struct Creation {
    /// The digest of the key by which it was created; `None` if it was put there by other means.
    pub(in crate::directory) key: Option<String>,
    pub(in crate::directory) is_done: bool,
}

pub(in crate::directory) async fn creation_of<DB: Queries>(
    connection: &mut DB::Connection,
    id: &TenantId,
) -> Result<Option<Creation>, DirectoryError> {
    let sql = "select creation_key, creation_status from tenancy_tenants where id = $1";
    let Some(row) = DB::fetch_optional(connection, sql, &[id.as_str().into()]).await? else {
        return Ok(None);
    };
    Ok(Some(Creation {
        key: DB::text(&row, "creation_key")?.map(str::to_owned),
        is_done: DB::text(&row, "creation_status")?.is_none(),
    }))
}

/// Writes the tenant's row, unless there is one. Returns the status that it has then. An archived tenant needs no place: its creation is done by this.
async fn insert_created<DB: Queries>(
    connection: &mut DB::Connection,
    tenant: &NewTenant,
    digest: &str,
) -> Result<Option<TenantStatus>, sqlx::Error> {
    let (status, ends_in) = match tenant.status.unwrap_or(TenantStatus::Active) {
        TenantStatus::Archived => (TenantStatus::Archived, None),
        ends_in => (TenantStatus::Provisioning, Some(ends_in)),
    };
    let sql = "insert into tenancy_tenants
             (id, slug, external_id, name, status, strategy, placement, creation_key, creation_status, archived_at, revision)
         values ($1, $2, $3, coalesce($4, $1), $5, $6, $7, $8, $9,
             case when $5 = 'archived' then cast($10 as bigint) end, case when $5 = 'archived' then 1 else 0 end)
         on conflict (id) do nothing";
    let values = [
        tenant.id.as_str().into(),
        tenant.slug.as_str().into(),
        tenant.external_id.as_ref().map(ExternalId::as_str).into(),
        tenant.name.as_deref().into(),
        status.as_str().into(),
        tenant.strategy.as_str().into(),
        tenant.placement.as_ref().map(PlacementName::as_str).into(),
        digest.into(),
        ends_in.map(TenantStatus::as_str).into(),
        unix_seconds().into(),
    ];
    Ok(changes::<DB>(connection, sql, &values).await?.then_some(status))
}
