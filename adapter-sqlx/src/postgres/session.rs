//! The text that begins a transaction.

use std::fmt::Write as _;

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::identifier::{Literal, PgIdentifier};
use crate::Mode;
use crate::strategy_transaction::Left;

/// Ends what may be open. Without a transaction a `ROLLBACK` alone would be warned of.
const END: &str = "begin; rollback; ";

/// Ends what is open. After an error in it nothing else is taken.
const END_OPEN: &str = "rollback; ";

/// Asked before the session is clean, so by names that no search path changes. Locks belong to no transaction.
const UNLOCK: &str = "select pg_catalog.pg_advisory_unlock_all()";

/// Takes away what an earlier transaction may have left in the session.
///
/// It stands before each `BEGIN` in the same message, and not after each transaction: so it costs no
/// round trip, and holds behind a pooler, where whoever releases a connection does not know who gets it.
/// It is a transaction of its own, so that a `ROLLBACK` later does not bring anything back. It is not
/// `DISCARD ALL`, which would take prepared statements too, and sqlx would not know.
const RESET: &str = "begin; reset session authorization; reset all; close all; unlisten *; discard sequences; \
    discard temp; commit; ";

/// For connections that keep no statements prepared. sqlx names each statement even so and never closes it:
/// they would pile up, and behind a pooler two of one name would meet.
const FORGET_PREPARED: &str = "deallocate all; ";

/// One message that leaves a clean session in a transaction.
pub(super) struct BeginText {
    mode: Mode,
    condition: String,
    forget: &'static str,
    begin: String,
}

impl BeginText {
    pub(super) fn new(mode: Mode) -> Self {
        let begin = match mode {
            Mode::ReadWrite => "begin read write",
            Mode::ReadOnly => "begin read only",
        };
        Self {
            mode,
            condition: String::new(),
            forget: "",
            begin: begin.to_owned(),
        }
    }

    /// Refuses to begin where there is no such schema: a search path skips those without a word.
    ///
    /// It is asked while no transaction is open, so that the session is idle after the error, and together
    /// with the locks: a `SELECT` is the dearest of these statements.
    pub(super) fn require_schema(mut self, schema: &PgIdentifier) -> Self {
        let quoted = schema.to_string();
        self.condition = format!(", {}::pg_catalog.regnamespace", Literal(&quoted));
        self
    }

    /// Drops the session's prepared statements, of which sqlx must not know any.
    pub(super) const fn forget_prepared(mut self) -> Self {
        self.forget = FORGET_PREPARED;
        self
    }

    /// Sets a setting until the transaction ends. Both texts are SQL already.
    pub(super) fn set(mut self, setting: &str, value: impl std::fmt::Display) -> Self {
        // Writing into a text does not fail.
        let _ = write!(self.begin, "; set local {setting} = {value}");
        self
    }

    pub(super) const fn mode(&self) -> Mode {
        self.mode
    }

    /// The message for a session that the last transaction has left so.
    pub(super) fn after(&self, left: Left) -> SqlStr {
        let end = match left {
            Left::Ended => END,
            Left::Open => END_OPEN,
        };
        let Self {
            condition,
            forget,
            begin,
            ..
        } = self;
        AssertSqlSafe(format!("{end}{UNLOCK}{condition}; {RESET}{forget}{begin}")).into_sql_str()
    }
}
