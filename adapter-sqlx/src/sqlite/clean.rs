//! What a transaction may have left on its connection, and the next borrower must not find.

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};

/// Looks whether a connection is as it was when [`remember`](super::pool::remember) had run on it.
///
/// It is not where temporary tables, views or triggers were made, a file attached, foreign keys turned off, or a pragma
/// changed that would change what the next borrower's statements do, or whether others can use the file; and where the
/// schema has changed. A `delete` from a temporary table before it fails where writes are turned off.
///
/// It is one row, and one of its own for the temporary schema, whose version no function gives: what arrives row by row wakes
/// its reader as often. It may be prepared: the functions read each pragma when they run.
pub(super) const CHECK: &str = "pragma temp.schema_version;
    select temp, (select foreign_keys from pragma_foreign_keys) = 1
        and (select count(*) from pragma_database_list) = 2
        and (select ignore_check_constraints from pragma_ignore_check_constraints) = 0
        and (select recursive_triggers from pragma_recursive_triggers) = 0
        and (select writable_schema from pragma_writable_schema) = 0
        and (select read_uncommitted from pragma_read_uncommitted) = 0
        and (select locking_mode from pragma_locking_mode) = 'normal'
        and (select schema_version from pragma_schema_version) = main
    from temp.tenancy_installed";

/// Whether these are the rows of [`CHECK`] on a connection that is as it was.
pub(super) fn is_as_installed(rows: &[SqliteRow]) -> bool {
    let [temp, check] = rows else { return false };
    let number = |row: &SqliteRow, column: usize| row.try_get::<Option<i64>, _>(column).ok().flatten();
    match (number(temp, 0), number(check, 0), number(check, 1)) {
        (Some(temp), Some(temp_then), Some(is_as_installed)) => temp == temp_then && is_as_installed == 1,
        _ => false,
    }
}

/// Clears the tenant, and tells whether the connection is as it was when it was made.
///
/// It is not, and is closed, also where a transaction is still open or sqlx miscounts them: a `COMMIT` or `ROLLBACK` sent as
/// SQL does that.
pub(super) async fn is_clean(connection: &mut SqliteConnection) -> bool {
    // `begin` fails inside a transaction, and `delete` where the table is gone or writes are off.
    let sql = format!("begin; delete from temp.tenancy_bound; commit; {CHECK}");
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *connection).await;
    rows.is_ok_and(|rows| is_as_installed(&rows)) && !connection.is_in_transaction()
}
