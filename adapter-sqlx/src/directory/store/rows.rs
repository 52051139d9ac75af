//! Tenants as rows.

use sqlx::AssertSqlSafe;
use tenancy_core::directory::{Roles, TenantRecord};
use tenancy_core::names::ParseError;
use tenancy_core::names::TenantId;

use super::database::Queries;
use crate::directory::error::DirectoryError;
use crate::directory::tenants::entry::DirectoryEntry;

/// One statement, so that a tenant and its domains are of one moment. A domain has no comma.
pub(in crate::directory) fn select<DB: Queries>(condition: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "select {} from tenancy_tenants t where {condition}",
        columns::<DB>()
    ))
}

/// The columns that [`parse`] reads, of the table of tenants as `t`.
pub(in crate::directory) fn columns<DB: Queries>() -> String {
    format!(
        "t.id, t.slug, t.external_id, t.name, t.status, t.strategy, t.placement, t.epoch, t.revision,
           (select {}(d.domain, ',') from tenancy_domains d where d.tenant = t.id) as domains",
        DB::JOIN_TEXTS,
    )
}

/// The tenant of that id, whatever its status.
pub(in crate::directory) async fn find_entry<DB: Queries>(
    connection: &mut DB::Connection,
    id: &TenantId,
) -> Result<Option<DirectoryEntry>, DirectoryError> {
    let row = DB::fetch_optional(connection, select::<DB>("t.id = $1"), &[id.as_str().into()]).await?;
    row.as_ref().map(parse::<DB>).transpose()
}

/// As [`find_entry`], where there is such a tenant.
pub(in crate::directory) async fn read_entry<DB: Queries>(
    connection: &mut DB::Connection,
    id: &TenantId,
) -> Result<DirectoryEntry, DirectoryError> {
    Ok(find_entry::<DB>(connection, id)
        .await?
        .ok_or(sqlx::Error::RowNotFound)?)
}

/// Reads a row of [`select`].
pub(in crate::directory) fn parse<DB: Queries>(row: &DB::Row) -> Result<DirectoryEntry, DirectoryError> {
    let text = |column| DB::text(row, column).map(Option::unwrap_or_default);
    let name = |column: &'static str| move |source| DirectoryError::Corrupt { column, source };
    let id = text("id")?.parse().map_err(name("id"))?;
    let mut record = TenantRecord::new(id, text("strategy")?.parse().map_err(name("strategy"))?)
        .with_slug(text("slug")?.parse().map_err(name("slug"))?)
        .with_status(text("status")?.parse().map_err(DirectoryError::CorruptStatus)?)
        .with_epoch(counter::<DB>(row, "epoch")?)
        .with_revision(counter::<DB>(row, "revision")?);
    if let Some(external_id) = DB::text(row, "external_id")? {
        record = record.with_external_id(external_id.parse().map_err(name("external_id"))?);
    }
    if let Some(placement) = DB::text(row, "placement")? {
        record = record.with_placement(placement.parse().map_err(name("placement"))?);
    }
    let domains = DB::text(row, "domains")?;
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

/// A number that is never negative.
pub(in crate::directory) fn counter<DB: Queries>(row: &DB::Row, column: &str) -> Result<u64, sqlx::Error> {
    Ok(u64::try_from(DB::number(row, column)?).unwrap_or_default())
}

/// Reads the roles of a membership, one a line: no role has an end of line.
pub(in crate::directory) fn roles_of<DB: Queries>(membership: &DB::Row) -> Result<Roles, DirectoryError> {
    let lines = DB::text(membership, "roles")?.unwrap_or_default();
    let roles: Result<Roles, ParseError> = lines.lines().map(str::parse).collect();
    roles.map_err(|source| DirectoryError::Corrupt {
        column: "roles",
        source,
    })
}
