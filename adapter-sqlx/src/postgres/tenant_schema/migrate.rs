//! The migrations of a tenant that is provisioned, and nothing else.

use std::time::Duration;

use sqlx::migrate::Migrate;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::alike::{Alike, LastTenant};
use super::ledger::{Before, ledger_sql, of_rows, read_ledger};
use super::lock::{Look, lock_and_look};
use super::migrating::{Failed, Migrating};
use super::one_migration::at_once::{At, Stopped};
use super::one_migration::tried::Tried;
use super::provision::Provisioning;
use super::session::{Ran, Session};
use crate::postgres::citus::tenant_schemas::PlacedSchema;
use crate::postgres::execute::execute;
use crate::postgres::identifier::Literal;
use crate::postgres::versions::{self, Record};
use crate::strategy::ledger::judge;
use crate::transaction::begin::{BEGIN_WITH_LOCK_TIMEOUT, begin_lent};
use crate::{DataVersion, MigrateOptions, Migrated, StrategyError};

/// What there is of a tenant's schema.
struct Found {
    /// Whether the application was let in, which is the last step of provisioning.
    is_provisioned: bool,
    has_ledger: bool,
}

/// What has become of a tenant that was taken to be as the one before.
enum RunAlike {
    Done(Ran),
    /// It is otherwise, or something has failed: it is migrated step by step.
    Otherwise(Option<Tried>),
}

/// No table, or no schema, of this name.
const MISSING: [&str; 2] = ["42P01", "3F000"];

