//! The adoption: what it does in which order.

use std::time::Instant;

use sqlx::PgConnection;
use tenancy_core::names::TenantId;

use super::error::AdoptError;
use super::keys::Remade;
use super::report::PgAdoption;
use crate::StrategyError;
use crate::postgres::attempts::{Attempts, LockTimeout};
use crate::postgres::execute::execute;
use crate::postgres::row::policies::guard::{PIN, SET, SETTINGS};
use crate::postgres::row::row_tables::PgRowTables;
use crate::postgres::row::verify::Filter;
use crate::transaction::begin::begin_lent;

/// A savepoint's settings outlive it, so the caller's come back: search path, quoting, and lock time-out.
type Settings = (String, String, String);

/// Objects are named as the caller would name them. Nothing stands in front of the catalog.
const LOOK_AS_CALLER: &str = "select pg_catalog.set_config('search_path', pg_catalog.concat_ws(', ', 'pg_catalog',
    nullif(pg_catalog.current_setting('search_path'), '')), true)";

const ONE_AT_A_TIME: &str = "select pg_advisory_xact_lock(hashtextextended('tenancy: adoption', 0))";

/// What is left to do.
struct Plan {
    columns: String,
    foreign_keys: Vec<Remade>,
    keys: Vec<Remade>,
    rights: Vec<String>,
}

impl Plan {
    /// Whether no column and no key is left to change, for which the tables must be locked.
    const fn is_adopted(&self) -> bool {
        self.columns.is_empty() && self.foreign_keys.is_empty() && self.keys.is_empty()
    }

    fn rights_sql(&self) -> String {
        self.rights.iter().map(|statement| format!("{statement};\n")).collect()
    }
}

impl PgRowTables {
    /// The SQL that makes the declared tables, which have no tenants yet, tables that tenants share: to read, and
    /// to put into a migration. All rows that are there become the first tenant's.
    ///
    /// In this order: the tables are locked; the tenant's column is added and filled; foreign keys between the tables
    /// are dropped; primary keys, unique constraints and unique indexes are made anew with the column in front, under
    /// the names that they had; the foreign keys are added again with it; then come the policies, as of
    /// [`sql`](Self::sql), and rights: the application gets the declared ones where it lacks them, and nobody keeps any
    /// to partitions. On tables that have been adopted only the policies are left, which change nothing.
    ///
    /// A table that lacks the column gets it with a constant default, which writes no row and starts no trigger. Where
    /// other declared tables have their tenants already, the rows of a table get the tenant of the rows that they refer to
    /// by a foreign key. Triggers and rules are disabled while rows are written, and enabled again as they were.
    ///
    /// It must run in one transaction, as the tables' owner. Times, locks, and how large tables are adopted in stages are
    /// in `docs/adopting.md`.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, close the connection: it may be left inside a transaction.
    ///
    /// # Errors
    ///
    /// [`Refused`](AdoptError::Refused) names everything that it cannot decide at once: inheritance, exclusion
    /// constraints, foreign keys from tables that are not declared (see
    /// [`with_referring_tables`](Self::with_referring_tables)), `MATCH FULL` over several columns, `ON UPDATE SET NULL`,
    /// views that depend on a key, invalid indexes, a column of another type, tables of migration tools, and others.
    pub async fn adoption_sql(&self, first: &TenantId, connection: &mut PgConnection) -> Result<String, AdoptError> {
        self.require_adoptable(first)?;
        let mut tx = begin_lent(connection, None).await?;
        let plan = self.plan(first, &mut tx).await?;
        tx.rollback().await?;
        Ok(if plan.is_adopted() {
            self.sql() + &plan.rights_sql()
        } else {
            self.script(&plan)
        })
    }

    /// Runs the [adoption's SQL](Self::adoption_sql), in one transaction and one process at a time, and returns what is
    /// left to look at.
    ///
    /// It looks before it locks. On tables that have been adopted it takes no lock, and writes only policies that differ.
    /// Otherwise it locks all declared tables at first, waits for that for 2 seconds at most, and tries again up to 10
    /// times, so that nobody waits behind it for longer. Then the tables are its own until it commits.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, close the connection: it may be left inside a transaction.
    ///
    /// # Errors
    ///
    /// As there, and if the database refuses it, or other sessions hold locks in every attempt. Nothing is changed then.
    pub async fn adopt(&self, first: &TenantId, connection: &mut PgConnection) -> Result<PgAdoption, AdoptError> {
        self.require_adoptable(first)?;
        let wait = LockTimeout::default();
        let mut attempts = Attempts::new(wait);
        loop {
            match self.adopt_once(first, connection, wait).await {
                Err(AdoptError::Database(error)) => {
                    attempts
                        .again("the declared tables", StrategyError::Database(error))
                        .await?;
                }
                done => return done,
            }
        }
    }

