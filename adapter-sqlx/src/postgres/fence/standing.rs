//! Whether a database is fenced.

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row};

use crate::StrategyError;
use crate::postgres::identifier::{Literal, PgIdentifier};

/// Whether a database is fenced: it has the schema of the fence. It needs no right, and no other name is looked up.
const IS_FENCED: &str =
    "select exists (select from pg_catalog.pg_namespace where nspname operator(pg_catalog.=) 'tenancy_fence')";

/// Whether each role of an array may enter. It looks up no name of the fence, which a role without a right on it may not.
const MAY_ENTER: &str = "select coalesce(pg_catalog.bool_and(exists (
        select from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'tenancy_fence' and p.proname = 'tenancy_enter'
            and pg_catalog.has_schema_privilege(r.name, n.oid, 'usage')
            and pg_catalog.has_function_privilege(r.name, p.oid, 'execute'))), true) from pg_catalog.unnest(";

/// Whether the database is fenced.
pub(in crate::postgres) async fn is_fenced(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    is_fenced_after(connection, "").await
}

/// The same behind other statements, in one message. It is a message that every pooler takes.
pub(super) async fn is_fenced_after(connection: &mut PgConnection, statements: &str) -> Result<bool, sqlx::Error> {
    let sql = AssertSqlSafe(format!("{statements}{IS_FENCED}"));
    sqlx::raw_sql(sql).fetch_one(connection).await?.try_get(0)
}

/// Whether the database that these options lead to is fenced.
pub(in crate::postgres) async fn is_database_fenced(options: PgConnectOptions) -> Result<bool, StrategyError> {
    let mut connection = options.connect().await?;
    let is_fenced = is_fenced(&mut connection).await?;
    connection.close().await?;
    Ok(is_fenced)
}

/// Refuses a database that is not as the strategy was configured, or in which these roles of the application may not enter.
pub(in crate::postgres) async fn require(
    connection: &mut PgConnection,
    wanted: bool,
    applications: &[PgIdentifier],
) -> Result<(), StrategyError> {
    let mut is_database_fenced = is_fenced(connection).await?;
    if wanted && is_database_fenced {
        let roles: Vec<String> = applications
            .iter()
            .map(|role| Literal(role.as_str()).to_string())
            .collect();
        let sql = AssertSqlSafe(format!("{MAY_ENTER} array[{}]::text[]) as r (name)", roles.join(", ")));
        is_database_fenced = sqlx::raw_sql(sql).fetch_one(connection).await?.try_get(0)?;
    }
    if is_database_fenced == wanted {
        Ok(())
    } else {
        Err(StrategyError::FenceMismatch { is_database_fenced })
    }
}