impl Provisioning<'_> {
    /// Runs what is new of the migrations, on a connection that holds the lock of the schema afterwards unless its session is
    /// [clean](Session::Clean).
    ///
    /// The lock is held for all of them, and what has run is read under it: a process that was paused and wakes finds what others
    /// have done meanwhile.
    pub(in crate::postgres) async fn migrate(
        &self,
        connection: &mut PgConnection,
        options: &MigrateOptions,
    ) -> Result<Ran, StrategyError> {
        let Some(migrations) = self.migrations else {
            return Ok(Ran {
                migrated: Migrated::default(),
                session: Session::Plain,
            });
        };
        let ledger = self.ledger(migrations);
        let migrating = Migrating {
            tenant: self.tenant,
            schema: self.schema,
            search_path: self.search_path,
            reach: self.reach,
            ledger: &ledger,
            options,
        };
        let tried = match self.run_alike(&migrating, connection).await.map_err(Failed::told)? {
            RunAlike::Done(ran) => return Ok(ran),
            RunAlike::Otherwise(tried) => tried,
        };
        let before = self.lock_and_read(connection, &ledger.table_name, options).await?;
        let found = self.last.map(|last| (last, before.clone()));
        let ran = migrating.run(before, tried, connection).await.map_err(Failed::told)?;
        // One that failed, or lacked nothing, says little of the next.
        if let Some((last, found)) = found.filter(|_| ran.migrated.ran > 0) {
            last.found(found);
        }
        if self.is_sharded {
            PlacedSchema(self.schema).refuse_tables_elsewhere(connection).await?;
        }
        Ok(ran)
    }

    /// Migrates it in one message, if it is as the tenant before.
    async fn run_alike(&self, migrating: &Migrating<'_>, connection: &mut PgConnection) -> Result<RunAlike, Failed> {
        let Some(before) = self.last.and_then(LastTenant::before) else {
            return Ok(RunAlike::Otherwise(None));
        };
        let Some((migrations, migrated)) = migrating.all_at_once(&before) else {
            return Ok(RunAlike::Otherwise(None));
        };
        let alike = Alike {
            schema: self.schema,
            application: self.application,
            ledger: &migrating.ledger.table_name,
            applied: &before.applied,
            migrations,
        };
        let session = match alike.run(connection).await {
            Ok(()) => Session::Clean,
            Err(Stopped { error, at }) => match at {
                At::Migration(place) => match alike.failed(place, error) {
                    Some((version, error)) => {
                        let tried = Tried::again(version, migrating.options, error)
                            .await
                            .map_err(|error| Failed::of_migration(version, error))?;
                        return Ok(RunAlike::Otherwise(Some(tried)));
                    }
                    None => return Ok(RunAlike::Otherwise(None)),
                },
                At::Before | At::Behind => return Ok(RunAlike::Otherwise(None)),
                // All has run, and is committed.
                At::End => Session::Unknown,
            },
        };
        Ok(RunAlike::Done(Ran { migrated, session }))
    }

    /// How the tenant stands by its ledger.
    pub(in crate::postgres) async fn version(
        &self,
        connection: &mut PgConnection,
    ) -> Result<DataVersion, StrategyError> {
        let Some(migrations) = self.migrations else {
            return Ok(DataVersion::not_provisioned());
        };
        let ledger = self.ledger(migrations);
        let found = self.find(connection, &ledger.table_name).await?;
        if !found.is_provisioned {
            return Ok(DataVersion::not_provisioned());
        }
        let applied = if found.has_ledger {
            read_ledger(connection, &ledger.table_name).await?
        } else {
            Vec::new()
        };
        Ok(judge(&applied, migrations))
    }

    /// Locks the schema, and reads under the lock what has run. One message, unless there is no ledger yet.
    async fn lock_and_read(
        &self,
        connection: &mut PgConnection,
        ledger: &str,
        options: &MigrateOptions,
    ) -> Result<Before, StrategyError> {
        let others = options.lock_timeout.saturating_mul(options.attempts.get());
        let others = others.max(Duration::from_millis(1));
        let (schema, application) = (Literal(self.schema.as_str()), Literal(self.application.as_str()));
        let was_made = self.last.is_some_and(LastTenant::has_record);
        let look = Look {
            expressions: format!(
                ", pg_catalog.has_schema_privilege({application}::pg_catalog.text::pg_catalog.name, {schema}, 'usage'), {}",
                versions::look_columns(was_made)
            ),
            query: ledger_sql(ledger),
        };
        match lock_and_look(connection, self.schema, others, &look).await {
            Ok(rows) => {
                let [found, applied @ ..] = rows.as_slice() else {
                    return Err(sqlx::Error::RowNotFound.into());
                };
                if !found.try_get::<bool, _>(1)? {
                    return Err(self.not_provisioned());
                }
                Ok(Before {
                    record: self.record(found)?,
                    applied: of_rows(applied)?,
                })
            }
            Err(StrategyError::Database(error)) if is_missing(&error) => {
                execute(connection, "rollback".to_owned()).await?;
                lock_and_look(connection, self.schema, others, &Look::default()).await?;
                let found = self.find(connection, ledger).await?;
                if !found.is_provisioned {
                    return Err(self.not_provisioned());
                }
                if !found.has_ledger {
                    self.make_ledger(connection, ledger).await?;
                }
                Before::read(connection, ledger).await
            }
            Err(error) => Err(error),
        }
    }

    /// Where a version is recorded, if nothing has to be made first.
    fn record(&self, found: &PgRow) -> Result<Option<Record>, sqlx::Error> {
        let record = Record::of_row(found, 2)?;
        if let (Some(last), Some(_)) = (self.last, record) {
            last.record_is_made();
        }
        Ok(record.filter(|_| !self.is_sharded))
    }

    async fn find(&self, connection: &mut PgConnection, ledger: &str) -> Result<Found, StrategyError> {
        let sql = "
select coalesce((select pg_catalog.has_schema_privilege($2::pg_catalog.text::pg_catalog.name, n.oid, 'usage')
        from pg_catalog.pg_namespace n where n.nspname = $1), false),
    pg_catalog.to_regclass($3) is not null";
        let found = sqlx::query_as(sql)
            .bind(self.schema.as_str())
            .bind(self.application.as_str())
            .bind(ledger);
        let (is_provisioned, has_ledger) = found.fetch_one(connection).await?;
        Ok(Found {
            is_provisioned,
            has_ledger,
        })
    }

    /// For a tenant whose tables were made before there were migrations.
    async fn make_ledger(&self, connection: &mut PgConnection, table: &str) -> Result<(), StrategyError> {
        let mut tx = begin_lent(connection, Some(BEGIN_WITH_LOCK_TIMEOUT)).await?;
        execute(&mut tx, format!("set local search_path = {}", self.search_path)).await?;
        tx.ensure_migrations_table(table).await?;
        execute(
            &mut tx,
            format!("revoke all on table {table} from {}", self.application),
        )
        .await?;
        Ok(tx.commit().await?)
    }

    fn not_provisioned(&self) -> StrategyError {
        match self.tenant {
            Some(tenant) => StrategyError::NotProvisioned { tenant: tenant.clone() },
            None => StrategyError::other(format!("the schema {} is not provisioned", self.schema)),
        }
    }
}

fn is_missing(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| MISSING.contains(&&*code))
}
