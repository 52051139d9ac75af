//! Tenants put into the directory, or changed there, by its administrator.

use tenancy_core::directory::TenantStatus;
use tenancy_core::names::{Domain, ExternalId, PlacementName, ReservedNames, TenantKey};

use super::database::{DirectoryDatabase, Queries, Value, Writers, is_found};
use super::entry::{DirectoryEntry, NewTenant};
use super::error::{DirectoryError, UpsertAllError, UpsertError};
use super::members::write_member;
use super::quarantine::{free_names, refuse_tombstones};
use super::rows::read_entry;
use super::sql_directory::SqlDirectory;

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// Puts a tenant into the directory, or changes the one of that id. All of it or nothing.
    ///
    /// The external id and the domains become those that are given; members are added, or replaced where
    /// [`NewTenant::with_members`] says so. The id and the strategy never change: a tenant's data would be left
    /// behind. A slug, external id or domain that it no longer has is given to no other before its quarantine is
    /// over; it may have it back.
    ///
    /// A tenant that was put here was not created by a key: [`create`](Self::create) fails because it exists already.
    ///
    /// # Security
    ///
    /// This is for administration: seeds, imports, renaming by the tenant's own members. Never call it for a sign-up.
    /// A user who signs up with an id that is taken would rename that tenant, and become its member.
    /// [`create`](Self::create) is for that.
    ///
    /// # Errors
    ///
    /// A name that is reserved, another tenant's or in quarantine, another strategy, or the database's refusal.
    pub async fn upsert(&self, tenant: &NewTenant) -> Result<DirectoryEntry, UpsertError> {
        let mut tx = self.begin(Writers::All).await?;
        let entry = self.upsert_in(tx.connection_mut(), tenant).await?;
        tx.commit().await.map_err(DirectoryError::from)?;
        Ok(entry)
    }

    /// Puts several tenants into the directory, or changes them: all of them or none. It is for administration, as
    /// [`upsert`](Self::upsert) is.
    ///
    /// # Errors
    ///
    /// As of [`upsert`](Self::upsert), with the place of the tenant that was refused. It has no place if the
    /// transaction could not begin or be committed.
    pub async fn upsert_all(&self, tenants: &[NewTenant]) -> Result<Vec<DirectoryEntry>, UpsertAllError> {
        let mut tx = self.begin(Writers::All).await.map_err(UpsertAllError::of_all)?;
        let mut entries = Vec::with_capacity(tenants.len());
        for (index, tenant) in tenants.iter().enumerate() {
            let entry = self.upsert_in(tx.connection_mut(), tenant).await;
            entries.push(entry.map_err(|source| UpsertAllError::of_one(index, source))?);
        }
        tx.commit().await.map_err(UpsertAllError::of_all)?;
        Ok(entries)
    }

    async fn upsert_in(
        &self,
        connection: &mut DB::Connection,
        tenant: &NewTenant,
    ) -> Result<DirectoryEntry, UpsertError> {
        refuse_tombstones::<DB>(connection, tenant, self.quarantine).await?;
        upsert::<DB>(connection, tenant, &self.reserved).await?;
        Ok(read_entry::<DB>(connection, &tenant.id).await?)
    }
}

/// Runs inside a transaction that waits for all other writers, so what is looked up stays true.
async fn upsert<DB: Queries>(
    connection: &mut DB::Connection,
    tenant: &NewTenant,
    reserved: &ReservedNames,
) -> Result<(), UpsertError> {
    let sql = "select slug, strategy, placement from tenancy_tenants where id = $1";
    match DB::fetch_optional(connection, sql, &[tenant.id.as_str().into()]).await? {
        None => {
            refuse_reserved(TenantKey::Id(tenant.id.clone()), reserved)?;
            refuse_reserved(TenantKey::Slug(tenant.slug.clone()), reserved)?;
        }
        Some(known) => refuse_changes::<DB>(&known, tenant, reserved)?,
    }
    refuse_conflicts::<DB>(connection, tenant).await?;
    free_names::<DB>(connection, tenant).await?;
    write_tenant::<DB>(connection, tenant).await?;
    write_domains::<DB>(connection, tenant).await?;
    write_members::<DB>(connection, tenant).await
}

/// Refuses what a tenant that is in the directory cannot become.
fn refuse_changes<DB: Queries>(
    known: &DB::Row,
    tenant: &NewTenant,
    reserved: &ReservedNames,
) -> Result<(), UpsertError> {
    if tenant.slug != DB::text(known, "slug")?.unwrap_or_default() {
        refuse_reserved(TenantKey::Slug(tenant.slug.clone()), reserved)?;
    }
    let current = DB::text(known, "strategy")?.unwrap_or_default();
    if tenant.strategy != current {
        return Err(UpsertError::StrategyChanged {
            id: tenant.id.clone(),
            current: current.to_owned(),
            requested: tenant.strategy.clone(),
        });
    }
    // `None` requests no change.
    let requested = tenant.placement.as_ref().map(PlacementName::as_str);
    if requested.is_some() && requested != DB::text(known, "placement")? {
        return Err(UpsertError::PlacementChanged { id: tenant.id.clone() });
    }
    Ok(())
}

