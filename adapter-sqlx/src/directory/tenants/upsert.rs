//! Tenants put into the directory, or changed there, by its administrator.

use tenancy_core::directory::TenantStatus;
use tenancy_core::names::{Domain, ExternalId, PlacementName, ReservedNames, TenantKey};

use super::change::DirectoryChange;
use super::entry::{DirectoryEntry, NewTenant};
use super::quarantine::{free_names, refuse_tombstones};
use crate::directory::error::{UpsertAllError, UpsertError};
use crate::directory::events::{EventKind, PendingEvent};
use crate::directory::impersonation::end_with_tenant;
use crate::directory::lifecycle::verbs::State;
use crate::directory::members::{remove_unlisted, write_member};
use crate::directory::sql_directory::SqlDirectory;
use crate::directory::store::database::{DirectoryDatabase, Queries, Value, Writers, changes, is_found};
use crate::directory::store::rows::{find_entry, read_entry};
use crate::directory::unix_seconds;

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
        let mut change = self.begin(Writers::All).await?;
        let entry = self.upsert_in(&mut change, tenant).await?;
        change.commit().await?;
        self.finish_pending_place(&tenant.id).await?;
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
        let mut change = self.begin(Writers::All).await.map_err(UpsertAllError::of_all)?;
        let mut entries = Vec::with_capacity(tenants.len());
        for (index, tenant) in tenants.iter().enumerate() {
            let entry = self.upsert_in(&mut change, tenant).await;
            entries.push(entry.map_err(|source| UpsertAllError::of_one(index, source))?);
        }
        change.commit().await.map_err(UpsertAllError::of_all)?;
        for (index, tenant) in tenants.iter().enumerate() {
            let placed = self.finish_pending_place(&tenant.id).await;
            placed.map_err(|source| UpsertAllError::of_one(index, source.into()))?;
        }
        Ok(entries)
    }

    /// It waits for all other writers, so what is looked up stays true.
    pub(in crate::directory) async fn upsert_in(
        &self,
        change: &mut DirectoryChange<'_, DB>,
        tenant: &NewTenant,
    ) -> Result<DirectoryEntry, UpsertError> {
        let connection = change.connection_mut();
        refuse_tombstones::<DB>(connection, tenant, self.quarantine).await?;
        let known = find_entry::<DB>(connection, &tenant.id).await?;
        match &known {
            None => {
                refuse_reserved(TenantKey::Id(tenant.id.clone()), &self.reserved)?;
                refuse_reserved(TenantKey::Slug(tenant.slug.clone()), &self.reserved)?;
            }
            Some(known) => {
                refuse_changes(known, tenant, &self.reserved)?;
                if let Some(status) = tenant.status {
                    State::locked::<DB>(connection, &tenant.id)
                        .await?
                        .verb_to(&tenant.id, status)?;
                }
            }
        }
        refuse_conflicts::<DB>(connection, tenant).await?;
        free_names::<DB>(connection, tenant).await?;
        write_tenant::<DB>(connection, tenant).await?;
        if known.is_none() {
            let status = tenant.status.unwrap_or(TenantStatus::Provisioning);
            change.record(PendingEvent::new(&tenant.id, EventKind::CREATED).to(status.as_str()));
        }
        write_domains(change, tenant).await?;
        write_members(change, tenant).await?;
        let entry = read_entry::<DB>(change.connection_mut(), &tenant.id).await?;
        if let Some(known) = &known {
            record_differences(change, known, &entry);
            if entry.record.status == TenantStatus::Archived {
                end_with_tenant(change, &tenant.id).await?;
            }
        }
        Ok(entry)
    }
}

/// Refuses what a tenant that is in the directory cannot become.
fn refuse_changes(known: &DirectoryEntry, tenant: &NewTenant, reserved: &ReservedNames) -> Result<(), UpsertError> {
    let record = &known.record;
    if tenant.slug != record.slug {
        refuse_reserved(TenantKey::Slug(tenant.slug.clone()), reserved)?;
    }
    if tenant.strategy != record.strategy {
        return Err(UpsertError::StrategyChanged {
            id: tenant.id.clone(),
            current: record.strategy.to_string(),
            requested: tenant.strategy.clone(),
        });
    }
    // `None` requests no change.
    if tenant.placement.is_some() && tenant.placement != record.placement {
        return Err(UpsertError::PlacementChanged { id: tenant.id.clone() });
    }
    Ok(())
}

