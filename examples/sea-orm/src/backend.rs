//! SeaORM's statements on sqlx's connections.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use sea_orm::sea_query::Values;
use sea_orm::{DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use sea_query_sqlx::SqlxValues;
use sqlx::{AssertSqlSafe, Database, Executor, Postgres, Sqlite};

/// A statement that is under way.
pub type Running<'c, T> = Pin<Box<dyn Future<Output = Result<T, sqlx::Error>> + Send + 'c>>;

/// A database on which SeaORM's statements run: [`Sqlite`] and [`Postgres`].
pub trait Backend: Database {
    /// What SeaORM calls it.
    const BACKEND: DbBackend;

    /// Runs a statement.
    fn execute<'c>(connection: &'c mut Self::Connection, statement: Statement) -> Running<'c, ExecResult>;

    /// Runs a text of one or more statements, without parameters.
    fn execute_unprepared<'c>(connection: &'c mut Self::Connection, sql: String) -> Running<'c, ExecResult>;

    /// Reads the first row.
    fn query_one<'c>(connection: &'c mut Self::Connection, statement: Statement) -> Running<'c, Option<QueryResult>>;

    /// Reads all rows.
    fn query_all<'c>(connection: &'c mut Self::Connection, statement: Statement) -> Running<'c, Vec<QueryResult>>;
}

macro_rules! backend {
    ($Database:ty, $backend:expr) => {
        impl Backend for $Database {
            const BACKEND: DbBackend = $backend;

            fn execute<'c>(connection: &'c mut Self::Connection, statement: Statement) -> Running<'c, ExecResult> {
                Box::pin(async move {
                    let query = sqlx::query_with(AssertSqlSafe(statement.sql), values(statement.values));
                    Ok(query.execute(connection).await?.into())
                })
            }

            fn execute_unprepared<'c>(connection: &'c mut Self::Connection, sql: String) -> Running<'c, ExecResult> {
                Box::pin(async move {
                    Ok(connection
                        .execute(sqlx::raw_sql(AssertSqlSafe(sql)))
                        .await?
                        .into())
                })
            }

            fn query_one<'c>(
                connection: &'c mut Self::Connection,
                statement: Statement,
            ) -> Running<'c, Option<QueryResult>> {
                Box::pin(async move {
                    let query = sqlx::query_with(AssertSqlSafe(statement.sql), values(statement.values));
                    Ok(query.fetch_optional(connection).await?.map(QueryResult::from))
                })
            }

            fn query_all<'c>(
                connection: &'c mut Self::Connection,
                statement: Statement,
            ) -> Running<'c, Vec<QueryResult>> {
                Box::pin(async move {
                    let query = sqlx::query_with(AssertSqlSafe(statement.sql), values(statement.values));
                    let rows = query.fetch_all(connection).await?;
                    Ok(rows.into_iter().map(QueryResult::from).collect())
                })
            }
        }
    };
}

backend!(Sqlite, DbBackend::Sqlite);
backend!(Postgres, DbBackend::Postgres);

fn values(values: Option<Values>) -> SqlxValues {
    SqlxValues(values.unwrap_or_else(|| Values(Vec::new())))
}

/// SeaORM's error for one of sqlx.
pub(crate) fn exec_error(error: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(Arc::new(error)))
}

/// SeaORM's error for one of sqlx.
pub(crate) fn query_error(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)))
}

/// The database's error in one of SeaORM, which does not give it as a source: pass it to
/// [`ErrorKind::of`](tenancy_sqlx::ErrorKind::of).
#[must_use]
pub fn sqlx_error(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}
