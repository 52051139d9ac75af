//! A tenant's schema, made and migrated in one transaction.

use sqlx::migrate::{Migrate, Migrator};
use sqlx::{AssertSqlSafe, PgConnection};

use super::identifier::{Literal, PgIdentifier};
use crate::StrategyError;

/// What a tenant's schema is to be.
pub(super) struct Provisioning<'p> {
    pub(super) schema: &'p PgIdentifier,
    pub(super) search_path: &'p str,
    pub(super) application: &'p PgIdentifier,
    pub(super) migrations: Option<&'p Migrator>,
    /// Whether Citus is to place the schema on one of its workers.
    pub(super) is_sharded: bool,
}

impl Provisioning<'_> {
    /// Makes it. The caller's transaction holds all of it, or nothing.
    ///
    /// Says whether tables may look otherwise now than they did before.
    pub(super) async fn run(&self, transaction: &mut PgConnection) -> Result<bool, StrategyError> {
        lock(transaction, self.schema).await?;
        let quoted = self.schema.to_string();
        let was_there: bool = sqlx::query_scalar("select to_regnamespace($1) is not null")
            .bind(quoted)
            .fetch_one(&mut *transaction)
            .await?;
        if self.is_sharded {
            let sharded = "set local citus.enable_schema_based_sharding = on";
            execute(transaction, sharded.to_owned()).await?;
        }
        execute(transaction, self.schema_sql()).await?;
        let Some(migrations) = self.migrations else {
            execute(transaction, self.tables_sql()).await?;
            return Ok(false);
        };
        let table = &*migrations.table_name;
        transaction.ensure_migrations_table(table).await?;
        let before = transaction.list_applied_migrations(table).await?.len();
        if before == 0 {
            execute(transaction, self.tables_sql()).await?;
        }
        // Else the application could say which migrations have run.
        let hidden = format!("revoke all on table {table} from {}", self.application);
        execute(transaction, hidden).await?;
        // Hidden in sqlx's documentation, and there for this: the future of `run` is not known to be `Send`.
        migrations.run_direct(None, &mut *transaction, false).await?;
        // A migration may have changed where names are looked up.
        execute(transaction, self.search_path_sql()).await?;
        let after = transaction.list_applied_migrations(table).await?.len();
        Ok(was_there && after > before)
    }

    /// The schema, and what the application may do with tables that migrations will make.
    fn schema_sql(&self) -> String {
        let Self {
            schema, application, ..
        } = self;
        format!(
            "create schema if not exists {schema};
revoke all on schema {schema} from public, {application};
grant usage on schema {schema} to {application};
alter default privileges in schema {schema} grant select, insert, update, delete on tables to {application};
alter default privileges in schema {schema} grant usage on sequences to {application};
{}",
            self.search_path_sql()
        )
    }

    /// For tables that were there before. Not once migrations have run: one may have taken a right away.
    fn tables_sql(&self) -> String {
        let Self {
            schema, application, ..
        } = self;
        format!(
            "grant select, insert, update, delete on all tables in schema {schema} to {application};
grant usage on all sequences in schema {schema} to {application}"
        )
    }

    fn search_path_sql(&self) -> String {
        format!("set local search_path = {}", self.search_path)
    }
}

/// One at a time for each schema, until the transaction ends. PostgreSQL's `if not exists` is none against
/// another that does the same at the same time.
async fn lock(transaction: &mut PgConnection, schema: &PgIdentifier) -> Result<(), StrategyError> {
    let lock = format!("select pg_advisory_xact_lock({})", lock_key(schema));
    execute(transaction, lock).await
}

/// The SQL of the advisory lock's number, under which a schema is provisioned and removed.
pub(super) fn lock_key(schema: &PgIdentifier) -> String {
    format!("pg_catalog.hashtextextended({}, 0)", Literal(schema.as_str()))
}

async fn execute(transaction: &mut PgConnection, sql: String) -> Result<(), StrategyError> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(transaction).await?;
    Ok(())
}
