//! SQL that is put together.

use sqlx::{AssertSqlSafe, PgConnection};

/// Runs statements whose texts are put together from identifiers and literals that are quoted.
pub(super) async fn execute(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}
