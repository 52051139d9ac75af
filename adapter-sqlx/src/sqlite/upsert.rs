//! A tenant goes into the directory, whole or not at all.

use sqlx::SqliteConnection;
use tenancy_core::{Domain, Member, ReservedNames, Role, StrategyName, TenantId, TenantKey, TenantStatus};
use thiserror::Error;

use super::directory::DirectoryError;
use super::tenant::NewTenant;

/// Why a tenant could not be put into the directory.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UpsertError {
    /// The id or slug is one that no tenant may have.
    #[error("the {key} is reserved")]
    Reserved {
        /// The name.
        key: Box<TenantKey>,
    },
    /// Another tenant goes by that name.
    #[error("the {key} is another tenant's")]
    Conflict {
        /// The name.
        key: Box<TenantKey>,
    },
    /// The tenant's data is kept by another strategy, and would be left behind.
    #[error("the tenant `{id}` is kept by the strategy `{current}` and cannot change to `{requested}`")]
    StrategyChanged {
        /// The tenant.
        id: TenantId,
        /// The strategy that keeps its data.
        current: String,
        /// The strategy that was asked for.
        requested: StrategyName,
    },
    /// The directory could not tell.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// Which of several tenants could not be put into the directory, and why.
#[derive(Debug, Error)]
#[error("the tenant number {index}, counted from 0")]
pub struct UpsertAllError {
    pub(super) index: usize,
    pub(super) source: UpsertError,
}

impl UpsertAllError {
    /// The tenant's place in the list, counted from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// What was wrong with it.
    #[must_use]
    pub const fn reason(&self) -> &UpsertError {
        &self.source
    }
}

impl From<sqlx::Error> for UpsertError {
    fn from(error: sqlx::Error) -> Self {
        Self::Directory(error.into())
    }
}

/// Runs inside a transaction that holds the write lock, so what is looked up stays true.
pub(super) async fn upsert(
    connection: &mut SqliteConnection,
    tenant: &NewTenant,
    reserved: &ReservedNames,
) -> Result<(), UpsertError> {
    let known: Option<(String, String)> = sqlx::query_as("select slug, strategy from tenancy_tenants where id = ?")
        .bind(tenant.id.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    match &known {
        None => {
            refuse_reserved(TenantKey::Id(tenant.id.clone()), reserved)?;
            refuse_reserved(TenantKey::Slug(tenant.slug.clone()), reserved)?;
        }
        Some((slug, _)) if tenant.slug != slug.as_str() => {
            refuse_reserved(TenantKey::Slug(tenant.slug.clone()), reserved)?;
        }
        Some(_) => {}
    }
    if let Some((_, current)) = known.filter(|(_, current)| tenant.strategy != current.as_str()) {
        return Err(UpsertError::StrategyChanged {
            id: tenant.id.clone(),
            current,
            requested: tenant.strategy.clone(),
        });
    }
    refuse_conflicts(connection, tenant).await?;
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

async fn refuse_conflicts(connection: &mut SqliteConnection, tenant: &NewTenant) -> Result<(), UpsertError> {
    let slug = TenantKey::Slug(tenant.slug.clone());
    let others = "select exists (select 1 from tenancy_tenants where slug = ? and id <> ?)";
    refuse_conflict(connection, others, tenant, slug).await?;
    if let Some(external_id) = &tenant.external_id {
        let external_id = TenantKey::External(external_id.clone());
        let others = "select exists (select 1 from tenancy_tenants where external_id = ? and id <> ?)";
        refuse_conflict(connection, others, tenant, external_id).await?;
    }
    for domain in &tenant.domains {
        let domain = TenantKey::Domain(domain.clone());
        let others = "select exists (select 1 from tenancy_domains where domain = ? and tenant <> ?)";
        refuse_conflict(connection, others, tenant, domain).await?;
    }
    Ok(())
}

async fn refuse_conflict(
    connection: &mut SqliteConnection,
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

async fn write_tenant(connection: &mut SqliteConnection, tenant: &NewTenant) -> Result<(), UpsertError> {
    let sql = "insert into tenancy_tenants (id, slug, external_id, name, status, strategy)
         values (?1, ?2, ?3, coalesce(?4, ?1), coalesce(?5, ?7), ?6)
         on conflict (id) do update set slug = ?2, external_id = ?3,
           name = coalesce(?4, name), status = coalesce(?5, status)";
    sqlx::query(sql)
        .bind(tenant.id.as_str())
        .bind(tenant.slug.as_str())
        .bind(tenant.external_id.as_ref().map(tenancy_core::ExternalId::as_str))
        .bind(tenant.name.as_deref())
        .bind(tenant.status.map(TenantStatus::as_str))
        .bind(tenant.strategy.as_str())
        .bind(TenantStatus::Provisioning.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

async fn write_domains(connection: &mut SqliteConnection, tenant: &NewTenant) -> Result<(), UpsertError> {
    let taken = "delete from tenancy_domains where tenant = ?";
    sqlx::query(taken)
        .bind(tenant.id.as_str())
        .execute(&mut *connection)
        .await?;
    // One that is listed twice is the tenant's once.
    for domain in tenant.domains.iter().map(Domain::as_str) {
        sqlx::query("insert into tenancy_domains (domain, tenant) values (?, ?) on conflict do nothing")
            .bind(domain)
            .bind(tenant.id.as_str())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn write_members(connection: &mut SqliteConnection, tenant: &NewTenant) -> Result<(), UpsertError> {
    if tenant.replaces_members {
        sqlx::query("delete from tenancy_members where tenant = ?")
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
pub(super) async fn write_member(
    executor: impl sqlx::SqliteExecutor<'_>,
    tenant: &TenantId,
    member: &Member,
) -> Result<bool, sqlx::Error> {
    let sql = "insert into tenancy_members (tenant, subject, issuer, roles) values (?, ?, ?, ?)
         on conflict (tenant, subject, issuer) do update set roles = excluded.roles where roles <> excluded.roles";
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
