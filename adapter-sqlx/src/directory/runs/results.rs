//! What has become of turns, written in batches.

use sqlx::AssertSqlSafe;

use super::item::{ItemState, Turn};
use crate::directory::error::DirectoryError;
use crate::directory::sql_directory::SqlDirectory;
use crate::directory::store::database::{DirectoryDatabase, Value, Writers};
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
        for chunk in results.chunks(ROWS) {
            let numbers: Vec<[Option<String>; 2]> = chunk
                .iter()
                .map(|result| {
                    let failed = result.failure.as_ref().and_then(|failure| failure.version);
                    [result.to_version, failed].map(|number| number.map(|number| number.to_string()))
                })
                .collect();
            let mut values: Vec<Value<'_>> = vec![run.0.into(), owner.into(), now.into()];
            let mut rows = Vec::with_capacity(chunk.len());
            for (result, [to, failed]) in chunk.iter().zip(&numbers) {
                let n = values.len();
                rows.push(format!(
                    "(${}, cast(${} as bigint), ${}, cast(${} as bigint), cast(${} as bigint), ${}, ${}, cast(${} as bigint))",
                    n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7, n + 8
                ));
                let failure = result.failure.as_ref();
                let row: [Value<'_>; 8] = [
                    result.turn.key.as_str().into(),
                    result.turn.attempt.into(),
                    result.state.as_str().into(),
                    to.as_deref().into(),
                    failed.as_deref().into(),
                    failure.and_then(|failure| failure.sqlstate.as_deref()).into(),
                    failure.map(|failure| failure.words.as_str()).into(),
                    result.milliseconds.into(),
                ];
                values.extend(row);
            }
            let sql = format!(
                "with result (tenant, attempt, state, to_version, failed_version, sqlstate, error, ms) as (values {})
                update tenancy_run_items set state = result.state, owner = null, lease_until = null, finished_at = $3,
                    to_version = coalesce(result.to_version, tenancy_run_items.to_version),
                    failed_version = result.failed_version, sqlstate = result.sqlstate, error = result.error,
                    ms = result.ms
                from result where tenancy_run_items.run = $1 and tenancy_run_items.tenant = result.tenant
                    and tenancy_run_items.owner = $2 and tenancy_run_items.attempt = result.attempt
                    and tenancy_run_items.state = 'running'",
                rows.join(", ")
            );
            let mut change = self.begin(Writers::OfTheSameRows).await?;
            DB::execute(change.connection_mut(), AssertSqlSafe(sql), &values).await?;
            change.commit().await?;
        }
        Ok(())
    }
}
