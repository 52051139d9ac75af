//! A tenant's place, read and written.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use tenancy_core::names::TenantId;

use crate::fence::stored;
use crate::transaction::begin::begin_lent;
use crate::{Place, PlaceChange, StrategyError};

/// The order of revisions decides, and not the order of arrival. A place that is gone stays so, unless the tenant moves back.
const WRITE: &str = "
insert into main.tenancy_places as p (tenant, epoch, revision, state) values ($1, $2, $3, $4)
on conflict (tenant) do update set epoch = excluded.epoch, revision = excluded.revision, state = excluded.state
where p.revision < excluded.revision and (p.epoch < excluded.epoch or p.epoch = excluded.epoch and p.state <> 'gone')";

const READ_ALL: &str = "select tenant, epoch, revision, state, version from main.tenancy_places order by tenant";

const READ: &str = "select epoch, revision, state, version from main.tenancy_places where tenant = $1";

/// Writes what a place is to become, in a transaction of its own, and returns what it is then. It has the write lock, so no
/// transaction that writes is under way meanwhile.
pub(in crate::sqlite) async fn change(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    change: PlaceChange,
) -> Result<Option<Place>, StrategyError> {
    let mut tx = begin_lent(connection, Some("begin immediate")).await?;
    sqlx::query(WRITE)
        .bind(tenant.as_str())
        .bind(stored(change.epoch))
        .bind(stored(change.revision))
        .bind(change.state.as_str())
        .execute(&mut *tx)
        .await?;
    let place = read(&mut tx, tenant).await?;
    tx.commit().await?;
    change.judge(place).map_err(StrategyError::Fenced)
}

/// Reads a place.
pub(in crate::sqlite) async fn read(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
) -> Result<Option<Place>, StrategyError> {
    let row = sqlx::query(READ)
        .bind(tenant.as_str())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(parse).transpose()
}

/// Reads all places of a fenced file, by the tenant.
pub(in crate::sqlite) async fn read_all(
    connection: &mut SqliteConnection,
) -> Result<Vec<(TenantId, Place)>, StrategyError> {
    let mut places = Vec::new();
    for row in &sqlx::query(READ_ALL).fetch_all(connection).await? {
        let tenant: &str = row.try_get("tenant")?;
        places.push((tenant.parse().map_err(StrategyError::other)?, parse(row)?));
    }
    Ok(places)
}

fn parse(row: &SqliteRow) -> Result<Place, StrategyError> {
    Place::of_stored(
        (row.try_get("epoch")?, row.try_get("revision")?),
        row.try_get("state")?,
        row.try_get("version")?,
    )
}
