//! The texts that begin a transaction.

use std::sync::Arc;

use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Sqlite};

use super::clean::CHECK;
use crate::fence::stored;
use crate::{Binding, Mode};

/// Fails unless the schema, from here on, is the one that was proved when the connection was made: the transaction has its lock or
/// its snapshot by now, and between the choice of the connection and this another process may have migrated.
const SAME_SCHEMA: &str = "update temp.tenancy_installed
    set main = iif(main = (select schema_version from pragma_schema_version), main, null)";

/// Whether [`SAME_SCHEMA`] has failed.
pub(super) fn is_schema_stale(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| error.message().contains("tenancy_installed.main"))
}

/// What a transaction writes into the table of the bound tenant.
#[derive(Clone, Copy, Debug)]
pub(super) enum Binds {
    /// The file is the tenant's own, and nobody asks.
    Nothing,
    /// The tenant, by which the views filter.
    Tenant,
    /// The tenant, and what a trigger judges it by: the fence, or the least version.
    Entrant,
}

/// How the transactions of one pool begin.
#[derive(Debug)]
pub(super) struct BeginTexts {
    begin: &'static str,
    binds: Binds,
    after_open: Arc<str>,
}

impl BeginTexts {
    pub(super) fn new(mode: Mode, binds: Binds) -> Self {
        let begin = match mode {
            Mode::ReadWrite => "begin immediate",
            Mode::ReadOnly => "begin",
        };
        let bind = match binds {
            Binds::Nothing => "",
            Binds::Tenant => "; insert into temp.tenancy_bound values (?1)",
            Binds::Entrant => "; insert into temp.tenancy_bound values (?1, ?2, ?3)",
        };
        let after_open = format!("rollback; delete from temp.tenancy_bound; {begin}; {CHECK}{bind}");
        Self {
            begin,
            binds,
            after_open: after_open.into(),
        }
    }

    /// For a connection of the pool, which was [clean](super::clean) when it came back.
    ///
    /// A tenant's id has neither quotes nor backslashes, and the statement takes no parameters.
    pub(super) fn after_end(&self, binding: &Binding<'_>) -> String {
        let (begin, id) = (self.begin, binding.id());
        match self.binds {
            Binds::Nothing => format!("{begin}; {SAME_SCHEMA}"),
            Binds::Tenant => format!("{begin}; {SAME_SCHEMA}; insert into temp.tenancy_bound values ('{id}')"),
            Binds::Entrant => format!(
                "{begin}; {SAME_SCHEMA}; insert into temp.tenancy_bound values ('{id}', {}, '{}')",
                stored(binding.tenant().epoch),
                binding.purpose().as_str(),
            ),
        }
    }

    /// For a connection whose last transaction is open still: ends that, clears the tenant, and looks at what it has left. It is
    /// prepared once for each connection.
    pub(super) fn after_open(&self, binding: &Binding<'_>) -> Query<'static, Sqlite, SqliteArguments> {
        let query = sqlx::query(AssertSqlSafe(Arc::clone(&self.after_open)));
        match self.binds {
            Binds::Nothing => query,
            Binds::Tenant => query.bind(binding.id().to_string()),
            Binds::Entrant => query
                .bind(binding.id().to_string())
                .bind(stored(binding.tenant().epoch))
                .bind(binding.purpose().as_str()),
        }
    }
}
