//! The quarantine of names that no tenant has any more: tokens, links and bookmarks outlive a name.

use std::time::Duration;

use sqlx::AssertSqlSafe;
use tenancy_core::names::{Domain, ExternalId, TenantId, TenantKey};

use super::entry::NewTenant;
use crate::directory::error::{DirectoryError, UpsertError};
use crate::directory::events::{EventKind, PendingEvent};
use crate::directory::sql_directory::SqlDirectory;
use crate::directory::store::database::{DirectoryDatabase, Queries, Writers, changes, is_found};
use crate::directory::unix_seconds;

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// Sets how long the slug, the external id and the domains of a tenant that was removed or renamed are given to no
    /// other. The default is 30 days. An id is never given again.
    #[must_use]
    pub fn with_quarantine(self, quarantine: Duration) -> Self {
        Self { quarantine, ..self }
    }

    /// Ends the quarantine of a slug, an external id or a domain, for example of a domain that moves from one tenant to
    /// another. Returns `false` if it is in none. The quarantine of an id does not end.
    ///
    /// # Security
    ///
    /// Callers that still use this name, with a link or a token of before, reach the tenant that takes it next.
    ///
    /// # Errors
    ///
    /// If the directory cannot be changed.
    pub async fn dangerously_end_quarantine(&self, key: &TenantKey) -> Result<bool, DirectoryError> {
        if matches!(key, TenantKey::Id(_)) {
            return Ok(false);
        }
        let mut change = self.begin(Writers::OfTheSameRows).await?;
        let values = [form_of(key).into(), key.as_str().into()];
        let sql = "select tenant from tenancy_tombstones where form = $1 and name = $2";
        let tombstone = DB::fetch_optional(change.connection_mut(), sql, &values).await?;
        if !changes::<DB>(change.connection_mut(), END, &values).await? {
            return Ok(false);
        }
        let tenant = match &tombstone {
            Some(row) => DB::text(row, "tenant")?.map(str::parse).transpose(),
            None => Ok(None),
        };
        let mut event = PendingEvent::about_a_name(EventKind::QUARANTINE_ENDED);
        event.tenant = tenant.map_err(|source| DirectoryError::Corrupt {
            column: "tenant",
            source,
        })?;
        change.record(event.from(format!("{} {}", form_of(key), key.as_str())));
        change.commit().await?;
        Ok(true)
    }
}

/// Ends the quarantine of one name.
const END: &str = "delete from tenancy_tombstones where form = $1 and name = $2";

const fn form_of(key: &TenantKey) -> &'static str {
    match key {
        TenantKey::Id(_) => "id",
        TenantKey::Slug(_) => "slug",
        TenantKey::External(_) => "external",
        TenantKey::Domain(_) => "domain",
    }
}

/// Puts all names of a tenant into quarantine, before it is removed. No tenant has them then.
pub(in crate::directory) async fn bury<DB: Queries>(
    connection: &mut DB::Connection,
    id: &TenantId,
) -> Result<(), sqlx::Error> {
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
        let values = [id.as_str().into(), unix_seconds().into()];
        DB::execute(connection, AssertSqlSafe(sql), &values).await?;
    }
    Ok(())
}

/// Puts the names into quarantine that a tenant has, and will not have after this change. They stay its own.
pub(in crate::directory) async fn free_names<DB: Queries>(
    connection: &mut DB::Connection,
    tenant: &NewTenant,
) -> Result<(), sqlx::Error> {
    let external_id = tenant.external_id.iter().map(ExternalId::as_str);
    let domains = tenant.domains.iter().map(Domain::as_str);
    for (form, names, stays) in [
        (
            "slug",
            "select slug as name from tenancy_tenants where id = $1",
            vec![tenant.slug.as_str()],
        ),
        (
            "external",
            "select external_id as name from tenancy_tenants where id = $1 and external_id is not null",
            external_id.collect(),
        ),
        (
            "domain",
            "select domain as name from tenancy_domains where tenant = $1",
            domains.collect(),
        ),
    ] {
        for row in DB::fetch_all(connection, names, &[tenant.id.as_str().into()]).await? {
            let name = DB::text(&row, "name")?.unwrap_or_default();
            if stays.contains(&name) {
                continue;
            }
            let sql = "insert into tenancy_tombstones (form, name, removed_at, tenant) values ($1, $2, $3, $4)
                 on conflict (form, name) do update set removed_at = excluded.removed_at, tenant = excluded.tenant";
            let values = [
                form.into(),
                name.into(),
                unix_seconds().into(),
                tenant.id.as_str().into(),
            ];
            DB::execute(connection, sql, &values).await?;
        }
    }
    Ok(())
}

/// Refuses names that are in another tenant's quarantine, and ends the quarantine of those that are given again.
pub(in crate::directory) async fn refuse_tombstones<DB: Queries>(
    connection: &mut DB::Connection,
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
             where form = $1 and name = $2 and removed_at > $3 and (tenant is null or tenant <> $4)) as found";
        let values = [
            form.into(),
            key.as_str().into(),
            since.into(),
            tenant.id.as_str().into(),
        ];
        if is_found::<DB>(connection, sql, &values).await? {
            return Err(UpsertError::Quarantined { key: Box::new(key) });
        }
        DB::execute(connection, END, &[form.into(), key.as_str().into()]).await?;
    }
    Ok(())
}
