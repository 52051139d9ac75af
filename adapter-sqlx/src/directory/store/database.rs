//! What a directory's queries need of a database.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use sqlx::query::Query;
use sqlx::{Database, Encode, SqlSafeStr, SqlStr, Type};

/// A database that a [`SqlDirectory`](crate::SqlDirectory) can be in: [`sqlx::Sqlite`] and [`sqlx::Postgres`].
///
/// No other type can implement it.
#[expect(private_bounds, reason = "it is sealed: its operations are private")]
pub trait DirectoryDatabase: Queries {}

/// Whom a change of the directory waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Writers {
    /// All other writers, so that what is looked up in the transaction stays true until it ends.
    All,
    /// Those of the same tenant, whose row is locked and looked at before it is changed. The lock on the table comes first,
    /// as everywhere: one that waits for all others may have it, and wait for that row.
    OfATenant,
    /// Those of the same rows, since one statement decides the change.
    OfTheSameRows,
}

/// A query that is under way. sqlx boxes it already, so that no box of our own is added.
pub(crate) type QueryFuture<'c, T> = Pin<Box<dyn Future<Output = Result<T, sqlx::Error>> + Send + 'c>>;

/// A parameter of a query.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'v> {
    Text(Option<&'v str>),
    Number(i64),
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(text: &'v str) -> Self {
        Self::Text(Some(text))
    }
}

impl<'v> From<Option<&'v str>> for Value<'v> {
    fn from(text: Option<&'v str>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

/// What differs between the databases. The SQL is what all of them understand.
///
/// The bounds that sqlx has on parameters, rows and executors are met here, once for each database, so that the
/// directory's own code does not repeat them.
pub(crate) trait Queries: Database {
    /// The aggregate that joins texts.
    const JOIN_TEXTS: &'static str;
    /// What locks a selected row until the transaction ends, where there is no lock on the whole database.
    const FOR_UPDATE: &'static str;
    /// What stands before and behind a query whose rows a column is to be one of. The query is run first, and once, however many rows
    /// the planner takes the tables to have.
    const ONE_OF: [&'static str; 2];
    /// What stands before and behind a parameter, the text of a JSON array, to select its elements as the column `value`, of which
    /// `value ->> 'key'` is a field. Many rows are one parameter so, and one statement, which is prepared once however many there are.
    const ELEMENTS: [&'static str; 2];

    /// Writes an event, as the last statement of a transaction: from then on until the commit no other transaction writes
    /// one, so that the order of their numbers is the order of the commits.
    const INSERT_EVENT: &'static str;

    /// The time by the database's clock, in seconds since 1970.
    const NOW: &'static str;
    /// Redeems the grant of the digest `$1` for the session of the digest `$2`, if it can be: one statement, so that of two at
    /// once one does. A process that only serves may run it.
    const REDEEM: &'static str;
    /// Whether [`REDEEM`](Self::REDEEM) writes the event itself, since the caller may not.
    const REDEEMING_WRITES_EVENT: bool;
    /// The session of the digest `$1`, while it lasts.
    const IMPERSONATION_SESSION: &'static str;
    /// Whether a session of the grant `$1` lasts.
    const IMPERSONATION_LASTS: &'static str;

    /// How long changes wait for other writers, where the pool's connections do not know it.
    type LockTimeout: Clone + fmt::Debug + Send + Sync;

    /// The SQL that begins a change, on a connection on which no other transaction is open.
    fn begin_change(writers: Writers, lock_timeout: &Self::LockTimeout) -> SqlStr;

    /// Runs a statement.
    fn execute<'c>(
        connection: &'c mut Self::Connection,
        sql: impl SqlSafeStr,
        values: &[Value<'c>],
    ) -> QueryFuture<'c, Self::QueryResult>;

    /// The first row, if there is one.
    fn fetch_optional<'c>(
        connection: &'c mut Self::Connection,
        sql: impl SqlSafeStr,
        values: &[Value<'c>],
    ) -> QueryFuture<'c, Option<Self::Row>>;

    /// All rows.
    fn fetch_all<'c>(
        connection: &'c mut Self::Connection,
        sql: impl SqlSafeStr,
        values: &[Value<'c>],
    ) -> QueryFuture<'c, Vec<Self::Row>>;

    /// How many rows a statement has affected.
    fn rows_affected(done: &Self::QueryResult) -> u64;

    /// The text of a column, or `None` if it is null.
    fn text<'r>(row: &'r Self::Row, column: &str) -> Result<Option<&'r str>, sqlx::Error>;

    /// The truth of a column.
    fn boolean(row: &Self::Row, column: &str) -> Result<bool, sqlx::Error>;

    /// The number of a column.
    fn number(row: &Self::Row, column: &str) -> Result<i64, sqlx::Error>;
}

/// A query of sqlx with these parameters.
pub(crate) fn query<'q, DB>(sql: impl SqlSafeStr, values: &[Value<'q>]) -> Query<'q, DB, DB::Arguments>
where
    DB: Database,
    Option<&'q str>: Encode<'q, DB> + Type<DB>,
    i64: Encode<'q, DB> + Type<DB>,
{
    values.iter().fold(sqlx::query(sql), |query, value| match *value {
        Value::Text(text) => query.bind(text),
        Value::Number(number) => query.bind(number),
    })
}

/// Whether a statement has changed a row.
pub(in crate::directory) async fn changes<DB: Queries>(
    connection: &mut DB::Connection,
    sql: &'static str,
    values: &[Value<'_>],
) -> Result<bool, sqlx::Error> {
    let done = DB::execute(connection, sql, values).await?;
    Ok(DB::rows_affected(&done) > 0)
}

/// Whether a query of one row and one column, called `found`, says that something was found.
pub(in crate::directory) async fn is_found<DB: Queries>(
    connection: &mut DB::Connection,
    sql: &'static str,
    values: &[Value<'_>],
) -> Result<bool, sqlx::Error> {
    match DB::fetch_optional(connection, sql, values).await? {
        Some(row) => DB::boolean(&row, "found"),
        None => Ok(false),
    }
}