/// Says what of a tenant's row is not as it was.
fn record_differences<DB: DirectoryDatabase>(
    change: &mut DirectoryChange<'_, DB>,
    known: &DirectoryEntry,
    entry: &DirectoryEntry,
) {
    let (id, record) = (&entry.record.id, &entry.record);
    let before = &known.record;
    if before.status != record.status {
        let kind = EventKind::of_transition(before.status.into(), record.status.into());
        change.record(
            PendingEvent::new(id, kind)
                .from(before.status.as_str())
                .to(record.status.as_str()),
        );
    }
    if before.slug != record.slug {
        let event = PendingEvent::new(id, EventKind::SLUG_CHANGED);
        change.record(event.from(before.slug.as_str()).to(record.slug.as_str()));
    }
    if before.external_id != record.external_id {
        let names = [before, record].map(|record| record.external_id.as_ref().map(ExternalId::as_str));
        change.record(PendingEvent::new(id, EventKind::EXTERNAL_ID_CHANGED).between(names[0], names[1]));
    }
    if known.name != entry.name {
        let event = PendingEvent::new(id, EventKind::NAME_CHANGED);
        change.record(event.from(&*known.name).to(&*entry.name));
    }
}

pub(in crate::directory) fn refuse_reserved(key: TenantKey, reserved: &ReservedNames) -> Result<(), UpsertError> {
    if reserved.contains(key.as_str()) {
        return Err(UpsertError::Reserved { key: Box::new(key) });
    }
    Ok(())
}

/// Refuses names that other tenants have.
pub(in crate::directory) async fn refuse_conflicts<DB: Queries>(
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
    let sql = "insert into tenancy_tenants (id, slug, external_id, name, status, strategy, placement, archived_at,
           revision)
         values ($1, $2, $3, coalesce($4, $1), coalesce($5, $7), $6, $8,
           case when $5 = 'archived' then cast($9 as bigint) end,
           case when $5 in ('suspended', 'archived') then 1 else 0 end)
         on conflict (id) do update set slug = $2, external_id = $3,
           name = coalesce($4, tenancy_tenants.name), status = coalesce($5, tenancy_tenants.status),
           revision = tenancy_tenants.revision + case when $5 <> tenancy_tenants.status then 1 else 0 end,
           archived_at = case when coalesce($5, tenancy_tenants.status) = 'archived'
             then coalesce(tenancy_tenants.archived_at, cast($9 as bigint)) end";
    let values: [Value<'_>; 9] = [
        tenant.id.as_str().into(),
        tenant.slug.as_str().into(),
        tenant.external_id.as_ref().map(ExternalId::as_str).into(),
        tenant.name.as_deref().into(),
        tenant.status.map(TenantStatus::as_str).into(),
        tenant.strategy.as_str().into(),
        TenantStatus::Provisioning.as_str().into(),
        tenant.placement.as_ref().map(PlacementName::as_str).into(),
        unix_seconds().into(),
    ];
    DB::execute(connection, sql, &values).await?;
    Ok(())
}

/// Gives the tenant the domains that it has not, and takes from it those that are not listed. Those that stay are not
/// written, so that nobody is notified of them.
pub(in crate::directory) async fn write_domains<DB: DirectoryDatabase>(
    change: &mut DirectoryChange<'_, DB>,
    tenant: &NewTenant,
) -> Result<(), UpsertError> {
    let id = tenant.id.as_str();
    let sql = "select domain from tenancy_domains where tenant = $1";
    let rows = DB::fetch_all(change.connection_mut(), sql, &[id.into()]).await?;
    let mut current = Vec::with_capacity(rows.len());
    for row in &rows {
        current.push(DB::text(row, "domain")?.unwrap_or_default());
    }
    for domain in &current {
        if !tenant.domains.iter().any(|listed| listed.as_str() == *domain) {
            let sql = "delete from tenancy_domains where domain = $1 and tenant = $2";
            DB::execute(change.connection_mut(), sql, &[(*domain).into(), id.into()]).await?;
            change.record(PendingEvent::new(&tenant.id, EventKind::DOMAIN_REMOVED).from(*domain));
        }
    }
    for domain in tenant.domains.iter().map(Domain::as_str) {
        let sql = "insert into tenancy_domains (domain, tenant) values ($1, $2) on conflict do nothing";
        if changes::<DB>(change.connection_mut(), sql, &[domain.into(), id.into()]).await? {
            change.record(PendingEvent::new(&tenant.id, EventKind::DOMAIN_ADDED).to(domain));
        }
    }
    Ok(())
}

pub(in crate::directory) async fn write_members<DB: DirectoryDatabase>(
    change: &mut DirectoryChange<'_, DB>,
    tenant: &NewTenant,
) -> Result<(), UpsertError> {
    if tenant.replaces_members {
        remove_unlisted(change, &tenant.id, &tenant.members).await?;
    }
    for member in &tenant.members {
        write_member(change, &tenant.id, member).await?;
    }
    Ok(())
}
