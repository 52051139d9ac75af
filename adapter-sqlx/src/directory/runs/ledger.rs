//! Runs: begun, found, ended.

use serde_json::json;
use sqlx::{AssertSqlSafe, SqlSafeStr};

use super::item::{ItemState, NewItem, number_or_null, strategy_of, tenant_of};
use crate::directory::error::DirectoryError;
use crate::directory::sql_directory::SqlDirectory;
use crate::directory::store::database::{DirectoryDatabase, Queries, Writers};
use crate::fleet::{RunFailure, RunId, RunState, RunSummary, Wave};

/// A run that begins.
pub(crate) struct NewRun<'r> {
    pub(crate) options: &'r str,
    pub(crate) migrations: &'r str,
    /// Milliseconds since 1970, as all times here.
    pub(crate) now: i64,
    pub(crate) lease_until: i64,
}

/// A run as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredRun {
    pub(crate) options: String,
    pub(crate) migrations: String,
    pub(crate) summary: RunSummary,
}

/// How many rows one statement writes.
const ROWS: usize = 500;

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// Begins a run, unless a process works on another one, which is returned then. Unfinished runs of processes that have ended are
    /// abandoned.
    pub(crate) async fn begin_run(&self, run: &NewRun<'_>) -> Result<Result<RunId, RunId>, DirectoryError> {
        self.require_writable()?;
        // One at a time, so that two that begin at once do not both find none.
        let mut change = self.begin(Writers::All).await?;
        let connection = change.connection_mut();
        let unfinished = find::<DB>(connection, "r.state in ('planning', 'running')", run.now).await?;
        if let Some(alive) = unfinished.iter().find(|found| found.summary.is_alive) {
            return Ok(Err(alive.summary.id));
        }
        let sql = "update tenancy_runs set state = 'abandoned', finished_at = coalesce(finished_at, $1)
            where state in ('planning', 'running', 'stopped')";
        DB::execute(connection, sql, &[run.now.into()]).await?;
        let sql = "insert into tenancy_runs (state, options, migrations, actor, reason, started_at, lease_until)
            values ('planning', $1, $2, $3, $4, $5, $6) returning id";
        let values = [
            run.options.into(),
            run.migrations.into(),
            self.attribution.actor().as_str().into(),
            self.attribution.reason().into(),
            run.now.into(),
            run.lease_until.into(),
        ];
        let row = DB::fetch_optional(connection, sql, &values)
            .await?
            .ok_or(sqlx::Error::RowNotFound)?;
        let id = RunId(DB::number(&row, "id")?);
        change.commit().await?;
        Ok(Ok(id))
    }

    /// Adds what a plan has found, in one transaction. An item that is there already stays as it is.
    pub(crate) async fn add_items(&self, run: RunId, items: &[NewItem]) -> Result<(), DirectoryError> {
        if items.is_empty() {
            return Ok(());
        }
        let mut change = self.begin(Writers::OfTheSameRows).await?;
        let [elements, end] = DB::ELEMENTS;
        let sql = AssertSqlSafe(format!(
            // Without `true`, SQLite reads `on conflict` as the condition of a join.
            "insert into tenancy_run_items (run, tenant, strategy, server, wave, state, from_version, to_version)
            select $1, value ->> 'tenant', value ->> 'strategy', value ->> 'server', cast(value ->> 'wave' as bigint), 'pending',
                cast(value ->> 'from' as bigint), cast(value ->> 'to' as bigint)
            from {elements}$2{end} as item where true on conflict (run, tenant) do nothing"
        ))
        .into_sql_str();
        for chunk in items.chunks(ROWS) {
            let rows: serde_json::Value = chunk
                .iter()
                .map(|item| {
                    json!({
                        "tenant": item.key(),
                        "strategy": item.strategy.as_str(),
                        "server": item.server,
                        "wave": item.wave.number(),
                        "from": item.from_version,
                        "to": item.to_version,
                    })
                })
                .collect();
            let rows = rows.to_string();
            let values = [run.0.into(), rows.as_str().into()];
            DB::execute(change.connection_mut(), sql.clone(), &values).await?;
        }
        change.commit().await
    }

    /// Sets what a run is doing. Returns `false` if it is in none of the states `from`, such as one that was abandoned.
    pub(crate) async fn set_run_state(
        &self,
        run: RunId,
        from: &'static [RunState],
        state: RunState,
        now: i64,
    ) -> Result<bool, DirectoryError> {
        let mut change = self.begin(Writers::OfTheSameRows).await?;
        let has_ended = !matches!(state, RunState::Planning | RunState::Running);
        let finished = has_ended.then(|| now.to_string());
        let from: Vec<String> = from.iter().map(|state| format!("'{}'", state.as_str())).collect();
        let sql = format!(
            "update tenancy_runs set state = $2, finished_at = cast($3 as bigint) where id = $1 and state in ({})",
            from.join(", ")
        );
        let values = [run.0.into(), state.as_str().into(), finished.as_deref().into()];
        let done = DB::execute(change.connection_mut(), AssertSqlSafe(sql), &values).await?;
        change.commit().await?;
        Ok(DB::rows_affected(&done) > 0)
    }

    /// Says that a process works on a run. Returns `false` if another was begun in its place.
    pub(crate) async fn extend_run(&self, run: RunId, lease_until: i64) -> Result<bool, DirectoryError> {
        let sql = "update tenancy_runs set lease_until = $2 where id = $1 and state <> 'abandoned'";
        self.change(sql, &[run.0.into(), lease_until.into()]).await
    }

    /// Says that this process does not work on a run any more. Returns whether others do.
    pub(crate) async fn leave_run(&self, run: RunId, owner: &str, now: i64) -> Result<bool, DirectoryError> {
        let sql = "update tenancy_runs set lease_until = 0 where id = $1 and not exists (
            select 1 from tenancy_run_items i
            where i.run = $1 and i.state = 'running' and i.owner <> $2 and i.lease_until > $3)";
        let is_left = self.change(sql, &[run.0.into(), owner.into(), now.into()]).await?;
        Ok(!is_left)
    }

    pub(crate) async fn stored_run(&self, run: RunId, now: i64) -> Result<Option<StoredRun>, DirectoryError> {
        let mut connection = self.pool.acquire().await?;
        let condition = format!("r.id = {}", run.0);
        Ok(find::<DB>(&mut connection, &condition, now).await?.into_iter().next())
    }

    /// The latest runs, the newest first.
    pub(crate) async fn stored_runs(&self, limit: u16, now: i64) -> Result<Vec<StoredRun>, DirectoryError> {
        let mut connection = self.pool.acquire().await?;
        let condition = format!("r.id in (select id from tenancy_runs order by id desc limit {limit})");
        find::<DB>(&mut connection, &condition, now).await
    }

    /// Those that failed, by their keys.
    pub(crate) async fn failures_of(
        &self,
        run: RunId,
        after: &str,
        limit: u16,
    ) -> Result<Vec<RunFailure>, DirectoryError> {
        let sql = "select tenant, strategy, cast(failed_version as text) as failed_version, sqlstate, error
            from tenancy_run_items where run = $1 and state = $2 and tenant > $3 order by tenant limit $4";
        let values = [
            run.0.into(),
            ItemState::Failed.as_str().into(),
            after.into(),
            i64::from(limit).into(),
        ];
        let mut connection = self.pool.acquire().await?;
        let rows = DB::fetch_all(&mut connection, sql, &values).await?;
        rows.iter().map(failure::<DB>).collect()
    }

    /// How many items of a run are in each of these waves and states.
    pub(crate) async fn count_items(
        &self,
        run: RunId,
        wave: Wave,
        states: &[ItemState],
    ) -> Result<u64, DirectoryError> {
        let states: Vec<String> = states.iter().map(|state| format!("'{}'", state.as_str())).collect();
        let sql = format!(
            "select count(*) as found from tenancy_run_items where run = $1 and wave = $2 and state in ({})",
            states.join(", ")
        );
        let mut connection = self.pool.acquire().await?;
        let row = DB::fetch_optional(
            &mut connection,
            AssertSqlSafe(sql),
            &[run.0.into(), wave.number().into()],
        )
        .await?;
        let row = row.ok_or(sqlx::Error::RowNotFound)?;
        Ok(u64::try_from(DB::number(&row, "found")?).unwrap_or_default())
    }

    /// When the last item of a wave has ended; `None` if none has.
    pub(crate) async fn wave_ended_at(&self, run: RunId, wave: Wave) -> Result<Option<i64>, DirectoryError> {
        let sql = "select cast(max(finished_at) as text) as ended from tenancy_run_items where run = $1 and wave = $2";
        let mut connection = self.pool.acquire().await?;
        let row = DB::fetch_optional(&mut connection, sql, &[run.0.into(), wave.number().into()]).await?;
        let row = row.ok_or(sqlx::Error::RowNotFound)?;
        Ok(number_or_null::<DB>(&row, "ended")?)
    }
}

