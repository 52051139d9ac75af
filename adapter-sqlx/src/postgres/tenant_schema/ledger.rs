//! The table that says which migrations have run, read.

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::StrategyError;
use crate::postgres::versions::Record;
use crate::strategy::ledger::Applied;

/// What was found before anything runs, under the lock of the schema.
#[derive(Clone)]
pub(super) struct Before {
    /// What the ledger says.
    pub(super) applied: Vec<Applied>,
    /// Where a version is recorded, if that is known, and a migration may be [`AtOnce`].
    pub(super) record: Option<Record>,
}

impl Before {
    /// Reads the ledger, and nothing else.
    pub(super) async fn read(connection: &mut PgConnection, ledger: &str) -> Result<Self, StrategyError> {
        Ok(Self {
            applied: read_ledger(connection, ledger).await?,
            record: None,
        })
    }
}

/// What a ledger says.
pub(in crate::postgres) async fn read_ledger(
    connection: &mut PgConnection,
    table: &str,
) -> Result<Vec<Applied>, sqlx::Error> {
    let sql = AssertSqlSafe(ledger_sql(table));
    of_rows(&sqlx::raw_sql(sql).fetch_all(connection).await?)
}

/// The query of a ledger.
pub(super) fn ledger_sql(table: &str) -> String {
    format!("select version, checksum, success from {table}")
}

/// Its rows.
pub(super) fn of_rows(rows: &[PgRow]) -> Result<Vec<Applied>, sqlx::Error> {
    let applied = |row: &PgRow| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
    rows.iter().map(applied).collect()
}