    async fn adopt_once(
        &self,
        first: &TenantId,
        connection: &mut PgConnection,
        wait: LockTimeout,
    ) -> Result<PgAdoption, AdoptError> {
        // What others commit while this waits for a lock must be seen afterwards.
        let mut tx = begin_lent(connection, Some("begin isolation level read committed")).await?;
        let before: Settings = sqlx::query_as(SETTINGS).fetch_one(&mut *tx).await?;
        execute(&mut tx, wait.sql()).await?;
        self.require_to_see_all(&mut tx).await?;
        let mut plan = self.plan(first, &mut tx).await?;
        let has_changed = !plan.is_adopted();
        if has_changed {
            self.lock_all(&mut tx, wait).await?;
            self.require_to_see_all(&mut tx).await?;
            plan = self.plan(first, &mut tx).await?;
            // Functions in indexes run on the caller's search path.
            let script = execute(&mut tx, self.script(&plan)).await;
            script.map_err(|error| AdoptError::of_rows(error, self.tables().len()))?;
        }
        self.write_what_differs(&mut tx, wait, &mut String::new()).await?;
        execute(&mut tx, plan.rights_sql()).await?;
        let warnings = self.adoption_warnings(&mut tx).await?;
        let report = self.verify_catalog(&mut tx).await?;
        restore(&mut tx, &before).await?;
        tx.commit().await?;
        let report = report.and(self.shards(connection).await?);
        Ok(PgAdoption {
            has_changed,
            warnings,
            report,
        })
    }

    fn require_adoptable(&self, first: &TenantId) -> Result<(), AdoptError> {
        if !self.is_canonical(first) {
            return Err(AdoptError::NotCanonical { tenant: first.clone() });
        }
        Ok(self.require_administrator("adopt tables")?)
    }

    async fn require_to_see_all(&self, tx: &mut PgConnection) -> Result<(), AdoptError> {
        match self.filter_of_connection(tx).await? {
            Some(Filter { role, table, .. }) => Err(AdoptError::AdministratorFiltered { role, table }),
            None => Ok(()),
        }
    }

    /// Looks at what is left to do. The caller's settings are as they were afterwards.
    async fn plan(&self, first: &TenantId, tx: &mut PgConnection) -> Result<Plan, AdoptError> {
        let before: Settings = sqlx::query_as(SETTINGS).fetch_one(&mut *tx).await?;
        self.require_cluster(tx).await?;
        execute(tx, format!("{LOOK_AS_CALLER}; set local jit = off")).await?;
        if let Some(refused) = AdoptError::refused(self.adoption_refusals(tx).await?) {
            return Err(refused);
        }
        execute(tx, PIN.to_owned()).await?;
        let plan = Plan {
            columns: self.columns_sql(first, tx).await?,
            foreign_keys: self.foreign_keys_to_remake(tx).await?,
            keys: self.keys_to_remake(tx).await?,
            rights: self.rights_sql(tx).await?,
        };
        restore(tx, &before).await?;
        Ok(plan)
    }

    /// Locks the tables, and waits no longer for all of them together: those that it has are nobody else's meanwhile.
    async fn lock_all(&self, tx: &mut PgConnection, wait: LockTimeout) -> Result<(), sqlx::Error> {
        execute(tx, ONE_AT_A_TIME.to_owned()).await?;
        let begun = Instant::now();
        for table in self.sorted_tables() {
            let left = LockTimeout(wait.0.saturating_sub(begun.elapsed()));
            execute(
                tx,
                format!("{}; lock table {table} in access exclusive mode", left.sql()),
            )
            .await?;
        }
        execute(tx, wait.sql()).await
    }

    /// In the order of names, so that two who lock them do not wait for each other.
    fn sorted_tables(&self) -> Vec<String> {
        let mut tables: Vec<String> = self.tables().iter().map(ToString::to_string).collect();
        tables.sort();
        tables
    }

    fn lock_sql(&self) -> String {
        format!(
            "lock table {} in access exclusive mode;\n",
            self.sorted_tables().join(", ")
        )
    }

    fn script(&self, plan: &Plan) -> String {
        // What is deferred would be in the way of every statement.
        let mut sql = format!("set constraints all immediate;\n{}{}", self.lock_sql(), plan.columns);
        let removals = [&plan.foreign_keys, &plan.keys]
            .into_iter()
            .flatten()
            .map(|one| &one.removal);
        let additions = [&plan.keys, &plan.foreign_keys]
            .into_iter()
            .flatten()
            .map(|one| &one.addition);
        for statement in removals.chain(additions) {
            sql.push_str(statement);
            sql.push_str(";\n");
        }
        sql + &self.sql() + &plan.rights_sql()
    }
}

async fn restore(tx: &mut PgConnection, before: &Settings) -> Result<(), sqlx::Error> {
    let (path, quote, timeout) = before;
    let set = sqlx::query(SET).bind(path).bind(quote).bind(timeout);
    set.execute(tx).await?;
    Ok(())
}
