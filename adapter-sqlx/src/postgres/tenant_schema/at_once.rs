//! A migration whose text is plain, with all that belongs to it, in one message.

use futures_util::TryStreamExt;
use sqlx::migrate::{MigrateError, Migration};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::StrategyError;
use crate::postgres::citus::several_statements::explained;
use crate::postgres::execute::execute;
use crate::statement::statements;

/// A migration that is run with its row in the ledger and its version, and committed, in one message.
///
/// Each answer of the server is waited for. Of a fleet's small migrations most of the time would go by between their statements: so
/// where a migration needs no look at what it does, because its text is [plain](super::plain), there is one message for all.
///
/// It is a transaction as any other. If one statement fails the server runs none of those behind it, and what stood before is undone.
pub(super) struct AtOnce<'m> {
    pub(super) migration: &'m Migration,
    /// What sets the session up, before the transaction begins.
    pub(super) clean: String,
    /// The statement of the row in the ledger.
    pub(super) row: String,
    /// The statement of the version; empty if none is recorded.
    pub(super) record: String,
}

impl AtOnce<'_> {
    /// How long the migration has run, in nanoseconds, when its row is written. The statement of which the server speaks is the message.
    pub(super) const ELAPSED: &'static str = "(extract(epoch from pg_catalog.clock_timestamp() \
        - pg_catalog.statement_timestamp()) * 1000000000)::pg_catalog.int8";

    /// Runs it. The connection may be in a transaction that has failed if the future is dropped.
    pub(super) async fn run(&self, connection: &mut PgConnection) -> Result<(), Failure> {
        let Self {
            migration,
            clean,
            row,
            record,
        } = self;
        let sql = migration.sql.as_str();
        let before = format!("{clean}; begin");
        // The last line of a migration may be a comment. The search path is another afterwards, so that names mean what they say.
        let message =
            format!("{before};\n{sql}\n; set local search_path = pg_catalog, pg_temp; {row}; {record}; commit");
        let of_migration = statements(&before).len() + statements(sql).len();
        let mut ended = 0;
        let run = async {
            let mut results = sqlx::raw_sql(AssertSqlSafe(message)).execute_many(&mut *connection);
            while results.try_next().await?.is_some() {
                ended += 1;
            }
            Ok(())
        };
        let Err(error) = run.await else {
            return Ok(());
        };
        // The connection may have ended, which is not what has failed.
        let _ = execute(connection, "rollback".to_owned()).await;
        if ended < of_migration {
            let error = MigrateError::ExecuteMigration(error, migration.version);
            return Err(Failure::Migration(explained(error)));
        }
        Err(Failure::Behind)
    }
}

/// What has failed, and is undone.
pub(super) enum Failure {
    /// The migration.
    Migration(StrategyError),
    /// Its row, its version or its end.
    Behind,
}
