//! The least version that a service needs, looked at where a transaction begins.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::postgres::identifier::Literal;
use crate::{Binding, FenceRefusal, Purpose, StrategyError};

/// What a transaction that serves a tenant requires of the version of its data.
///
/// It is a statement of the message that begins. It rests on nothing that the session has prepared: the function may not be there
/// when the session is made.
#[derive(Clone)]
pub(in crate::postgres) struct Requirement(String);

impl Requirement {
    /// Nothing is required without a minimum, and of a transaction that administers the tenant: its data is read out whatever version
    /// it has.
    pub(in crate::postgres) fn new(binding: &Binding<'_>, minimum: Option<i64>) -> Option<Self> {
        let minimum = minimum.filter(|_| binding.purpose() == Purpose::Serve)?;
        Some(Self(statement(binding.id().as_str(), minimum)))
    }

    /// The statement.
    pub(in crate::postgres) fn statement(&self) -> &str {
        &self.0
    }
}

fn statement(name: &str, minimum: i64) -> String {
    format!("select tenancy_versions.tenancy_require({}, {minimum})", Literal(name))
}

/// Whether the tables that tenants share have at least this version, as any role finds it. What is not recorded has not.
pub(in crate::postgres) async fn have_shared(
    connection: &mut PgConnection,
    minimum: i64,
) -> Result<bool, StrategyError> {
    let required = sqlx::raw_sql(AssertSqlSafe(statement("", minimum)))
        .execute(connection)
        .await;
    match required {
        Ok(_) => Ok(true),
        Err(error) if is_behind(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether the server says that the data is behind, or that nothing has been recorded in the database yet.
pub(in crate::postgres) fn is_behind(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    // There is no such schema, or no such function in it.
    code.is_some_and(|code| code == FenceRefusal::Behind.sqlstate() || code == "3F000" || code == "42883")
}