/// The runs of a condition, the newest first.
async fn find<DB: DirectoryDatabase>(
    connection: &mut DB::Connection,
    condition: &str,
    now: i64,
) -> Result<Vec<StoredRun>, DirectoryError> {
    let sql = format!(
        "select r.id, r.state, r.options, r.migrations, r.actor, r.reason, r.started_at,
            cast(r.finished_at as text) as finished_at,
            (r.state in ('planning', 'running') and r.lease_until > $1) as is_alive,
            (select count(*) from tenancy_run_items i where i.run = r.id and i.state = 'done') as done,
            (select count(*) from tenancy_run_items i where i.run = r.id and i.state = 'failed') as failed,
            (select count(*) from tenancy_run_items i where i.run = r.id and i.state = 'running') as running,
            (select count(*) from tenancy_run_items i where i.run = r.id and i.state = 'pending') as pending,
            (select count(*) from tenancy_run_items i where i.run = r.id and i.state = 'skipped') as skipped
        from tenancy_runs r where {condition} order by r.id desc"
    );
    let rows = DB::fetch_all(connection, AssertSqlSafe(sql), &[now.into()]).await?;
    rows.iter().map(parse::<DB>).collect()
}

fn parse<DB: Queries>(row: &DB::Row) -> Result<StoredRun, DirectoryError> {
    let text = |column| DB::text(row, column).map(|text| text.unwrap_or_default().to_owned());
    let count = |column| DB::number(row, column).map(|number| u64::try_from(number).unwrap_or_default());
    let state = text("state")?;
    let finished = number_or_null::<DB>(row, "finished_at")?;
    Ok(StoredRun {
        options: text("options")?,
        migrations: text("migrations")?,
        summary: RunSummary {
            id: RunId(DB::number(row, "id")?),
            // One that a newer version has written is not this version's to work on.
            state: RunState::of_text(&state).unwrap_or(RunState::Abandoned),
            actor: text("actor")?,
            reason: DB::text(row, "reason")?.map(str::to_owned),
            started: at(DB::number(row, "started_at")?),
            finished: finished.map(at),
            is_alive: DB::boolean(row, "is_alive")?,
            done: count("done")?,
            failed: count("failed")?,
            running: count("running")?,
            pending: count("pending")?,
            skipped: count("skipped")?,
        },
    })
}

fn at(milliseconds: i64) -> std::time::SystemTime {
    let since = std::time::Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default());
    std::time::UNIX_EPOCH
        .checked_add(since)
        .unwrap_or(std::time::UNIX_EPOCH)
}

fn failure<DB: Queries>(row: &DB::Row) -> Result<RunFailure, DirectoryError> {
    Ok(RunFailure {
        tenant: tenant_of(DB::text(row, "tenant")?.unwrap_or_default())?,
        strategy: strategy_of::<DB>(row)?,
        version: number_or_null::<DB>(row, "failed_version")?,
        sqlstate: DB::text(row, "sqlstate")?.map(str::to_owned),
        words: DB::text(row, "error")?.unwrap_or_default().to_owned(),
    })
}
