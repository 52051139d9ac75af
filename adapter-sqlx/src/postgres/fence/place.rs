//! A tenant's place, read and written by the administrator.

use sqlx::postgres::PgRow;
use sqlx::{ConnectOptions, Connection, PgConnection, Row};
use tenancy_core::names::TenantId;

use crate::fence::stored;
use crate::postgres::connection::begin::BeginText;
use crate::postgres::connection::warm_pool::WarmPool;
use crate::postgres::fence::standing;
use crate::postgres::server::PgServer;
use crate::{IsolationLevel, Mode, Place, PlaceChange, PlaceState, StrategyError, TransactionError};

/// How long a change of a place waits for transactions that hold it: those under `repeatable read` and `serializable` that write,
/// and for a place that is to be gone all that write.
const LOCK_TIMEOUT: &str = "'5s'";

/// Those that write hold it shared, see `install`.
const DRAIN: &str = "select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended($1, 8389754676633367138))";

/// The order of revisions decides, and not the order of arrival. A place that is gone stays so, unless the tenant moves back.
const WRITE: &str = "
insert into tenancy_fence.tenancy_places as p (tenant, epoch, revision, state) values ($1, $2, $3, $4)
on conflict (tenant) do update set epoch = excluded.epoch, revision = excluded.revision, state = excluded.state
where p.revision < excluded.revision and (p.epoch < excluded.epoch or p.epoch = excluded.epoch and p.state <> 'gone')";

const READ_ALL: &str =
    "select p.tenant, p.epoch, p.revision, p.state, p.version from tenancy_fence.tenancy_places p order by p.tenant";

const READ: &str =
    "select p.epoch, p.revision, p.state, p.version from tenancy_fence.tenancy_places p where p.tenant = $1";

/// What begins a transaction on a place, on a connection that is lent.
pub(in crate::postgres) const BEGIN: &str = "begin isolation level read committed; set local lock_timeout = '5s'";

/// The same on a connection of a pool.
pub(in crate::postgres) fn text() -> BeginText {
    BeginText::at(Mode::ReadWrite, Some(IsolationLevel::ReadCommitted)).set("lock_timeout", LOCK_TIMEOUT)
}

/// As [`change`], in a transaction of its own.
pub(in crate::postgres) async fn change_by(
    administrator: &WarmPool,
    tenant: &TenantId,
    wanted: PlaceChange,
) -> Result<Option<Place>, StrategyError> {
    let begun = administrator.begin(text()).await;
    let mut tx = begun.map_err(|error| administrator.refusal(error))?;
    let place = change(tx.connection_mut(), tenant, wanted).await?;
    match tx.commit().await {
        Ok(()) => Ok(place),
        Err(TransactionError::Commit(error)) => Err(error.into()),
        Err(error) => Err(StrategyError::other(error)),
    }
}

/// As [`read`], in a transaction of its own.
pub(in crate::postgres) async fn read_by(
    administrator: &WarmPool,
    tenant: &TenantId,
) -> Result<Option<Place>, StrategyError> {
    let begun = administrator.begin(text()).await;
    let mut tx = begun.map_err(|error| administrator.refusal(error))?;
    read(tx.connection_mut(), tenant).await
}

/// Writes what a place is to become, inside the caller's transaction at the level `read committed`, and returns what it is then.
pub(in crate::postgres) async fn change(
    tx: &mut PgConnection,
    tenant: &TenantId,
    change: PlaceChange,
) -> Result<Option<Place>, StrategyError> {
    if change.state == PlaceState::Gone {
        sqlx::query(DRAIN).bind(tenant.as_str()).execute(&mut *tx).await?;
    }
    sqlx::query(WRITE)
        .bind(tenant.as_str())
        .bind(stored(change.epoch))
        .bind(stored(change.revision))
        .bind(change.state.as_str())
        .execute(&mut *tx)
        .await?;
    let place = read(tx, tenant).await?;
    change.judge(place).map_err(StrategyError::Fenced)
}

/// Reads a place.
pub(in crate::postgres) async fn read(
    tx: &mut PgConnection,
    tenant: &TenantId,
) -> Result<Option<Place>, StrategyError> {
    let row = sqlx::query(READ).bind(tenant.as_str()).fetch_optional(tx).await?;
    row.as_ref().map(parse).transpose()
}

/// Reads all places of the database of a server, by the tenant, as the administrator. None if it is not fenced.
pub(in crate::postgres) async fn read_all(server: &PgServer) -> Result<Vec<(TenantId, Place)>, StrategyError> {
    let mut connection = server
        .administrator_for("read the places of tenants")?
        .connect()
        .await?;
    let mut places = Vec::new();
    if standing::is_fenced(&mut connection).await? {
        for row in &sqlx::query(READ_ALL).fetch_all(&mut connection).await? {
            let tenant: &str = row.try_get("tenant")?;
            places.push((tenant.parse().map_err(StrategyError::other)?, parse(row)?));
        }
    }
    connection.close().await?;
    Ok(places)
}

fn parse(row: &PgRow) -> Result<Place, StrategyError> {
    Place::of_stored(
        (row.try_get("epoch")?, row.try_get("revision")?),
        row.try_get("state")?,
        row.try_get("version")?,
    )
}
