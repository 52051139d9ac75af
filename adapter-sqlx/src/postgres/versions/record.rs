//! Versions, written by the administrator.

use sqlx::postgres::PgRow;
use sqlx::{Connection, PgConnection};
use tenancy_core::names::TenantId;

use super::install::{self, Found};
use crate::StrategyError;
use crate::postgres::identifier::Literal;
use crate::transaction::begin::{BEGIN_WITH_LOCK_TIMEOUT, begin_lent};

/// Whether the database is fenced does not change until this transaction has ended: what fences it takes the same lock.
const WHILE_NOBODY_FENCES: &str = "select pg_catalog.pg_advisory_xact_lock_shared(8389754676633367138)";

/// A migration that is added later and has a smaller version than the last one does not set the tenant back.
const RECORD: &str = "
insert into tenancy_versions.tenancy_versions as v (tenant, version) values ($1, $2)
on conflict (tenant) do update set version = excluded.version, recorded_at = excluded.recorded_at
where v.version < excluded.version";

/// A tenant without a place gets one, as of a tenant that never moved.
const RECORD_IN_PLACE: &str = "
insert into tenancy_fence.tenancy_places as p (tenant, epoch, revision, state, version) values ($1, 0, 0, 'open', $2)
on conflict (tenant) do update set version = excluded.version where p.version is null or p.version < excluded.version";

/// The name of what tenants share.
const SHARED: &str = "";

/// Records that a migration of this version has run on the tenant's data, in the transaction in which it runs, or right after one that
/// ran in none. It makes the table if it is not there.
///
/// On a Citus cluster nothing is recorded.
///
/// # Errors
///
/// If the database refuses it.
pub(crate) async fn record(
    connection: &mut PgConnection,
    tenant: &TenantId,
    version: i64,
) -> Result<(), StrategyError> {
    in_transaction(connection, tenant.as_str(), version).await
}

/// The same of the tables that tenants share.
pub(crate) async fn record_shared(connection: &mut PgConnection, version: i64) -> Result<(), StrategyError> {
    in_transaction(connection, SHARED, version).await
}

/// Where the version of a tenant is recorded, in a database in which nothing has to be made first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::postgres) enum Record {
    Table,
    Place,
}

impl Record {
    /// Of a row that has the [columns](super::look_columns) from the place `first` on. None on a Citus cluster, and where something is
    /// missing.
    pub(in crate::postgres) fn of_row(row: &PgRow, first: usize) -> Result<Option<Self>, sqlx::Error> {
        let found = Found::of_row(row, first)?;
        let record = if found.is_fenced { Self::Place } else { Self::Table };
        Ok(Some(record).filter(|_| !found.is_on_citus && found.is_made()))
    }

    /// The statements that [record](record()) a version, for the message of a migration. They fail if the database was fenced after it
    /// was looked at.
    pub(in crate::postgres) fn statements(self, tenant: &TenantId, version: i64) -> String {
        // What would not be folded to an error before the condition is looked at.
        let unless_fenced = format!(
            "case when pg_catalog.to_regclass('tenancy_fence.tenancy_places') is null then {version} \
            else pg_catalog.concat('fenced ', pg_catalog.pg_backend_pid())::pg_catalog.int8 end"
        );
        let (sql, version) = match self {
            Self::Table => (RECORD, unless_fenced),
            Self::Place => (RECORD_IN_PLACE, version.to_string()),
        };
        let name = Literal(tenant.as_str()).to_string();
        format!(
            "{WHILE_NOBODY_FENCES}; {}",
            sql.replace("$2", &version).replace("$1", &name)
        )
    }
}

async fn in_transaction(connection: &mut PgConnection, name: &str, version: i64) -> Result<(), StrategyError> {
    if connection.is_in_transaction() {
        return write(connection, name, version).await;
    }
    let mut tx = begin_lent(connection, Some(BEGIN_WITH_LOCK_TIMEOUT)).await?;
    write(&mut tx, name, version).await?;
    Ok(tx.commit().await?)
}

async fn write(tx: &mut PgConnection, name: &str, version: i64) -> Result<(), StrategyError> {
    // Prepared: a connection that migrates one tenant after the other runs them again.
    sqlx::query(WHILE_NOBODY_FENCES).execute(&mut *tx).await?;
    let found = install::look(tx).await?;
    if found.is_on_citus {
        return Ok(());
    }
    install::make(found, tx).await?;
    let sql = if found.is_fenced && name != SHARED {
        RECORD_IN_PLACE
    } else {
        RECORD
    };
    let recorded = sqlx::query(sql).bind(name).bind(version);
    recorded.execute(tx).await?;
    Ok(())
}

/// Forgets the version of a tenant whose data is removed, or made anew, inside the caller's transaction.
pub(crate) async fn forget(tx: &mut PgConnection, tenant: &TenantId) -> Result<(), StrategyError> {
    let found = install::look(tx).await?;
    let statements = [
        (
            found.has_table,
            "delete from tenancy_versions.tenancy_versions where tenant = $1",
        ),
        (
            found.is_fenced,
            "update tenancy_fence.tenancy_places set version = null where tenant = $1 and version is not null",
        ),
    ];
    for (_, sql) in statements.into_iter().filter(|(is_there, _)| *is_there) {
        let forgotten = sqlx::query(sql).persistent(false).bind(tenant.as_str());
        forgotten.execute(&mut *tx).await?;
    }
    Ok(())
}

/// The SQL of all tenants' recorded versions, of the columns `tenant` and `version`.
///
/// # Errors
///
/// If the database cannot be queried.
pub(crate) async fn recorded_sql(connection: &mut PgConnection) -> Result<&'static str, StrategyError> {
    Ok(match install::look_once(connection).await? {
        Found { is_fenced: true, .. } => {
            "select tenant, version from tenancy_fence.tenancy_places where version is not null"
        }
        Found { has_table: true, .. } => {
            "select tenant, version from tenancy_versions.tenancy_versions where tenant <> ''"
        }
        _ => "select null::text collate \"C\" as tenant, null::bigint as version where false",
    })
}
