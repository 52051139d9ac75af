//! Which process works on what.

use serde_json::json;
use sqlx::AssertSqlSafe;

use super::item::{ItemState, Turn, strategy_of, tenant_of};
use crate::directory::error::DirectoryError;
use crate::directory::sql_directory::SqlDirectory;
use crate::directory::store::database::{DirectoryDatabase, Writers};
use crate::fleet::{RunId, ServerTotal, Wave};

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// How many items of a wave there are on each server.
    pub(crate) async fn servers_of(&self, run: RunId, wave: Wave) -> Result<Vec<ServerTotal>, DirectoryError> {
        let sql = "select server, count(*) as total,
                sum(case when state in ('pending', 'running') then 0 else 1 end) as ended
            from tenancy_run_items where run = $1 and wave = $2 group by server order by server";
        let mut connection = self.pool.acquire().await?;
        let rows = DB::fetch_all(&mut connection, sql, &[run.0.into(), wave.number().into()]).await?;
        let total = |row| {
            Ok(ServerTotal {
                server: DB::text(row, "server")?.unwrap_or_default().to_owned(),
                total: u64::try_from(DB::number(row, "total")?).unwrap_or_default(),
                ended: u64::try_from(DB::number(row, "ended")?).unwrap_or_default(),
            })
        };
        rows.iter().map(total).collect()
    }

    /// Takes up to `limit` items of a server for `owner`: those that nobody works on, and those whose lease has run out.
    #[expect(clippy::too_many_arguments, reason = "they are the columns of one statement")]
    pub(crate) async fn claim(
        &self,
        run: RunId,
        wave: Wave,
        server: &str,
        owner: &str,
        limit: usize,
        now: i64,
        lease_until: i64,
    ) -> Result<Vec<Turn>, DirectoryError> {
        let mut change = self.begin(Writers::OfTheSameRows).await?;
        let [one_of, end] = DB::ONE_OF;
        let sql = format!(
            // Materialized, it is read once: read again for each row, the limit would be none.
            "with turns as materialized (
                select tenant from tenancy_run_items
                where run = $3 and wave = $4 and server = $5
                    and (state = 'pending' or state = 'running' and lease_until <= $6)
                order by tenant limit $7{for_update})
            update tenancy_run_items set state = 'running', owner = $1, lease_until = $2, attempt = attempt + 1
            where run = $3 and state in ('pending', 'running') and tenant {one_of}select tenant from turns{end}
            returning tenant, strategy, server, attempt",
            for_update = DB::FOR_UPDATE
        );
        let values = [
            owner.into(),
            lease_until.into(),
            run.0.into(),
            wave.number().into(),
            server.into(),
            now.into(),
            i64::try_from(limit).unwrap_or(i64::MAX).into(),
        ];
        let rows = DB::fetch_all(change.connection_mut(), AssertSqlSafe(sql), &values).await?;
        let turn = |row| {
            let key = DB::text(row, "tenant")?.unwrap_or_default();
            Ok(Turn {
                tenant: tenant_of(key)?,
                key: key.to_owned(),
                strategy: strategy_of::<DB>(row)?,
                server: DB::text(row, "server")?.unwrap_or_default().to_owned(),
                attempt: DB::number(row, "attempt")?,
            })
        };
        let turns: Result<Vec<Turn>, DirectoryError> = rows.iter().map(turn).collect();
        change.commit().await?;
        turns
    }

    /// Extends the leases of what `owner` works on. What another process has taken meanwhile stays with that.
    pub(crate) async fn extend_leases(&self, run: RunId, owner: &str, lease_until: i64) -> Result<(), DirectoryError> {
        let sql = "update tenancy_run_items set lease_until = $3 where run = $1 and owner = $2 and state = 'running'";
        self.change(sql, &[run.0.into(), owner.into(), lease_until.into()])
            .await?;
        Ok(())
    }

    /// Gives back what `owner` has taken and not begun.
    pub(crate) async fn release(&self, run: RunId, owner: &str, keys: &[&str]) -> Result<(), DirectoryError> {
        let [elements, end] = DB::ELEMENTS;
        let [one_of, end_of_one] = DB::ONE_OF;
        let sql = format!(
            "update tenancy_run_items set state = 'pending', owner = null, lease_until = null
            where run = $1 and owner = $2 and state = 'running'
                and tenant {one_of}select value ->> 'tenant' from {elements}$3{end} as item{end_of_one}"
        );
        let keys: serde_json::Value = keys.iter().map(|key| json!({ "tenant": key })).collect();
        let keys = keys.to_string();
        let mut change = self.begin(Writers::OfTheSameRows).await?;
        let values = [run.0.into(), owner.into(), keys.as_str().into()];
        DB::execute(change.connection_mut(), AssertSqlSafe(sql), &values).await?;
        change.commit().await
    }

    /// Makes those that failed pending again.
    pub(crate) async fn retry_failed(&self, run: RunId) -> Result<(), DirectoryError> {
        let sql = "update tenancy_run_items
            set state = 'pending', owner = null, lease_until = null, failed_version = null, sqlstate = null, error = null
            where run = $1 and state = $2";
        self.change(sql, &[run.0.into(), ItemState::Failed.as_str().into()])
            .await?;
        Ok(())
    }
}
