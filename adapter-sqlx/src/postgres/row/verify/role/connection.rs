//! Whether the application connects as what was verified.

use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::StrategyError;
use crate::postgres::identifier::Literal;
use crate::postgres::row::row_tables::PgRowTables;
use crate::postgres::row::verify::{PgFault, PgFinding};

/// A database. Databases of one name on two servers hardly have one number, so both are compared.
const DATABASE: &str = "select datname::text, oid::text from pg_catalog.pg_database
    where datname = pg_catalog.current_database()";

impl PgRowTables {
    /// Whether a connection of the application's is as a declared role, in the administrator's database, and begins
    /// with nothing that the catalog does not tell of: its own options and the server's configuration can preset what
    /// roles can. Unlike [`verify`](Self::verify) it needs both connections.
    pub(in crate::postgres) async fn verify_connection(
        &self,
        administrator: Option<&mut PgConnection>,
        application: &mut PgConnection,
    ) -> Result<Option<PgFinding>, StrategyError> {
        // No statement is prepared: there may be a pooler between.
        let expected = match administrator {
            Some(administrator) => Some(sqlx::raw_sql(DATABASE).fetch_one(administrator).await?),
            None => None,
        };
        let session = sqlx::raw_sql(AssertSqlSafe(session_sql(self.setting().as_str())))
            .fetch_one(application)
            .await?;
        let (role, database): (String, String) = (session.try_get(0)?, session.try_get(1)?);
        let is_expected = match expected {
            Some(expected) => {
                database == expected.try_get::<String, _>(0)?
                    && session.try_get::<String, _>(2)? == expected.try_get::<String, _>(1)?
            }
            None => true,
        };
        let is_declared = self.applications().iter().any(|declared| role == declared.as_str());
        let found = if !is_declared || !is_expected {
            (
                PgFault::ConnectionDiffers,
                format!("role {role} in database {database}"),
            )
        } else if session.try_get::<bool, _>(3)? {
            let object = "the configuration of the server, or of the application's connection";
            (PgFault::SettingPreset, object.to_owned())
        } else if let Some(parameters) = session.try_get::<Option<String>, _>(4)? {
            (
                PgFault::ParameterPreset,
                format!("{parameters} of the application's connection"),
            )
        } else {
            return Ok(None);
        };
        Ok(Some(PgFinding::new(found.0, found.1, String::new())))
    }
}

/// What a session is like after the reset that each transaction begins with: behind a pooler somebody else may have set
/// something on it.
fn session_sql(setting: &str) -> String {
    format!(
        "begin; reset session authorization; reset all;
select session_user::text, datname::text, oid::text, coalesce(pg_catalog.current_setting({}, true), '') <> '',
    nullif(pg_catalog.concat_ws(', ',
        case when pg_catalog.current_setting('row_security') = 'off' then 'row_security' end,
        case when pg_catalog.current_setting('session_replication_role') = 'replica' then 'session_replication_role' end,
        case when pg_catalog.current_setting('lo_compat_privileges') = 'on' then 'lo_compat_privileges' end), '')
from pg_catalog.pg_database where datname = pg_catalog.current_database();
rollback",
        Literal(setting)
    )
}
