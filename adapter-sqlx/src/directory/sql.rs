//! The directory's queries, written once for every database.

/// Everything of a directory but how it is opened: the type has the fields `pool` and `reserved`.
///
/// It is a macro since what the queries need of a database is more to write down generically than the
/// queries are. The SQL is what SQLite and PostgreSQL both understand, but for what is given here.
macro_rules! sql_directory {
    ($Directory:ident on $Database:ident, begin: $begin:expr, aggregate: $aggregate:expr) => {
use sqlx::{AssertSqlSafe, Database, Row as _};
use tenancy_core::{
    Authorize, Authorizer, Decision, Directory, Domain, Member, ParseNameError, PlacementName, ReservedNames, Role, Roles, Subject,
    TenantId, TenantKey, TenantRecord, TenantStatus,
};

use crate::directory::{
    CreateError, DirectoryEntry, DirectoryError, ForgetError, NewTenant, UpsertAllError, UpsertError, unix_seconds,
};

crate::directory::sql_quarantine!($Directory);

type Connection = <$Database as Database>::Connection;
type Row = <$Database as Database>::Row;

impl $Directory {
    /// Replaces the names that no new tenant may have as its id or slug.
    #[must_use]
    pub fn with_reserved_names(self, reserved: ReservedNames) -> Self {
        Self { reserved, ..self }
    }

    /// Puts a tenant into the directory, makes its data a place, and only then makes it active.
    ///
    /// It can be done again after a crash at any point, and by two processes at a time. An active or suspended
    /// tenant keeps its status, also one that becomes so meanwhile; an archived one is changed in the directory
    /// alone.
    ///
    /// # Errors
    ///
    /// What the directory or the tenant's strategy refuses, and where the tenant was removed meanwhile. It stays
    /// `provisioning` then.
    pub async fn create<DB: Database>(
        &self,
        db: &crate::TenantDb<DB>,
        tenant: &NewTenant,
    ) -> Result<DirectoryEntry, CreateError> {
        let entry = self.upsert(tenant).await?;
        if entry.record.status == TenantStatus::Archived {
            return Ok(entry);
        }
        db.provision(&entry.record).await?;
        // Whoever has suspended or archived it while its place was made has the last word.
        sqlx::query("update tenancy_tenants set status = $2 where id = $1 and status = $3")
            .bind(entry.record.id.as_str())
            .bind(TenantStatus::Active.as_str())
            .bind(TenantStatus::Provisioning.as_str())
            .execute(&self.pool)
            .await
            .map_err(DirectoryError::from)?;
        let found = self.find_by_id(&entry.record.id).await?;
        Ok(found.ok_or_else(|| DirectoryError::UnknownTenant {
            id: entry.record.id.clone(),
        })?)
    }

    /// Takes an archived tenant out of the directory, with its members and names, once its data is removed.
    /// `false` where there is no such tenant.
    ///
    /// Its id is never given again, and its other names not before their quarantine is over: a token or a link
    /// that still names it must not reach another tenant.
    ///
    /// # Errors
    ///
    /// Where the tenant is not archived, or the database cannot tell.
    pub async fn remove(&self, id: &TenantId) -> Result<bool, ForgetError> {
        let mut tx = self.pool.begin_with($begin).await?;
        let status: Option<String> = sqlx::query_scalar("select status from tenancy_tenants where id = $1")
            .bind(id.as_str())
            .fetch_optional(&mut *tx)
            .await?;
        match status {
            None => return Ok(false),
            Some(status) if status == TenantStatus::Archived.as_str() => {}
            Some(_) => return Err(ForgetError::NotArchived { id: id.clone() }),
        }
        bury(&mut tx, id).await?;
        for sql in [
            "delete from tenancy_members where tenant = $1",
            "delete from tenancy_domains where tenant = $1",
            "delete from tenancy_tenants where id = $1",
        ] {
            sqlx::query(sql).bind(id.as_str()).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Puts a tenant into the directory, or changes the one of that id. All of it or nothing.
    ///
    /// The external id and the domains become those that are given; members are added, or
    /// replaced where [`NewTenant::with_members`] says so. The id and
    /// the strategy never change: a tenant's data would be left behind. A slug, external id or domain that it no
    /// longer has is given to no other before its quarantine is over; it may have it back.
    ///
    /// # Errors
    ///
    /// A name that is reserved, another tenant's or in quarantine, another strategy, or the database's refusal.
    pub async fn upsert(&self, tenant: &NewTenant) -> Result<DirectoryEntry, UpsertError> {
        let mut tx = self.pool.begin_with($begin).await?;
        let entry = self.upsert_in(&mut tx, tenant).await?;
        tx.commit().await?;
        Ok(entry)
    }

    /// Puts several tenants into the directory: all of them or none.
    ///
    /// # Errors
    ///
    /// As [`upsert`](Self::upsert), with the place of the tenant that was refused.
    pub async fn upsert_all(&self, tenants: &[NewTenant]) -> Result<Vec<DirectoryEntry>, UpsertAllError> {
        let at = |index| move |source: UpsertError| UpsertAllError { index, source };
        let mut tx = self
            .pool
            .begin_with($begin)
            .await
            .map_err(|error| at(0)(error.into()))?;
        let mut entries = Vec::with_capacity(tenants.len());
        for (index, tenant) in tenants.iter().enumerate() {
            entries.push(self.upsert_in(&mut tx, tenant).await.map_err(at(index))?);
        }
        tx.commit().await.map_err(|error| at(0)(error.into()))?;
        Ok(entries)
    }

    async fn upsert_in(
        &self,
        connection: &mut Connection,
        tenant: &NewTenant,
    ) -> Result<DirectoryEntry, UpsertError> {
        refuse_tombstones(connection, tenant, self.quarantine).await?;
        upsert(connection, tenant, &self.reserved).await?;
        let row = sqlx::query(AssertSqlSafe(select("t.id = $1")))
            .bind(tenant.id.as_str())
            .fetch_one(connection)
            .await?;
        Ok(parse(&row)?)
    }

    /// Sets a tenant's status. `false` where there is no such tenant.
    ///
    /// # Errors
    ///
    /// Where the database cannot tell.
    pub async fn set_status(&self, id: &TenantId, status: TenantStatus) -> Result<bool, DirectoryError> {
        self.changes(
            "update tenancy_tenants set status = $2 where id = $1",
            id,
            status.as_str(),
        )
        .await
    }

    /// Says where a tenant's data is from now on; `None` is the strategy's default. `false` where there is no such
    /// tenant.
    ///
    /// # Security
    ///
    /// It moves nothing: the data must be there already. Suspend the tenant while you move it.
    ///
    /// # Errors
    ///
    /// Where the database cannot tell.
    pub async fn dangerously_set_placement(
        &self,
        id: &TenantId,
        placement: Option<&PlacementName>,
    ) -> Result<bool, DirectoryError> {
        let done = sqlx::query("update tenancy_tenants set placement = $2 where id = $1")
            .bind(id.as_str())
            .bind(placement.map(PlacementName::as_str))
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Makes a subject a member of a tenant, or sets the roles of one. `false` where nothing changes.
    ///
    /// # Errors
    ///
    /// Where there is no such tenant, or the database cannot tell.
    pub async fn add_member(&self, id: &TenantId, member: &Member) -> Result<bool, DirectoryError> {
        match write_member(&self.pool, id, member).await {
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                Err(DirectoryError::UnknownTenant { id: id.clone() })
            }
            done => Ok(done?),
        }
    }

    /// Ends a subject's membership, whoever its issuer is. `false` where there is none.
    ///
    /// # Errors
    ///
    /// Where the database cannot tell.
    pub async fn remove_member(&self, id: &TenantId, subject: &Subject) -> Result<bool, DirectoryError> {
        let sql = "delete from tenancy_members where tenant = $1 and subject = $2";
        self.changes(sql, id, subject.as_str()).await
    }

    /// Whether a subject is a member of a tenant, by any issuer.
    ///
    /// # Errors
    ///
    /// Where the database cannot tell.
    pub async fn is_member(&self, id: &TenantId, subject: &Subject) -> Result<bool, DirectoryError> {
        let sql = "select exists (select 1 from tenancy_members where tenant = $1 and subject = $2)";
        let asked = sqlx::query_scalar(sql).bind(id.as_str()).bind(subject.as_str());
        Ok(asked.fetch_one(&self.pool).await?)
    }

    /// Looks a tenant up by its id, whatever its status.
    ///
    /// # Errors
    ///
    /// Where the database cannot tell.
    pub async fn find_by_id(&self, id: &TenantId) -> Result<Option<DirectoryEntry>, DirectoryError> {
        self.one("t.id = $1", id.as_str()).await
    }

    /// All tenants, whatever their status, by id.
    ///
    /// # Errors
    ///
    /// Where the database cannot tell.
    pub async fn list(&self) -> Result<Vec<DirectoryEntry>, DirectoryError> {
        let sql = select("true order by t.id");
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&self.pool).await?;
        rows.iter().map(parse).collect()
    }

    /// Closes the pool.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn one(&self, condition: &'static str, name: &str) -> Result<Option<DirectoryEntry>, DirectoryError> {
        let row = sqlx::query(AssertSqlSafe(select(condition)))
            .bind(name)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(parse).transpose()
    }

    async fn changes(&self, sql: &'static str, id: &TenantId, value: &str) -> Result<bool, DirectoryError> {
        let done = sqlx::query(sql)
            .bind(id.as_str())
            .bind(value)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }
}

impl Directory for $Directory {
    type Entry = DirectoryEntry;
    type Error = DirectoryError;

    async fn find(&self, key: &TenantKey) -> Result<Option<Self::Entry>, Self::Error> {
        let condition = match key {
            TenantKey::Id(_) => "t.id = $1",
            TenantKey::Slug(_) => "t.slug = $1",
            TenantKey::External(_) => "t.external_id = $1",
            TenantKey::Domain(_) => "t.id = (select tenant from tenancy_domains where domain = $1)",
        };
        self.one(condition, key.as_str()).await
    }
}

impl Authorizer for $Directory {
    type Error = DirectoryError;

    async fn authorize(&self, asked: &Authorize<'_>) -> Result<Decision, Self::Error> {
        let claims = asked.claims();
        let sql = "select roles from tenancy_members where tenant = $1 and subject = $2 and issuer in ('', $3)";
        let memberships: Vec<String> = sqlx::query_scalar(sql)
            .bind(asked.tenant().id.as_str())
            .bind(claims.subject().as_str())
            .bind(claims.issuer().unwrap_or_default())
            .fetch_all(&self.pool)
            .await?;
        let roles: Result<Vec<Roles>, _> = memberships.iter().map(|roles| parse_roles(roles)).collect();
        let roles = roles.map_err(|source| DirectoryError::Corrupt {
            column: "roles",
            source,
        })?;
        Ok(roles
            .into_iter()
            .reduce(Roles::union)
            .map_or(Decision::Deny, Decision::Allow))
    }
}

fn parse_roles(lines: &str) -> Result<Roles, ParseNameError> {
    lines.lines().map(str::parse).collect()
}

/// One statement, so that a tenant and its domains are of one moment. A domain has no comma.
fn select(condition: &'static str) -> String {
    format!(
        "select t.id, t.slug, t.external_id, t.name, t.status, t.strategy, t.placement,
           (select {}(d.domain, ',') from tenancy_domains d where d.tenant = t.id) as domains
         from tenancy_tenants t where {condition}",
        $aggregate,
    )
}

fn parse(row: &Row) -> Result<DirectoryEntry, DirectoryError> {
    let text = |column| row.try_get::<Option<&str>, _>(column).map(Option::unwrap_or_default);
    let name = |column: &'static str| move |source| DirectoryError::Corrupt { column, source };
    let external_id: Option<&str> = row.try_get("external_id")?;
    let id = text("id")?.parse().map_err(name("id"))?;
    let mut record = TenantRecord::new(id, text("strategy")?.parse().map_err(name("strategy"))?)
        .with_slug(text("slug")?.parse().map_err(name("slug"))?)
        .with_status(text("status")?.parse()?);
    if let Some(external_id) = external_id {
        record = record.with_external_id(external_id.parse().map_err(name("external_id"))?);
    }
    let placement: Option<&str> = row.try_get("placement")?;
    if let Some(placement) = placement {
        record = record.with_placement(placement.parse().map_err(name("placement"))?);
    }
    let domains: Option<&str> = row.try_get("domains")?;
    let domains = domains.into_iter().flat_map(|domains| domains.split(','));
    Ok(DirectoryEntry {
        record: record.into(),
        name: text("name")?.to_owned(),
        domains: domains
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(name("domain"))?,
    })
}

/// Runs inside a transaction that holds the write lock, so what is looked up stays true.
async fn upsert(
    connection: &mut Connection,
    tenant: &NewTenant,
    reserved: &ReservedNames,
) -> Result<(), UpsertError> {
    let known = "select slug, strategy, placement from tenancy_tenants where id = $1";
    let known: Option<(String, String, Option<String>)> = sqlx::query_as(known)
        .bind(tenant.id.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    match &known {
        None => {
            refuse_reserved(TenantKey::Id(tenant.id.clone()), reserved)?;
            refuse_reserved(TenantKey::Slug(tenant.slug.clone()), reserved)?;
        }
        Some((slug, ..)) if tenant.slug != slug.as_str() => {
            refuse_reserved(TenantKey::Slug(tenant.slug.clone()), reserved)?;
        }
        Some(_) => {}
    }
    if let Some((_, current, placement)) = known {
        if tenant.strategy != current.as_str() {
            return Err(UpsertError::StrategyChanged {
                id: tenant.id.clone(),
                current,
                requested: tenant.strategy.clone(),
            });
        }
        // None asks for no change.
        let requested = tenant.placement.as_ref().map(PlacementName::as_str);
        if requested.is_some() && requested != placement.as_deref() {
            return Err(UpsertError::PlacementChanged { id: tenant.id.clone() });
        }
    }
    refuse_conflicts(connection, tenant).await?;
    free_names(connection, tenant).await?;
    write_tenant(connection, tenant).await?;
    write_domains(connection, tenant).await?;
    write_members(connection, tenant).await
}

fn refuse_reserved(key: TenantKey, reserved: &ReservedNames) -> Result<(), UpsertError> {
    if reserved.contains(key.as_str()) {
        return Err(UpsertError::Reserved { key: Box::new(key) });
    }
    Ok(())
}

async fn refuse_conflicts(connection: &mut Connection, tenant: &NewTenant) -> Result<(), UpsertError> {
    let slug = TenantKey::Slug(tenant.slug.clone());
    let others = "select exists (select 1 from tenancy_tenants where slug = $1 and id <> $2)";
    refuse_conflict(connection, others, tenant, slug).await?;
    if let Some(external_id) = &tenant.external_id {
        let external_id = TenantKey::External(external_id.clone());
        let others = "select exists (select 1 from tenancy_tenants where external_id = $1 and id <> $2)";
        refuse_conflict(connection, others, tenant, external_id).await?;
    }
    for domain in &tenant.domains {
        let domain = TenantKey::Domain(domain.clone());
        let others = "select exists (select 1 from tenancy_domains where domain = $1 and tenant <> $2)";
        refuse_conflict(connection, others, tenant, domain).await?;
    }
    Ok(())
}

async fn refuse_conflict(
    connection: &mut Connection,
    others: &'static str,
    tenant: &NewTenant,
    key: TenantKey,
) -> Result<(), UpsertError> {
    let is_taken: bool = sqlx::query_scalar(others)
        .bind(key.as_str())
        .bind(tenant.id.as_str())
        .fetch_one(connection)
        .await?;
    if is_taken {
        return Err(UpsertError::Conflict { key: Box::new(key) });
    }
    Ok(())
}

async fn write_tenant(connection: &mut Connection, tenant: &NewTenant) -> Result<(), UpsertError> {
    let sql = "insert into tenancy_tenants (id, slug, external_id, name, status, strategy, placement)
         values ($1, $2, $3, coalesce($4, $1), coalesce($5, $7), $6, $8)
         on conflict (id) do update set slug = $2, external_id = $3,
           name = coalesce($4, tenancy_tenants.name), status = coalesce($5, tenancy_tenants.status)";
    sqlx::query(sql)
        .bind(tenant.id.as_str())
        .bind(tenant.slug.as_str())
        .bind(tenant.external_id.as_ref().map(tenancy_core::ExternalId::as_str))
        .bind(tenant.name.as_deref())
        .bind(tenant.status.map(TenantStatus::as_str))
        .bind(tenant.strategy.as_str())
        .bind(TenantStatus::Provisioning.as_str())
        .bind(tenant.placement.as_ref().map(PlacementName::as_str))
        .execute(connection)
        .await?;
    Ok(())
}

async fn write_domains(connection: &mut Connection, tenant: &NewTenant) -> Result<(), UpsertError> {
    let taken = "delete from tenancy_domains where tenant = $1";
    sqlx::query(taken)
        .bind(tenant.id.as_str())
        .execute(&mut *connection)
        .await?;
    // One that is listed twice is the tenant's once.
    for domain in tenant.domains.iter().map(Domain::as_str) {
        sqlx::query("insert into tenancy_domains (domain, tenant) values ($1, $2) on conflict do nothing")
            .bind(domain)
            .bind(tenant.id.as_str())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn write_members(connection: &mut Connection, tenant: &NewTenant) -> Result<(), UpsertError> {
    if tenant.replaces_members {
        sqlx::query("delete from tenancy_members where tenant = $1")
            .bind(tenant.id.as_str())
            .execute(&mut *connection)
            .await?;
    }
    for member in &tenant.members {
        write_member(&mut *connection, &tenant.id, member).await?;
    }
    Ok(())
}

/// Makes a subject a member, or sets the roles of one. `false` where nothing changes.
async fn write_member(
    executor: impl sqlx::Executor<'_, Database = $Database>,
    tenant: &TenantId,
    member: &Member,
) -> Result<bool, sqlx::Error> {
    let sql = "insert into tenancy_members (tenant, subject, issuer, roles) values ($1, $2, $3, $4)
         on conflict (tenant, subject, issuer) do update set roles = excluded.roles where tenancy_members.roles <> excluded.roles";
    // The empty text is any issuer there. A member of an issuer that is the empty text is nobody's.
    if member.issuer() == Some("") {
        return Err(sqlx::Error::Encode("a member's issuer is empty".into()));
    }
    // No role has an end of line.
    let roles: Vec<&str> = member.roles().iter().map(Role::as_str).collect();
    let done = sqlx::query(sql)
        .bind(tenant.as_str())
        .bind(member.subject().as_str())
        .bind(member.issuer().unwrap_or_default())
        .bind(roles.join("\n"))
        .execute(executor)
        .await?;
    Ok(done.rows_affected() > 0)
}
    };
}

pub(crate) use sql_directory;
