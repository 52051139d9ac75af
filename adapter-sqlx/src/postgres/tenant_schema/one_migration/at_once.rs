//! A migration whose text is plain, with all that belongs to it, as a part of a message.

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
/// where a migration needs no look at what it does, because its text is [plain](crate::postgres::tenant_schema::outside::plain), there is one message for all.
///
/// It is a transaction as any other. If one statement fails the server runs none of those behind it, and what stood before is undone.
pub(in crate::postgres::tenant_schema) struct AtOnce<'m> {
    pub(in crate::postgres::tenant_schema) migration: &'m Migration,
    /// What sets the session up, before the transaction begins.
    pub(in crate::postgres::tenant_schema) clean: String,
    pub(in crate::postgres::tenant_schema) clock: Clock,
    /// The statement of the row in the ledger.
    pub(in crate::postgres::tenant_schema) row: String,
    /// The statement of the version; empty if none is recorded.
    pub(in crate::postgres::tenant_schema) record: String,
}

impl AtOnce<'_> {
    /// Runs it. The connection may be in a transaction that has failed if the future is dropped.
    pub(in crate::postgres::tenant_schema) async fn run(&self, connection: &mut PgConnection) -> Result<(), Failure> {
        match run_all(String::new(), std::slice::from_ref(self), String::new(), connection).await {
            Ok(_) => Ok(()),
            Err(Stopped {
                error,
                at: At::Migration(_),
            }) => Err(Failure::Migration(self.failed(error))),
            Err(_) => Err(Failure::Behind),
        }
    }

    /// The migration's error.
    pub(in crate::postgres::tenant_schema) fn failed(&self, error: sqlx::Error) -> StrategyError {
        explained(MigrateError::ExecuteMigration(error, self.migration.version))
    }

    /// What stands before the migration's own text, and what stands behind it.
    fn around(&self) -> (String, String) {
        let Self { clean, row, record, .. } = self;
        let begun = match self.clock {
            Clock::Message => String::new(),
            Clock::Own => format!("; {}", Clock::BEGUN),
        };
        let before = format!("{clean}; begin{begun}");
        // The search path is another behind it, so that names mean what they say.
        let behind = format!("set local search_path = pg_catalog, pg_temp; {row}; {record}; commit");
        (before, behind)
    }
}

/// From when on it is counted how long a migration runs.
#[derive(Clone, Copy)]
pub(in crate::postgres::tenant_schema) enum Clock {
    /// From when the message came. It is the same for all in it.
    Message,
    /// From when its transaction began, where others stand before it.
    Own,
}

impl Clock {
    const BEGUN: &'static str = "select pg_catalog.set_config('tenancy.begun', extract(epoch from pg_catalog.clock_timestamp())::pg_catalog.text, true)";

    /// How long it has run, in nanoseconds, when its row is written. The statement of which the server speaks is the message.
    pub(in crate::postgres::tenant_schema) const fn elapsed(self) -> &'static str {
        match self {
            Self::Message => {
                "(extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.statement_timestamp()) * 1000000000)::pg_catalog.int8"
            }
            Self::Own => {
                "((extract(epoch from pg_catalog.clock_timestamp()) - pg_catalog.current_setting('tenancy.begun')::pg_catalog.numeric) \
                * 1000000000)::pg_catalog.int8"
            }
        }
    }
}

/// What has failed, and is undone.
pub(in crate::postgres::tenant_schema) enum Failure {
    /// The migration.
    Migration(StrategyError),
    /// Its row, its version or its end.
    Behind,
}

/// Where a message has ended early.
pub(in crate::postgres::tenant_schema) enum At {
    /// Before the first migration.
    Before,
    /// In the migration of this place.
    Migration(usize),
    /// Behind one, in what belongs to it.
    Behind,
    /// Behind all of them.
    End,
}

/// Why a message has ended early, and where. Nothing is open any more.
pub(in crate::postgres::tenant_schema) struct Stopped {
    pub(in crate::postgres::tenant_schema) error: sqlx::Error,
    pub(in crate::postgres::tenant_schema) at: At,
}

/// Runs all of them as one message, behind some statements and before others.
pub(in crate::postgres::tenant_schema) async fn run_all(
    before: String,
    migrations: &[AtOnce<'_>],
    end: String,
    connection: &mut PgConnection,
) -> Result<(), Stopped> {
    let mut message = before;
    // So many statements have ended when a part has.
    let mut parts = vec![(statements(&message).len(), At::Before)];
    let mut count = parts.iter().map(|(count, _)| count).sum::<usize>();
    for (place, one) in migrations.iter().enumerate() {
        let ((before, behind), sql) = (one.around(), one.migration.sql.as_str());
        count += statements(&before).len() + statements(sql).len();
        parts.push((count, At::Migration(place)));
        count += statements(&behind).len();
        parts.push((count, At::Behind));
        // The last line of a migration may be a comment.
        message.push_str(&format!("; {before};\n{sql}\n; {behind}"));
    }
    message.push_str("; ");
    message.push_str(&end);
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
    let at = parts.into_iter().find(|(count, _)| ended < *count);
    Err(Stopped {
        error,
        at: at.map_or(At::End, |(_, at)| at),
    })
}
