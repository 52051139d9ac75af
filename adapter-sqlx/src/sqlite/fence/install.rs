//! The fence, made in a file.

use sqlx::SqliteConnection;

use crate::StrategyError;
use crate::sqlite::versions;
use crate::transaction::begin::begin_lent;

const CREATE_PLACES: &str = "create table if not exists main.tenancy_places (
    tenant text not null primary key,
    epoch integer not null,
    revision integer not null,
    state text not null check (state in ('open', 'closed', 'gone')),
    version integer
) without rowid";

/// Whether the file is fenced, in one row.
pub(in crate::sqlite) const IS_FENCED: &str =
    "select exists (select 1 from main.sqlite_schema where type = 'table' and name = 'tenancy_places')";

/// Refuses to bind a tenant whose place does not let this transaction begin. It runs inside the transaction, so one that writes has
/// the file's write lock by then, and one that reads has its snapshot by it: what is committed before counts.
const LOOK_AT_PLACE: &str = "
    select raise(abort, 'tenancy TN001') where not exists (select 1 from main.tenancy_places p where p.tenant = new.tenant)
        and new.epoch > 0;
    select raise(abort, 'tenancy TN001') from main.tenancy_places p where p.tenant = new.tenant and p.state = 'gone';
    select raise(abort, 'tenancy TN004') from main.tenancy_places p where p.tenant = new.tenant and p.epoch > new.epoch;
    select raise(abort, 'tenancy TN005') from main.tenancy_places p where p.tenant = new.tenant and p.epoch < new.epoch;
    select raise(abort, 'tenancy TN002') from main.tenancy_places p where p.tenant = new.tenant and p.state <> 'open'
        and new.purpose not in ('staff', 'administer');";

/// The trigger by which a transaction enters: what it looks at, in this order.
pub(in crate::sqlite) fn create_trigger(is_fenced: bool, requirement: &str) -> String {
    let place = if is_fenced { LOOK_AT_PLACE } else { "" };
    format!("create temp trigger tenancy_enter before insert on tenancy_bound begin {place} {requirement} end")
}

/// Makes the table of places, unless it is there.
pub(in crate::sqlite) async fn enable(connection: &mut SqliteConnection) -> Result<(), StrategyError> {
    // Each connection is made anew after a change of the schema, so that which is none takes no lock either.
    if is_fenced(connection).await? {
        return Ok(());
    }
    let mut tx = begin_lent(connection, Some("begin immediate")).await?;
    sqlx::raw_sql(CREATE_PLACES).execute(&mut *tx).await?;
    versions::carry_over(&mut tx).await?;
    Ok(tx.commit().await?)
}

/// Whether the file is fenced.
pub(in crate::sqlite) async fn is_fenced(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(IS_FENCED).fetch_one(connection).await
}

/// Refuses a file that is not as the strategy was configured.
pub(in crate::sqlite) async fn require(connection: &mut SqliteConnection, wanted: bool) -> Result<(), StrategyError> {
    let is_database_fenced = is_fenced(connection).await?;
    if is_database_fenced == wanted {
        Ok(())
    } else {
        Err(StrategyError::FenceMismatch { is_database_fenced })
    }
}
