//! Rows of many tenants in shared tables.

mod attempts;
mod difference;
mod guard;
mod look;
mod migrations;
mod options;
mod policies;
mod spelling;
mod sql;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

pub use options::PgRowOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Postgres};
use tenancy_core::{StrategyName, TenantId, TenantRecord};

use super::identifier::Literal;
use super::row_schema::PgRowSchema;
use super::session::BeginText;
use super::session_pins::SessionPins;
use super::sessions::Sessions;
use super::table::PgTenantTable;
use crate::{
    AcrossTenants, Binding, IsolationStrategy, Mode, Removal, StrategyError, StrategyFuture, StrategyTransaction,
};

/// The strategy `row`: tenants share tables, and row-level security shows each its own rows.
///
/// - A forgotten `WHERE` reads, updates or deletes the tenant's own rows only.
/// - An `INSERT` may leave the tenant's column out; it is filled in. One that names another tenant is an
///   error, and so is an `UPDATE` that gives a row away.
/// - Without a tenant there are no rows, and an `INSERT` is an error.
///
/// Two roles share the work. The application's is neither superuser nor owner. The administrator's owns
/// the tables, migrates them and sees every tenant, on connections of its own.
///
/// # Session state
///
/// What a transaction leaves in its session is taken away before the next one begins: settings, roles,
/// cursors, temporary tables, sequences' last values, `LISTEN`, advisory locks. A session's advisory lock
/// is therefore held until the connection is used again: prefer `pg_advisory_xact_lock`.
///
/// # Security
///
/// This guards against mistakes, not against hostile SQL: whoever can run SQL of his own can set the
/// tenant. Give tenants who bring their own SQL the strategy `database`.
///
/// A unique or foreign key without the tenant's column tells of other tenants' rows: start each with it.
pub struct PgRowStrategy {
    schema: PgRowSchema,
    /// What each transaction sets, where the session cannot be trusted to have it: behind a pooler.
    pins: Option<SessionPins>,
    application: Sessions,
    administrator: Sessions,
}

impl PgRowStrategy {
    /// The name under which records choose this strategy.
    pub const NAME: &'static str = "row";

    /// Describes the database: the tables, how the application connects, and how the administrator does.
    #[must_use]
    pub fn options(
        schema: PgRowSchema,
        application: PgConnectOptions,
        administrator: PgConnectOptions,
    ) -> PgRowOptions {
        PgRowOptions::new(schema, application, administrator)
    }
}

impl PgRowStrategy {
    /// In one transaction. A table whose rows others refer to waits until those are gone.
    async fn remove_rows(&self, tenant: &TenantId) -> Result<(), StrategyError> {
        if !self.schema.is_canonical(tenant) {
            return Err(StrategyError::NotCanonical { tenant: tenant.clone() });
        }
        let mut connection = self.administrator.pool().acquire().await?;
        connection.close_on_drop();
        let mut tx = connection.begin().await?;
        let mut left: Vec<&PgTenantTable> = self.schema.tables().iter().collect();
        while !left.is_empty() {
            let (before, mut refused) = (left.len(), None);
            let mut referred = Vec::new();
            for table in left {
                match remove_rows_of(&mut tx, table, tenant).await {
                    Ok(()) => {}
                    Err(error) if is_referred_to(&error) => {
                        referred.push(table);
                        refused = Some(error);
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            left = referred;
            if let Some(error) = refused.filter(|_| left.len() == before) {
                return Err(error.into());
            }
        }
        Ok(tx.commit().await?)
    }
}

async fn remove_rows_of(tx: &mut PgConnection, table: &PgTenantTable, tenant: &TenantId) -> Result<(), sqlx::Error> {
    let mut savepoint = tx.begin().await?;
    let sql = format!(
        "delete from {table} where {} = {}::{}; set constraints all immediate",
        table.tenant_column(),
        Literal(tenant.as_str()),
        table.tenant_column_type().sql_type()
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *savepoint).await?;
    savepoint.commit().await
}

fn is_referred_to(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| error.is_foreign_key_violation())
}

impl IsolationStrategy<Postgres> for PgRowStrategy {
    fn name(&self) -> StrategyName {
        StrategyName::from_static(Self::NAME)
    }

    fn begin<'f>(&'f self, binding: Binding<'f>) -> StrategyFuture<'f, StrategyTransaction<Postgres>> {
        Box::pin(async move {
            if !self.schema.is_canonical(binding.id()) {
                return Err(StrategyError::NotCanonical {
                    tenant: binding.id().clone(),
                });
            }
            let tenant = Literal(binding.id().as_str());
            let mut text = BeginText::new(binding.mode());
            text = text.set(self.schema.setting().as_str(), tenant);
            if let Some(pins) = &self.pins {
                text = pins.set_in(text).forget_prepared();
            }
            Ok(self.application.begin(text).await?)
        })
    }

    fn provision<'f>(&'f self, tenant: &'f TenantRecord) -> StrategyFuture<'f, ()> {
        // The tables are there since the database was opened, and rows need no place to be made.
        Box::pin(async {
            if self.schema.is_canonical(&tenant.id) {
                Ok(())
            } else {
                Err(StrategyError::NotCanonical {
                    tenant: tenant.id.clone(),
                })
            }
        })
    }

    fn begin_across_tenants<'f>(&'f self, _: AcrossTenants) -> StrategyFuture<'f, StrategyTransaction<Postgres>> {
        Box::pin(async { Ok(self.administrator.begin(BeginText::new(Mode::ReadWrite)).await?) })
    }

    fn remove<'f>(&'f self, removal: Removal<'f>) -> StrategyFuture<'f, ()> {
        Box::pin(self.remove_rows(removal.id()))
    }

    fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            self.application.close().await;
            self.administrator.close().await;
        })
    }
}

impl fmt::Debug for PgRowStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgRowStrategy")
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}
