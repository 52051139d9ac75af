//! What has become of turns, written in batches.

use serde_json::json;
use sqlx::{AssertSqlSafe, SqlSafeStr};

use super::item::{ItemState, Turn};
use crate::directory::error::DirectoryError;
use crate::directory::sql_directory::SqlDirectory;
use crate::directory::store::database::{DirectoryDatabase, Writers};
use crate::fleet::{RunFailure, RunId};

/// What has become of a turn.
#[derive(Clone, Debug)]
pub(crate) struct TurnResult {
    pub(crate) turn: Turn,
    pub(crate) state: ItemState,
    pub(crate) to_version: Option<i64>,
    pub(crate) failure: Option<RunFailure>,
    pub(crate) milliseconds: i64,
}

/// How many results one statement writes.
const ROWS: usize = 128;

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// Writes results. One of a turn that another process has taken meanwhile is late, and changes nothing.
    pub(crate) async fn write_results(
        &self,
        run: RunId,
        owner: &str,
        results: &[TurnResult],
        now: i64,
    ) -> Result<(), DirectoryError> {
        let [elements, end] = DB::ELEMENTS;
        let [one_of, end_of_one] = DB::ONE_OF;
        let sql = AssertSqlSafe(format!(
            "with result as (
                select value ->> 'tenant' as tenant, cast(value ->> 'attempt' as bigint) as attempt, value ->> 'state' as state,
                    cast(value ->> 'to' as bigint) as to_version, cast(value ->> 'failed' as bigint) as failed_version,
                    value ->> 'sqlstate' as sqlstate, value ->> 'error' as error, cast(value ->> 'ms' as bigint) as ms
                from {elements}$4{end} as item)
            update tenancy_run_items set state = result.state, owner = null, lease_until = null, finished_at = $3,
                to_version = coalesce(result.to_version, tenancy_run_items.to_version),
                failed_version = result.failed_version, sqlstate = result.sqlstate, error = result.error,
                ms = result.ms
            from result where tenancy_run_items.run = $1 and tenancy_run_items.tenant = result.tenant
                and tenancy_run_items.tenant {one_of}select tenant from result{end_of_one}
                and tenancy_run_items.owner = $2 and tenancy_run_items.attempt = result.attempt
                and tenancy_run_items.state = 'running'"
        ))
        .into_sql_str();
        for chunk in results.chunks(ROWS) {
            let rows: serde_json::Value = chunk.iter().map(row).collect();
            let rows = rows.to_string();
            let values = [run.0.into(), owner.into(), now.into(), rows.as_str().into()];
            let mut change = self.begin(Writers::OfTheSameRows).await?;
            DB::execute(change.connection_mut(), sql.clone(), &values).await?;
            change.commit().await?;
        }
        Ok(())
    }
}

fn row(result: &TurnResult) -> serde_json::Value {
    let failure = result.failure.as_ref();
    json!({
        "tenant": result.turn.key,
        "attempt": result.turn.attempt,
        "state": result.state.as_str(),
        "to": result.to_version,
        "failed": failure.and_then(|failure| failure.version),
        "sqlstate": failure.and_then(|failure| failure.sqlstate.as_deref()),
        "error": failure.map(|failure| failure.words.as_str()),
        "ms": result.milliseconds,
    })
}
