//! A tenant's rows, removed from every declared table.

use sqlx::{AssertSqlSafe, PgConnection, Row};
use tenancy_core::names::TenantId;

use super::row_tables::PgRowTables;
use super::table::PgTenantTable;
use crate::StrategyError;
use crate::postgres::identifier::Literal;
use crate::transaction::begin::begin_lent;

/// How many rounds may leave no fewer rows than the best one before. A trigger may hand rows on from table to table, or
/// remove a row at the second attempt only.
const ROUNDS_WITHOUT_PROGRESS: u32 = 8;

/// How many rounds there are at most.
const ROUNDS: u32 = 100;

/// Removes all rows of one tenant, in a transaction of the administrator's that is bound to it.
///
/// Whether rows are gone is counted, and not concluded from statements that succeeded: a trigger or a rule can keep
/// rows, or insert others. So tables are emptied round by round, until none has a row of the tenant left.
pub(super) struct RowRemoval<'r> {
    pub(super) schema: &'r PgRowTables,
    pub(super) tenant: &'r TenantId,
}

impl RowRemoval<'_> {
    /// Removes them, or fails and leaves the transaction to be rolled back.
    pub(super) async fn run(&self, tx: &mut PgConnection) -> Result<(), StrategyError> {
        self.require_to_see_all(tx).await?;
        let (mut best, mut without_progress) = (u64::MAX, 0);
        let (mut round, mut refusal) = (0, None);
        loop {
            let remaining = self.remaining(tx).await?;
            if remaining.is_empty() {
                // A count that was filtered would be 0, too.
                return self.require_to_see_all(tx).await;
            }
            let rows = remaining.iter().map(|(_, rows)| rows).sum();
            without_progress = if rows < best { 0 } else { without_progress + 1 };
            best = best.min(rows);
            if without_progress >= ROUNDS_WITHOUT_PROGRESS || round >= ROUNDS {
                return Err(self.failure(remaining, refusal));
            }
            round += 1;
            let tables: Vec<&PgTenantTable> = remaining.iter().map(|(table, _)| *table).collect();
            refusal = self.empty(tx, &tables).await?;
        }
    }

    async fn require_to_see_all(&self, tx: &mut PgConnection) -> Result<(), StrategyError> {
        match self.schema.filter_of_connection(tx).await? {
            Some(filter) => Err(filter.into()),
            None => Ok(()),
        }
    }

    /// The tables that have rows of the tenant, and how many, once all that was deferred has run.
    async fn remaining(&self, tx: &mut PgConnection) -> Result<Vec<(&PgTenantTable, u64)>, StrategyError> {
        let tables = self.schema.tables();
        if tables.is_empty() {
            return Ok(Vec::new());
        }
        let counts: Vec<String> = (0_u32..)
            .zip(tables)
            .map(|(number, table)| {
                let condition = self.condition(table);
                format!("({number}::pg_catalog.int8, (select pg_catalog.count(*) from {table} where {condition}))")
            })
            .collect();
        let sql = format!(
            "set constraints all immediate;
            select counted.rows from (values {}) as counted(number, rows) order by counted.number",
            counts.join(", ")
        );
        let counted = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(tx).await?;
        let mut remaining = Vec::new();
        for (table, row) in tables.iter().zip(&counted) {
            match u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default() {
                0 => {}
                rows => remaining.push((table, rows)),
            }
        }
        Ok(remaining)
    }

    /// Empties the tables, or as many of them as the database lets.
    ///
    /// All in one statement first: foreign keys are checked at its end, and those that form a cycle allow nothing else.
    /// A trigger that writes another table of the same statement can make it fail in one order of the tables and
    /// not in the other, or in both; and a rule allows no such statement. So statements follow each other next, with
    /// the checks deferred that can be. What is left is then tried table by table, as foreign keys and triggers may have
    /// it.
    async fn empty(
        &self,
        tx: &mut PgConnection,
        tables: &[&PgTenantTable],
    ) -> Result<Option<sqlx::Error>, StrategyError> {
        let statements: Vec<String> = tables.iter().map(|table| self.delete_sql(table)).collect();
        let mut first_refusal = None;
        let reversed: Vec<String> = statements.iter().rev().cloned().collect();
        let orders = [&statements, &reversed];
        let at_once = orders.iter().map(|order| one_statement(order));
        let in_turn = orders.iter().map(|order| deferred(order));
        for sql in at_once.chain(in_turn) {
            match attempt(tx, sql).await? {
                None => return Ok(None),
                Some(refusal) => first_refusal.get_or_insert(refusal),
            };
        }
        let mut left = statements;
        loop {
            let before = left.len();
            let mut refused = Vec::new();
            for statement in left {
                if attempt(tx, statement.clone()).await?.is_some() {
                    refused.push(statement);
                }
            }
            left = refused;
            if left.is_empty() {
                return Ok(None);
            }
            if left.len() == before {
                return Ok(first_refusal);
            }
        }
    }

    fn delete_sql(&self, table: &PgTenantTable) -> String {
        format!("delete from {table} where {}", self.condition(table))
    }

    /// The literal takes the column's type, and the operator is PostgreSQL's own.
    fn condition(&self, table: &PgTenantTable) -> String {
        let (column, column_type) = (table.tenant_column(), table.tenant_column_type().sql_type());
        let tenant = Literal(self.tenant.as_str());
        format!("{column} operator(pg_catalog.=) {tenant}::{column_type}")
    }

    fn failure(&self, remaining: Vec<(&PgTenantTable, u64)>, source: Option<sqlx::Error>) -> StrategyError {
        let mut remaining = remaining.into_iter().map(|(table, rows)| (table.to_string(), rows));
        let (table, rows) = remaining.next().unwrap_or_default();
        StrategyError::Remaining {
            tenant: self.tenant.clone(),
            table,
            rows,
            others: remaining.collect(),
            source: source.map(Box::new),
        }
    }
}

/// Several deletions whose foreign keys are checked together.
fn one_statement(statements: &[String]) -> String {
    if let [statement] = statements {
        return statement.clone();
    }
    let parts: Vec<String> = (0_u32..)
        .zip(statements)
        .map(|(number, statement)| format!("emptied_{number} as ({statement})"))
        .collect();
    format!("with {} select", parts.join(", "))
}

/// Several deletions one after the other, whose foreign keys are checked behind the last where they are deferrable.
fn deferred(statements: &[String]) -> String {
    format!("set constraints all deferred; {}", statements.join("; "))
}

/// Runs a statement and what it deferred, or nothing of both. Returns the error where another order of the statements
/// may do.
async fn attempt(tx: &mut PgConnection, sql: String) -> Result<Option<sqlx::Error>, StrategyError> {
    let mut savepoint = begin_lent(tx, None).await?;
    let sql = format!("{sql}; set constraints all immediate");
    match sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *savepoint).await {
        Ok(_) => savepoint.commit().await?,
        Err(error) if is_refusal(&error) => {
            savepoint.rollback().await?;
            return Ok(Some(error));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(None)
}

/// Whether it is a constraint, a trigger or a rule that refused: not a right that lacks, nor the server that ended or
/// aborted the transaction.
fn is_refusal(error: &sqlx::Error) -> bool {
    let is_final = |code: &str| {
        ["08", "25", "40", "42", "53", "55", "57", "58", "XX"]
            .iter()
            .any(|class| code.starts_with(class))
    };
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| !is_final(&code))
}
