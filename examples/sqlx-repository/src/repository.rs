//! The queries.

use sqlx::{Executor, QueryBuilder, Sqlite, SqliteConnection};
use tenancy_sqlx::TransactionError;
use thiserror::Error;

/// A note, as it is read.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Note {
    /// Which one.
    pub id: String,
    /// What it says.
    pub body: String,
    /// How many stars it has.
    pub stars: i64,
}

/// A note to add.
#[derive(Clone, Copy, Debug)]
pub struct NewNote<'n> {
    /// Made by the application: on a view the database gives none.
    pub id: &'n str,
    /// What it says.
    pub body: &'n str,
    /// How many stars it has.
    pub stars: i64,
}

/// Why notes could not be read or written.
#[derive(Debug, Error)]
pub enum NotesError {
    /// The transaction could not begin or be committed.
    #[error("failed to reach the notes")]
    Transaction(#[from] TransactionError),
    /// A query failed.
    #[error("failed to query the notes")]
    Query(#[from] sqlx::Error),
}

/// Reads one note. It is one statement, so it takes any executor: `&mut *tx` of a tenant's transaction, and in tests
/// without tenants a connection or a pool.
///
/// # Errors
///
/// If the query fails.
pub async fn note(executor: impl Executor<'_, Database = Sqlite>, id: &str) -> Result<Option<Note>, sqlx::Error> {
    sqlx::query_as!(Note, "select id, body, stars from notes where id = ?", id)
        .fetch_optional(executor)
        .await
}

/// Reads the notes of at least so many stars.
///
/// # Errors
///
/// If the query fails.
pub async fn starred(executor: impl Executor<'_, Database = Sqlite>, least: i64) -> Result<Vec<Note>, sqlx::Error> {
    sqlx::query_as!(
        Note,
        "select id, body, stars from notes where stars >= ? order by id",
        least
    )
    .fetch_all(executor)
    .await
}

/// Counts the notes.
///
/// # Errors
///
/// If the query fails.
pub async fn count(executor: impl Executor<'_, Database = Sqlite>) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!("select count(*) from notes")
        .fetch_one(executor)
        .await
}

/// Adds several notes. These are several statements on one connection, which `&mut *tx` is; a pool would run each on
/// another one.
///
/// # Errors
///
/// If a query fails.
pub async fn add_all(connection: &mut SqliteConnection, notes: &[NewNote<'_>]) -> Result<(), sqlx::Error> {
    for NewNote { id, body, stars } in notes {
        sqlx::query!("insert into notes (id, body, stars) values (?, ?, ?)", id, body, stars)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Reads the notes that hold each of the words. Its SQL is put together, so it is checked when it runs, and its rows are
/// read by `FromRow`.
///
/// # Errors
///
/// If the query fails.
pub async fn search(executor: impl Executor<'_, Database = Sqlite>, words: &[&str]) -> Result<Vec<Note>, sqlx::Error> {
    let mut query = QueryBuilder::new("select id, body, stars from notes where true");
    for word in words {
        query.push(" and instr(body, ").push_bind(*word).push(") > 0");
    }
    query.push(" order by id").build_query_as().fetch_all(executor).await
}
