//! A tenant's schema, made and migrated in one transaction.

use sqlx::migrate::{Migrate, Migration, Migrator};
use sqlx::{AssertSqlSafe, PgConnection};

use super::outside::OutsideWatch;
use crate::StrategyError;
use crate::postgres::identifier::{Literal, PgIdentifier};

/// What a tenant's schema is to be.
pub(in crate::postgres) struct Provisioning<'p> {
    pub(in crate::postgres) schema: &'p PgIdentifier,
    pub(in crate::postgres) search_path: &'p str,
    pub(in crate::postgres) application: &'p PgIdentifier,
    pub(in crate::postgres) migrations: Option<&'p Migrator>,
    /// Whether Citus is to place the schema on one of its workers.
    pub(in crate::postgres) is_sharded: bool,
    pub(in crate::postgres) reach: Reach<'p>,
}

/// What migrations may change.
#[derive(Clone, Copy)]
pub(in crate::postgres) enum Reach<'p> {
    /// The schema, and what is everybody's in the shared ones: extensions, types and functions.
    Schema { shared: &'p [PgIdentifier] },
    /// All of the database: it is the tenant's.
    Database,
}

impl Provisioning<'_> {
    /// Makes it. The caller's transaction holds all of it, or nothing.
    ///
    /// Says whether tables may look otherwise now than they did before.
    pub(in crate::postgres) async fn run(&self, transaction: &mut PgConnection) -> Result<bool, StrategyError> {
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
        let ledger = self.ledger(migrations);
        let table = &*ledger.table_name;
        transaction.ensure_migrations_table(table).await?;
        if transaction.list_applied_migrations(table).await?.is_empty() {
            execute(transaction, self.tables_sql()).await?;
        }
        // Else the application could say which migrations have run.
        let hidden = format!("revoke all on table {table} from {}", self.application);
        execute(transaction, hidden).await?;
        Ok(self.migrate(transaction, &ledger).await? && was_there)
    }

    /// Runs what has not run yet, and refuses what reaches beyond the schema.
    ///
    /// Says whether anything has run.
    async fn migrate(&self, transaction: &mut PgConnection, ledger: &Migrator) -> Result<bool, StrategyError> {
        let applied = transaction.list_applied_migrations(&ledger.table_name).await?;
        let is_new = |migration: &&Migration| {
            let version = migration.version;
            !migration.migration_type.is_down_migration() && applied.iter().all(|applied| applied.version != version)
        };
        let last = applied.iter().map(|migration| migration.version).max();
        let has_new = ledger.iter().any(|migration| is_new(&migration));
        let watch = match self.reach {
            Reach::Schema { shared } if has_new => Some(OutsideWatch::begin(transaction, self.schema, shared).await?),
            Reach::Schema { .. } | Reach::Database => None,
        };
        // Hidden in sqlx's documentation, and there for this: the future of `run` is not known to be `Send`. It
        // compares what has run with what there is, and what comes after that is run one by one.
        let path = search_path(transaction).await?;
        ledger
            .run_direct(Some(last.unwrap_or(i64::MIN)), &mut *transaction, false)
            .await?;
        for migration in ledger.iter().filter(is_new).filter(|new| Some(new.version) > last) {
            transaction.apply(&ledger.table_name, migration).await?;
            self.restore_search_path(transaction, &path, migration.version).await?;
        }
        if let Some(watch) = watch {
            watch.end(transaction).await?;
            execute(transaction, self.search_path_sql()).await?;
        }
        Ok(has_new)
    }

    /// The next migration begins as the first did. In a schema one that changed the path named tables elsewhere.
    async fn restore_search_path(
        &self,
        transaction: &mut PgConnection,
        path: &str,
        version: i64,
    ) -> Result<(), StrategyError> {
        if search_path(transaction).await? == path {
            return Ok(());
        }
        match self.reach {
            Reach::Schema { .. } => Err(StrategyError::SearchPathChanged { version }),
            Reach::Database => execute(transaction, self.search_path_sql()).await,
        }
    }

    /// The migrations, with a ledger that is found whatever a migration does to the search path.
    fn ledger(&self, migrations: &Migrator) -> Migrator {
        let table = &*migrations.table_name;
        let table_name = if table.contains('.') {
            table.to_owned()
        } else {
            format!("{}.{table}", self.schema)
        };
        Migrator {
            migrations: migrations.migrations.clone(),
            create_schemas: migrations.create_schemas.clone(),
            table_name: table_name.into(),
            ..*migrations
        }
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
pub(in crate::postgres) fn lock_key(schema: &PgIdentifier) -> String {
    format!("pg_catalog.hashtextextended({}, 0)", Literal(schema.as_str()))
}

async fn search_path(transaction: &mut PgConnection) -> Result<String, StrategyError> {
    let asked = sqlx::query_scalar("select pg_catalog.current_setting('search_path')");
    Ok(asked.fetch_one(transaction).await?)
}

async fn execute(transaction: &mut PgConnection, sql: String) -> Result<(), StrategyError> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(transaction).await?;
    Ok(())
}
