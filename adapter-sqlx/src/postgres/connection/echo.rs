//! How an answer is known to be that to a message.

use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::postgres::identifier::Literal;

/// A text that a message requests back in its answer, and no other message does.
///
/// # Security
///
/// sqlx counts the answers that are to come, but not those to a `COPY`: after one that failed, or was not read to its
/// end, it takes each answer for that to the statement after. The next tenant would read the last one's rows.
pub(in crate::postgres) struct Echo(String);

impl Echo {
    pub(in crate::postgres) fn new() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(format!("tenancy {}", LAST.fetch_add(1, Ordering::Relaxed)))
    }

    /// The text in SQL.
    pub(in crate::postgres) fn literal(&self) -> String {
        Literal(&self.0).to_string()
    }

    /// A statement that returns it.
    pub(in crate::postgres) fn statement(&self) -> String {
        format!("select null, null, {}", Literal(&self.0))
    }

    /// Whether these rows are in the answer to its message.
    pub(in crate::postgres) fn is_in(&self, rows: &[PgRow]) -> bool {
        let has_echo = |row: &PgRow| row.try_get::<&str, _>(2).is_ok_and(|text| text == self.0);
        rows.iter().any(has_echo)
    }
}
