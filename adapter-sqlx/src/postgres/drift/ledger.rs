//! Which versions tenants' data has, by their own tables of migrations.

use std::collections::HashMap;

use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::StrategyError;
use crate::postgres::identifier::{Literal, PgIdentifier};

/// The name of the table of migrations. It names no schema under the strategy `schema`.
pub(super) fn table(migrations: Option<&Migrator>) -> &str {
    migrations.map_or("_sqlx_migrations", |migrations| &*migrations.table_name)
}

/// The version of the newest migration that has run in each of these schemas, by one query. One without the table is left out.
pub(super) async fn versions(
    connection: &mut PgConnection,
    schemas: &[String],
    table: &str,
) -> Result<HashMap<String, i64>, StrategyError> {
    let mut names = Vec::new();
    for schema in schemas {
        let identifier: PgIdentifier = schema.parse().map_err(StrategyError::other)?;
        names.push(format!("{identifier}.{table}"));
    }
    let sql = "select t.schema from unnest($1::text[], $2::text[]) as t (schema, ledger)
        where pg_catalog.to_regclass(t.ledger) is not null";
    let found: Vec<String> = sqlx::query_scalar(sql)
        .persistent(false)
        .bind(schemas)
        .bind(names)
        .fetch_all(&mut *connection)
        .await?;
    let mut queries = Vec::new();
    for schema in found {
        let identifier: PgIdentifier = schema.parse().map_err(StrategyError::other)?;
        queries.push(format!(
            "select {}::text, (select pg_catalog.max(version) from {identifier}.{table} where success)",
            Literal(&schema)
        ));
    }
    if queries.is_empty() {
        return Ok(HashMap::new());
    }
    let versions: Vec<(String, Option<i64>)> = sqlx::query_as(AssertSqlSafe(queries.join(" union all ")))
        .persistent(false)
        .fetch_all(connection)
        .await?;
    Ok(versions
        .into_iter()
        .filter_map(|(schema, version)| Some((schema, version?)))
        .collect())
}

/// The same of a database, in whose `public` the table is unless it names another schema.
pub(super) async fn of_database(connection: &mut PgConnection, table: &str) -> Result<Option<i64>, StrategyError> {
    let name = if table.contains('.') {
        table.to_owned()
    } else {
        format!("public.{table}")
    };
    let is_there = sqlx::query_scalar("select pg_catalog.to_regclass($1) is not null").persistent(false);
    if !is_there.bind(&name).fetch_one(&mut *connection).await? {
        return Ok(None);
    }
    let sql = format!("select pg_catalog.max(version) from {name} where success");
    let version = sqlx::query_scalar(AssertSqlSafe(sql)).persistent(false);
    Ok(version.fetch_one(connection).await?)
}
