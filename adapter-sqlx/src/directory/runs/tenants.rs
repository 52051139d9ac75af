//! The tenants of a strategy, page by page, and those of a batch.

use serde_json::json;
use tenancy_core::directory::TenantRecord;
use tenancy_core::names::{StrategyName, TenantId};

use crate::directory::error::DirectoryError;
use crate::directory::sql_directory::SqlDirectory;
use crate::directory::store::database::{DirectoryDatabase, Value};
use crate::directory::store::rows::{parse, select};

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// The next tenants of a strategy, whatever their status, by their ids.
    pub(crate) async fn records_of_strategy(
        &self,
        strategy: &StrategyName,
        after: Option<&TenantId>,
        limit: u16,
    ) -> Result<Vec<TenantRecord>, DirectoryError> {
        let after = after.map_or("", TenantId::as_str);
        let values = [strategy.as_str().into(), after.into(), i64::from(limit).into()];
        self.records("t.strategy = $1 and t.id > $2 order by t.id limit $3", &values)
            .await
    }

    /// The tenants of these ids that are there.
    pub(crate) async fn records_of(&self, tenants: &[&TenantId]) -> Result<Vec<TenantRecord>, DirectoryError> {
        let [elements, end] = DB::ELEMENTS;
        let [one_of, end_of_one] = DB::ONE_OF;
        let condition =
            format!("t.id {one_of}select value ->> 'id' from {elements}$1{end} as item{end_of_one} order by t.id");
        let mut found = Vec::with_capacity(tenants.len());
        for chunk in tenants.chunks(128) {
            let ids: serde_json::Value = chunk.iter().map(|tenant| json!({ "id": tenant.as_str() })).collect();
            found.extend(self.records(&condition, &[ids.to_string().as_str().into()]).await?);
        }
        Ok(found)
    }

    /// How many tenants there are that are not archived, by the names of their strategies.
    pub(crate) async fn count_by_strategy(&self) -> Result<Vec<(String, u64)>, DirectoryError> {
        let sql = "select strategy, count(*) as found from tenancy_tenants where status <> 'archived'
            group by strategy order by strategy";
        let mut connection = self.pool.acquire().await?;
        let rows = DB::fetch_all(&mut connection, sql, &[]).await?;
        let count = |row| {
            let strategy = DB::text(row, "strategy")?.unwrap_or_default().to_owned();
            Ok((strategy, u64::try_from(DB::number(row, "found")?).unwrap_or_default()))
        };
        rows.iter().map(count).collect()
    }

    async fn records(&self, condition: &str, values: &[Value<'_>]) -> Result<Vec<TenantRecord>, DirectoryError> {
        let mut connection = self.pool.acquire().await?;
        let rows = DB::fetch_all(&mut connection, select::<DB>(condition), values).await?;
        rows.iter()
            .map(|row| Ok(TenantRecord::clone(&parse::<DB>(row)?.record)))
            .collect()
    }
}