pub(super) fn refuse_reserved(key: TenantKey, reserved: &ReservedNames) -> Result<(), UpsertError> {
    if reserved.contains(key.as_str()) {
        return Err(UpsertError::Reserved { key: Box::new(key) });
    }
    Ok(())
}

/// Refuses names that other tenants have.
pub(super) async fn refuse_conflicts<DB: Queries>(
    connection: &mut DB::Connection,
    tenant: &NewTenant,
) -> Result<(), UpsertError> {
    let slug = TenantKey::Slug(tenant.slug.clone());
    let others = "select exists (select 1 from tenancy_tenants where slug = $1 and id <> $2) as found";
    refuse_conflict::<DB>(connection, others, tenant, slug).await?;
    if let Some(external_id) = &tenant.external_id {
        let external_id = TenantKey::External(external_id.clone());
        let others = "select exists (select 1 from tenancy_tenants where external_id = $1 and id <> $2) as found";
        refuse_conflict::<DB>(connection, others, tenant, external_id).await?;
    }
    for domain in &tenant.domains {
        let domain = TenantKey::Domain(domain.clone());
        let others = "select exists (select 1 from tenancy_domains where domain = $1 and tenant <> $2) as found";
        refuse_conflict::<DB>(connection, others, tenant, domain).await?;
    }
    Ok(())
}

async fn refuse_conflict<DB: Queries>(
    connection: &mut DB::Connection,
    others: &'static str,
    tenant: &NewTenant,
    key: TenantKey,
) -> Result<(), UpsertError> {
    if is_found::<DB>(connection, others, &[key.as_str().into(), tenant.id.as_str().into()]).await? {
        return Err(UpsertError::Conflict { key: Box::new(key) });
    }
    Ok(())
}

async fn write_tenant<DB: Queries>(connection: &mut DB::Connection, tenant: &NewTenant) -> Result<(), UpsertError> {
    let sql = "insert into tenancy_tenants (id, slug, external_id, name, status, strategy, placement)
         values ($1, $2, $3, coalesce($4, $1), coalesce($5, $7), $6, $8)
         on conflict (id) do update set slug = $2, external_id = $3,
           name = coalesce($4, tenancy_tenants.name), status = coalesce($5, tenancy_tenants.status)";
    let values: [Value<'_>; 8] = [
        tenant.id.as_str().into(),
        tenant.slug.as_str().into(),
        tenant.external_id.as_ref().map(ExternalId::as_str).into(),
        tenant.name.as_deref().into(),
        tenant.status.map(TenantStatus::as_str).into(),
        tenant.strategy.as_str().into(),
        TenantStatus::Provisioning.as_str().into(),
        tenant.placement.as_ref().map(PlacementName::as_str).into(),
    ];
    DB::execute(connection, sql, &values).await?;
    Ok(())
}

/// Gives the tenant the domains that it has not, and takes from it those that are not listed. Those that stay are not
/// written, so that nobody is notified of them.
pub(super) async fn write_domains<DB: Queries>(
    connection: &mut DB::Connection,
    tenant: &NewTenant,
) -> Result<(), UpsertError> {
    let id = tenant.id.as_str();
    let current = "select domain from tenancy_domains where tenant = $1";
    for row in DB::fetch_all(connection, current, &[id.into()]).await? {
        let domain = DB::text(&row, "domain")?.unwrap_or_default();
        if !tenant.domains.iter().any(|listed| listed.as_str() == domain) {
            let sql = "delete from tenancy_domains where domain = $1 and tenant = $2";
            DB::execute(connection, sql, &[domain.into(), id.into()]).await?;
        }
    }
    for domain in tenant.domains.iter().map(Domain::as_str) {
        let sql = "insert into tenancy_domains (domain, tenant) values ($1, $2) on conflict do nothing";
        DB::execute(connection, sql, &[domain.into(), id.into()]).await?;
    }
    Ok(())
}

pub(super) async fn write_members<DB: Queries>(
    connection: &mut DB::Connection,
    tenant: &NewTenant,
) -> Result<(), UpsertError> {
    if tenant.replaces_members {
        let sql = "delete from tenancy_members where tenant = $1";
        DB::execute(connection, sql, &[tenant.id.as_str().into()]).await?;
    }
    for member in &tenant.members {
        write_member::<DB>(connection, &tenant.id, member).await?;
    }
    Ok(())
}
