//! Writes what differs, in one transaction.

use sqlx::{AssertSqlSafe, PgConnection};

use super::difference::Change;
use crate::StrategyError;
use crate::postgres::attempts::{Attempts, LockTimeout};
use crate::postgres::execute::execute;
use crate::postgres::identifier::Literal;
use crate::postgres::row::row_tables::PgRowTables;
use crate::postgres::row::verify::{PgFault, PgFinding, PgReport};
use crate::transaction::begin::begin_lent;

/// How names are looked up, and written out.
pub(in crate::postgres::row) const PIN: &str =
    "set local search_path = pg_catalog, pg_temp; set local quote_all_identifiers = off";

/// The settings that this changes.
pub(in crate::postgres::row) const SETTINGS: &str = "select pg_catalog.current_setting('search_path'),
    pg_catalog.current_setting('quote_all_identifiers'), pg_catalog.current_setting('lock_timeout')";

pub(in crate::postgres::row) const SET: &str = "select pg_catalog.set_config('search_path', $1, true),
    pg_catalog.set_config('quote_all_identifiers', $2, true), pg_catalog.set_config('lock_timeout', $3, true)";

/// One at a time in each database: PostgreSQL's own checks for what exists do not wait for others.
const ONE_AT_A_TIME: &str = "select pg_advisory_xact_lock(hashtextextended('tenancy: policies', 0))";

impl PgRowTables {
    /// Makes the tables as declared, as their owner. It looks first, and writes only what differs: if nothing does, it
    /// takes no lock and writes nothing.
    ///
    /// A table or sequence that nobody has been granted anything on, and a schema likewise, is opened to the application,
    /// as [`PgTableGrants`](crate::PgTableGrants) says. Beyond that it neither grants nor revokes. Roles that the
    /// policies name already stay in them. What it cannot decide it leaves, and [`verify`](Self::verify) finds it.
    ///
    /// Each attempt waits for a lock for 2 seconds, so that the table's readers do not wait for longer; there are 10
    /// attempts. All of an attempt is one transaction, or a savepoint within the connection's.
    ///
    /// A column that may be null is read once, to see that it never is. If the table is large, let a migration add a
    /// `check (tenant_id is not null) not valid` and validate it: the table is not read then.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, close the connection: it may be left inside a transaction.
    ///
    /// # Errors
    ///
    /// If the database refuses it, or other sessions hold locks in every attempt. Nothing is changed then.
    pub async fn apply(&self, connection: &mut PgConnection) -> Result<(), StrategyError> {
        self.require_administrator("apply the declaration of tables")?;
        let wait = LockTimeout::default();
        let mut attempts = Attempts::new(wait);
        loop {
            let mut object = String::new();
            match self.apply_once(connection, wait, &mut object).await {
                Ok(()) => return Ok(()),
                Err(error) => attempts.again(&object, error).await?,
            }
        }
    }

    async fn apply_once(
        &self,
        connection: &mut PgConnection,
        wait: LockTimeout,
        object: &mut String,
    ) -> Result<(), StrategyError> {
        let mut tx = begin_lent(connection, None).await?;
        // A savepoint's settings outlive it.
        let before: (String, String, String) = sqlx::query_as(SETTINGS).fetch_one(&mut *tx).await?;
        self.write_what_differs(&mut tx, wait, object).await?;
        let (path, quote, timeout) = before;
        let set = sqlx::query(SET).bind(path).bind(quote).bind(timeout);
        set.execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    /// Within the caller's transaction, whose search path and lock time-out are then its own. `object` becomes the name
    /// of what is changed at the moment, for the error.
    pub(in crate::postgres::row) async fn write_what_differs(
        &self,
        tx: &mut PgConnection,
        wait: LockTimeout,
        object: &mut String,
    ) -> Result<(), StrategyError> {
        "the declared tables".clone_into(object);
        let settings = format!("{PIN}; set local lock_timeout = {}", Literal(&wait.setting()));
        execute(tx, settings).await?;
        self.require_cluster(tx).await?;
        if self.differences(tx).await?.is_empty() {
            return Ok(());
        }
        execute(tx, ONE_AT_A_TIME.to_owned()).await?;
        // Somebody else may have written it while this waited.
        for change in self.differences(tx).await? {
            *object = change.object;
            // One in a message: Citus sends several to its workers as they came.
            for statement in change.statements {
                execute(tx, statement).await.map_err(without_tenant)?;
            }
        }
        Ok(())
    }

    /// Fails if the tables are declared for a cluster, and this is none or one of its workers.
    pub(in crate::postgres::row) async fn require_cluster(&self, tx: &mut PgConnection) -> Result<(), StrategyError> {
        let no_cluster = self.no_cluster(tx).await?;
        if no_cluster.is_empty() {
            return Ok(());
        }
        Err(PgReport::new(no_cluster).into())
    }

    async fn differences(&self, tx: &mut PgConnection) -> Result<Vec<Change>, StrategyError> {
        let schemas = self.ungranted_schemas(tx).await?;
        let found = self.look(tx).await?;
        let views = self.ungranted_views(tx).await?;
        let opened = schemas.iter().map(|schema| self.schema_change(schema));
        let shown = views.iter().map(|view| self.view_change(view));
        // Behind the tables' own: a distributed table takes no default, and no policy with a sub-select.
        let distributed = self.distribution_change(tx).await?;
        let changes = self.changes(&found).into_iter().chain(distributed);
        Ok(opened.chain(changes).chain(shown).collect())
    }

    async fn distribution_change(&self, tx: &mut PgConnection) -> Result<Option<Change>, StrategyError> {
        let Some(asked) = self.citus().and_then(|citus| citus.is_local_sql(self.tables())) else {
            return Ok(None);
        };
        let is_local: bool = sqlx::query_scalar(AssertSqlSafe(asked)).fetch_one(tx).await?;
        Ok(self.distribution_sql().filter(|_| is_local).map(|statement| Change {
            object: "the tables that are distributed".to_owned(),
            statements: vec![statement],
        }))
    }
}

/// Rows without a tenant keep the column from being made not null. That is a finding like others, which says what to do.
fn without_tenant(error: sqlx::Error) -> StrategyError {
    const NOT_NULL: &str = "23502";
    match error
        .as_database_error()
        .and_then(|refused| refused.table().zip(refused.code()))
    {
        Some((table, code)) if code == NOT_NULL => {
            let finding = PgFinding::new(PgFault::ColumnNullable, table.to_owned(), String::new());
            PgReport::new(vec![finding]).into()
        }
        _ => error.into(),
    }
}
