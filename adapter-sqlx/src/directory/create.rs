//! Creation of a tenant: once, and by the one who began it.

/// A part of [`sql_directory`](crate::directory::sql_directory), in the same module: what a sign-up calls.
macro_rules! sql_create {
    ($Directory:ident on $Database:ident) => {
impl $Directory {
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
    /// the strategy cannot hold, a placement that nobody knows ([`TenantDb::check`](crate::TenantDb::check)).
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
    #[doc = concat!("use tenancy_sqlx::{CreateError, CreationKey, NewTenant, ", stringify!($Directory), ", TenantDb};")]
    ///
    /// enum Answer { Created, IdTaken, Failed }
    ///
    /// async fn sign_up(
    #[doc = concat!("    directory: &", stringify!($Directory), ",")]
    #[doc = concat!("    db: &TenantDb<sqlx::", stringify!($Database), ">,")]
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
    /// [`CreateError::Directory`] if the directory cannot be asked, or the tenant was removed meanwhile; after these,
    /// try again with the same key.
    ///
    /// # Security
    ///
    /// Never let a sign-up call [`upsert`](Self::upsert): it changes a tenant that is there, and adds members to it.
    pub async fn create<DB: Database>(
        &self,
        db: &crate::TenantDb<DB>,
        tenant: &NewTenant,
        key: &CreationKey,
    ) -> Result<DirectoryEntry, CreateError> {
        db.check(&tenant.record()).await?;
        let digest = key.digest(&tenant.id);
        let (entry, is_done) = self.put_once(tenant, &digest).await?;
        if is_done || entry.record.status == TenantStatus::Archived {
            return Ok(entry);
        }
        db.provision(&entry.record).await?;
        self.end_creation(&tenant.id, &digest).await?;
        let found = self.find_by_id(&tenant.id).await?;
        Ok(found.ok_or_else(|| DirectoryError::UnknownTenant { id: tenant.id.clone() })?)
    }

    /// Puts the tenant into the directory, unless it is there by the same key. All of it or nothing; what is there is
    /// not changed. Answers, too, whether its creation is done.
    async fn put_once(&self, tenant: &NewTenant, digest: &str) -> Result<(DirectoryEntry, bool), CreateError> {
        let mut tx = self.begin_structural().await?;
        let connection = tx.connection_mut();
        let known = "select creation_key, creation_status from tenancy_tenants where id = $1";
        let known: Option<(Option<String>, Option<String>)> = sqlx::query_as(known)
            .bind(tenant.id.as_str())
            .fetch_optional(&mut *connection)
            .await
            .map_err(DirectoryError::from)?;
        let is_done = match known {
            Some((Some(key), ends_in)) if key == digest => ends_in.is_none(),
            Some(_) => return Err(CreateError::AlreadyExists { id: tenant.id.clone() }),
            None => {
                refuse_tombstones(connection, tenant, self.quarantine).await?;
                refuse_reserved(TenantKey::Id(tenant.id.clone()), &self.reserved)?;
                refuse_reserved(TenantKey::Slug(tenant.slug.clone()), &self.reserved)?;
                refuse_conflicts(connection, tenant).await?;
                if !insert_created(connection, tenant, digest).await.map_err(DirectoryError::from)? {
                    return Err(CreateError::AlreadyExists { id: tenant.id.clone() });
                }
                write_domains(connection, tenant).await?;
                write_members(connection, tenant).await?;
                false
            }
        };
        let entry = read_entry(connection, &tenant.id).await?;
        tx.commit().await.map_err(DirectoryError::from)?;
        Ok((entry, is_done))
    }

    /// Whoever has suspended or archived it while its place was made has the last word.
    async fn end_creation(&self, id: &TenantId, digest: &str) -> Result<(), DirectoryError> {
        let sql = "update tenancy_tenants
             set status = case when status = $3 then creation_status else status end, creation_status = null
             where id = $1 and creation_key = $2 and creation_status is not null";
        let mut tx = self.begin_change().await?;
        sqlx::query(sql)
            .bind(id.as_str())
            .bind(digest)
            .bind(TenantStatus::Provisioning.as_str())
            .execute(tx.connection_mut())
            .await?;
        Ok(tx.commit().await?)
    }
}

/// Writes the tenant's row, unless there is one. An archived tenant needs no place: its creation is done by this.
async fn insert_created(connection: &mut Connection, tenant: &NewTenant, digest: &str) -> Result<bool, sqlx::Error> {
    let (status, ends_in) = match tenant.status.unwrap_or(TenantStatus::Active) {
        TenantStatus::Archived => (TenantStatus::Archived, None),
        ends_in => (TenantStatus::Provisioning, Some(ends_in)),
    };
    let sql = "insert into tenancy_tenants
             (id, slug, external_id, name, status, strategy, placement, creation_key, creation_status)
         values ($1, $2, $3, coalesce($4, $1), $5, $6, $7, $8, $9) on conflict (id) do nothing";
    let done = sqlx::query(sql)
        .bind(tenant.id.as_str())
        .bind(tenant.slug.as_str())
        .bind(tenant.external_id.as_ref().map(tenancy_core::names::ExternalId::as_str))
        .bind(tenant.name.as_deref())
        .bind(status.as_str())
        .bind(tenant.strategy.as_str())
        .bind(tenant.placement.as_ref().map(PlacementName::as_str))
        .bind(digest)
        .bind(ends_in.map(TenantStatus::as_str))
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}
    };
}

pub(crate) use sql_create;
