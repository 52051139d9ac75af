//! Removing every row of a tenant from a file that tenants share.

use sqlx::{AssertSqlSafe, SqliteConnection};
use tenancy_core::names::TenantId;

use super::catalog;
use super::declarations::Declarations;
use super::table::TenantTable;
use crate::StrategyError;
use crate::transaction::begin::begin_lent;

/// Deletes the tenant's rows from every declared table, until none is left, or nothing at all.
///
/// Triggers of the application fire, and may put rows into tables that were emptied before, or not let rows go.
/// So the tables are emptied in turn and counted, and a removal that makes no progress is rolled back.
pub(in crate::sqlite) async fn remove_rows(
    connection: &mut SqliteConnection,
    declared: &Declarations,
    tenant: &TenantId,
) -> Result<(), StrategyError> {
    let mut tx = begin_lent(connection, Some("begin immediate")).await?;
    // Rows may refer to each other in circles. This defers keys with `RESTRICT` too.
    sqlx::query("pragma defer_foreign_keys = on").execute(&mut *tx).await?;
    // A newer process may have made tables that this one has no declaration of.
    catalog::prove_all_declared(&mut tx, declared).await?;
    let mut before = u64::MAX;
    let mut passes = 0;
    loop {
        for table in &declared.tables {
            delete(&mut tx, table, tenant).await?;
        }
        let remaining = count(&mut tx, declared, tenant).await?;
        let Some((table, rows)) = remaining.first().cloned() else {
            break;
        };
        let total = remaining.iter().map(|(_, rows)| rows).sum();
        passes += 1;
        // Rows may go from one table to the next in as many passes as there are tables, and in no more.
        if passes > declared.tables.len() && total >= before {
            return Err(StrategyError::Remaining {
                tenant: tenant.clone(),
                table,
                rows,
                others: remaining.into_iter().skip(1).collect(),
                source: None,
            });
        }
        before = total;
    }
    Ok(tx.commit().await?)
}

async fn delete(connection: &mut SqliteConnection, table: &TenantTable, tenant: &TenantId) -> Result<(), sqlx::Error> {
    // Declared names are plain identifiers.
    let sql = format!(
        "delete from main.\"{}\" where \"{}\" = ?",
        table.base(),
        table.tenant_column()
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(tenant.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// The tables that hold rows of the tenant, and how many.
async fn count(
    connection: &mut SqliteConnection,
    declared: &Declarations,
    tenant: &TenantId,
) -> Result<Vec<(String, u64)>, sqlx::Error> {
    let mut remaining = Vec::new();
    for table in &declared.tables {
        let sql = format!(
            "select count(*) from main.\"{}\" where \"{}\" = ?",
            table.base(),
            table.tenant_column()
        );
        let rows: u64 = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(tenant.as_str())
            .fetch_one(&mut *connection)
            .await?;
        if rows > 0 {
            remaining.push((table.base().to_owned(), rows));
        }
    }
    Ok(remaining)
}
