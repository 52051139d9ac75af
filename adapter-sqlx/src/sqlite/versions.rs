//! The version of a tenant's data: that of the latest migration that has run on it, in the tenant's own file.

use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use tenancy_core::names::TenantId;

use super::fence;
use crate::StrategyError;
use crate::transaction::begin::begin_lent;

const CREATE: &str = "create table if not exists main.tenancy_versions (
    tenant text not null primary key,
    version integer not null,
    recorded_at text not null default current_timestamp
) without rowid";

const HAS_TABLE: &str =
    "select exists (select 1 from main.sqlite_schema where type = 'table' and name = 'tenancy_versions')";

/// A migration that is added later and has a smaller version than the last one does not set the tenant back.
const RECORD: &str = "
insert into main.tenancy_versions as v (tenant, version) values ($1, $2)
on conflict (tenant) do update set version = excluded.version, recorded_at = excluded.recorded_at
where v.version < excluded.version";

/// A tenant without a place gets one, as of a tenant that never moved.
const RECORD_IN_PLACE: &str = "
insert into main.tenancy_places as p (tenant, epoch, revision, state, version) values ($1, 0, 0, 'open', $2)
on conflict (tenant) do update set version = excluded.version where p.version is null or p.version < excluded.version";

const CARRY_OVER: &str = "
insert into main.tenancy_places as p (tenant, epoch, revision, state, version)
select v.tenant, 0, 0, 'open', v.version from main.tenancy_versions v where true
on conflict (tenant) do update set version = excluded.version where p.version is null or p.version < excluded.version";

/// Records that a migration of this version has run, in the transaction in which it runs, or right after one that ran in none.
pub(crate) async fn record(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    version: i64,
) -> Result<(), StrategyError> {
    if connection.is_in_transaction() {
        return write(connection, tenant, version).await;
    }
    // A transaction that reads waits for no writer.
    if read(connection, tenant).await? >= Some(version) {
        return Ok(());
    }
    let mut tx = begin_lent(connection, Some("begin immediate")).await?;
    write(&mut tx, tenant, version).await?;
    Ok(tx.commit().await?)
}

async fn write(tx: &mut SqliteConnection, tenant: &TenantId, version: i64) -> Result<(), StrategyError> {
    let sql = if fence::is_fenced(tx).await? {
        RECORD_IN_PLACE
    } else {
        sqlx::raw_sql(CREATE).execute(&mut *tx).await?;
        RECORD
    };
    sqlx::query(sql).bind(tenant.as_str()).bind(version).execute(tx).await?;
    Ok(())
}

/// The version of the tenant's data, if one is recorded.
pub(crate) async fn read(connection: &mut SqliteConnection, tenant: &TenantId) -> Result<Option<i64>, StrategyError> {
    let sql = if fence::is_fenced(connection).await? {
        "select version from main.tenancy_places where tenant = $1"
    } else if has_table(connection).await? {
        "select version from main.tenancy_versions where tenant = $1"
    } else {
        return Ok(None);
    };
    let version = sqlx::query_scalar(sql).bind(tenant.as_str());
    Ok(version.fetch_optional(connection).await?.flatten())
}

async fn has_table(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(HAS_TABLE).fetch_one(connection).await
}

/// Takes the version to the place, inside the transaction that has made the table of places.
pub(in crate::sqlite) async fn carry_over(tx: &mut SqliteConnection) -> Result<(), StrategyError> {
    if has_table(tx).await? {
        sqlx::raw_sql(CARRY_OVER).execute(tx).await?;
    }
    Ok(())
}

/// The statement of a trigger that refuses a tenant who is behind. It is made anew with the connection after each change of the
/// schema, and so where the table is made.
pub(in crate::sqlite) async fn requirement(
    connection: &mut SqliteConnection,
    is_fenced: bool,
    minimum: i64,
) -> Result<String, sqlx::Error> {
    let recorded = if is_fenced {
        format!("select 1 from main.tenancy_places p where p.tenant = new.tenant and p.version >= {minimum}")
    } else if has_table(connection).await? {
        format!("select 1 from main.tenancy_versions v where v.tenant = new.tenant and v.version >= {minimum}")
    } else {
        "select 1 where false".to_owned()
    };
    Ok(format!(
        "select raise(abort, 'tenancy TN006') where new.purpose = 'serve' and not exists ({recorded});"
    ))
}

/// The version of the tables that tenants share, by the table of migrations, if there is one.
pub(in crate::sqlite) async fn of_ledger(
    connection: &mut SqliteConnection,
    table: &str,
) -> Result<Option<i64>, StrategyError> {
    let is_there: bool = sqlx::query_scalar("select exists (select 1 from main.sqlite_schema where name = $1)")
        .bind(table)
        .fetch_one(&mut *connection)
        .await?;
    if !is_there {
        return Ok(None);
    }
    let sql = format!(
        "select max(version) from \"{}\" where success",
        table.replace('"', "\"\"")
    );
    Ok(sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await?)
}
