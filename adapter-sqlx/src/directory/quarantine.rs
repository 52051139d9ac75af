//! Names that nobody has, and that somebody still asks by: tokens, links and bookmarks outlive a name.

/// A part of [`sql_directory`](crate::directory::sql_directory), in the same module: what becomes of names that are freed.
macro_rules! sql_quarantine {
    ($Directory:ident) => {
impl $Directory {
    /// Sets for how long the slug, the external id and the domains that a tenant had, and was removed or changed
    /// its names since, are given to no other. Default: 30 days. An id is never given again.
    #[must_use]
    pub fn with_quarantine(self, quarantine: Duration) -> Self {
        Self { quarantine, ..self }
    }

    /// Ends the quarantine of a slug, an external id or a domain: a domain that moves from one tenant to another.
    /// `false` where it is in none. That of an id does not end.
    ///
    /// # Security
    ///
    /// Whoever still asks by this name, with a link or a token of before, reaches the tenant that takes it next.
    ///
    /// # Errors
    ///
    /// Where the database cannot tell.
    pub async fn dangerously_end_quarantine(&self, key: &TenantKey) -> Result<bool, DirectoryError> {
        if matches!(key, TenantKey::Id(_)) {
            return Ok(false);
        }
        let sql = "delete from tenancy_tombstones where form = $1 and name = $2";
        self.changes(sql, form_of(key), Some(key.as_str())).await
    }
}

const fn form_of(key: &TenantKey) -> &'static str {
    match key {
        TenantKey::Id(_) => "id",
        TenantKey::Slug(_) => "slug",
        TenantKey::External(_) => "external",
        TenantKey::Domain(_) => "domain",
    }
}

/// Puts all names of a tenant into quarantine, before it is removed. They are nobody's then.
async fn bury(connection: &mut Connection, id: &TenantId) -> Result<(), sqlx::Error> {
    for names in [
        "select 'id', id, cast($2 as bigint) from tenancy_tenants where id = $1",
        "select 'slug', slug, cast($2 as bigint) from tenancy_tenants where id = $1",
        "select 'external', external_id, cast($2 as bigint) from tenancy_tenants where id = $1 and external_id is not null",
        "select 'domain', domain, cast($2 as bigint) from tenancy_domains where tenant = $1",
    ] {
        let sql = format!(
            "insert into tenancy_tombstones (form, name, removed_at) {names}
             on conflict (form, name) do update set removed_at = excluded.removed_at, tenant = excluded.tenant"
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(id.as_str())
            .bind(unix_seconds())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Puts the names into quarantine that a tenant has, and will not have after this change. They stay its own.
async fn free_names(connection: &mut Connection, tenant: &NewTenant) -> Result<(), sqlx::Error> {
    let external_id = tenant.external_id.iter().map(tenancy_core::names::ExternalId::as_str);
    let domains = tenant.domains.iter().map(Domain::as_str);
    for (form, names, kept) in [
        ("slug", "select slug from tenancy_tenants where id = $1", vec![tenant.slug.as_str()]),
        (
            "external",
            "select external_id from tenancy_tenants where id = $1 and external_id is not null",
            external_id.collect(),
        ),
        ("domain", "select domain from tenancy_domains where tenant = $1", domains.collect()),
    ] {
        let had: Vec<String> = sqlx::query_scalar(names)
            .bind(tenant.id.as_str())
            .fetch_all(&mut *connection)
            .await?;
        for freed in had.iter().filter(|name| !kept.contains(&name.as_str())) {
            let sql = "insert into tenancy_tombstones (form, name, removed_at, tenant) values ($1, $2, $3, $4)
                 on conflict (form, name) do update set removed_at = excluded.removed_at, tenant = excluded.tenant";
            sqlx::query(sql)
                .bind(form)
                .bind(freed)
                .bind(unix_seconds())
                .bind(tenant.id.as_str())
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}

/// Refuses names that are in another's quarantine, and ends the quarantine of those that are given again.
async fn refuse_tombstones(
    connection: &mut Connection,
    tenant: &NewTenant,
    quarantine: Duration,
) -> Result<(), UpsertError> {
    let quarantine = i64::try_from(quarantine.as_secs()).unwrap_or(i64::MAX);
    // What was removed after this is in quarantine still. An id always is.
    let others_since = unix_seconds().saturating_sub(quarantine);
    let names = [TenantKey::Id(tenant.id.clone()), TenantKey::Slug(tenant.slug.clone())]
        .into_iter()
        .chain(tenant.external_id.clone().map(TenantKey::External))
        .chain(tenant.domains.iter().cloned().map(TenantKey::Domain));
    for key in names {
        let form = form_of(&key);
        let since = if form == "id" { i64::MIN } else { others_since };
        let sql = "select exists (select 1 from tenancy_tombstones
             where form = $1 and name = $2 and removed_at > $3 and (tenant is null or tenant <> $4))";
        let is_dead: bool = sqlx::query_scalar(sql)
            .bind(form)
            .bind(key.as_str())
            .bind(since)
            .bind(tenant.id.as_str())
            .fetch_one(&mut *connection)
            .await?;
        if is_dead {
            return Err(UpsertError::Quarantined { key: Box::new(key) });
        }
        sqlx::query("delete from tenancy_tombstones where form = $1 and name = $2")
            .bind(form)
            .bind(key.as_str())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
    };
}

pub(crate) use sql_quarantine;
