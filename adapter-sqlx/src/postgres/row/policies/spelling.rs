//! How the server spells the expressions of the declaration when it reads them back from its catalog.

use sqlx::{AssertSqlSafe, PgConnection};

use super::policy_names::TENANT;
use crate::StrategyError;
use crate::postgres::identifier::PgIdentifier;
use crate::postgres::row::row_tables::PgRowTables;
use crate::postgres::row::table::{PgTenantColumn, PgTenantTable};
use crate::transaction::begin::begin_lent;

/// The default of a tenant's column, and the rule of the restrictive policy.
///
/// The catalog holds parsed expressions, so what is stored can only be compared as the server writes it out.
#[derive(Clone, Debug)]
pub(in crate::postgres) struct Spelling {
    pub(in crate::postgres::row) default: String,
    pub(in crate::postgres::row) rule: String,
}

impl Spelling {
    /// What PostgreSQL 15 writes. `column` is quoted as the server quotes it.
    pub(in crate::postgres::row) fn expected(
        schema: &PgRowTables,
        table: &PgTenantTable,
        column: &str,
        is_varchar: bool,
    ) -> Self {
        let setting = schema.setting().as_str();
        let text = format!("NULLIF(current_setting('{setting}'::text, true), ''::text)");
        let default = match table.tenant_column_type() {
            PgTenantColumn::Text => text,
            other => format!("({text})::{}", other.sql_type()),
        };
        let column = if is_varchar {
            format!("({column})::text")
        } else {
            column.to_owned()
        };
        let rule = if schema.is_on_citus() {
            format!("({column} = {default})")
        } else {
            format!("({column} = ( SELECT {default} AS \"nullif\"))")
        };
        Self { default, rule }
    }

    /// The same for a column of another name, quoted as the server quotes it.
    pub(in crate::postgres::row) fn of_column(&self, column: &str) -> Self {
        Self {
            default: self.default.clone(),
            rule: self.rule.replace(MODEL_COLUMN, column),
        }
    }

    /// Has the server spell them for a column of this type, on a temporary table that is rolled back: a newer server, or
    /// another setting of it, may write them in another way. Nothing if it may not write.
    ///
    /// The column has a name of its own, which [`of_column`](Self::of_column) replaces: one model for all columns of a
    /// type. Each takes locks and a row of many catalogs.
    pub(in crate::postgres::row) async fn of_this_server(
        schema: &PgRowTables,
        table: &PgTenantTable,
        is_varchar: bool,
        tx: &mut PgConnection,
    ) -> Result<Option<Self>, StrategyError> {
        let column: PgIdentifier = MODEL_COLUMN.parse().map_err(StrategyError::other)?;
        let mut savepoint = begin_lent(tx, None).await?;
        let made = sqlx::raw_sql(AssertSqlSafe(model_sql(schema, table, &column, is_varchar)))
            .execute(&mut *savepoint)
            .await;
        let is_refused = |code: &str| matches!(code, READ_ONLY | NOT_ALLOWED);
        let spelled = match made {
            Ok(_) => {
                let spelled = sqlx::query_as(SPELLED).bind(TENANT);
                let (default, rule) = spelled.fetch_one(&mut *savepoint).await?;
                Some(Self { default, rule })
            }
            Err(sqlx::Error::Database(error)) if error.code().is_some_and(|code| is_refused(&code)) => None,
            Err(error) => return Err(error.into()),
        };
        savepoint.rollback().await?;
        Ok(spelled)
    }
}

const READ_ONLY: &str = "25006";
const NOT_ALLOWED: &str = "42501";

const MODEL: &str = "pg_temp.tenancy_model";

/// A name that is in no expression, and needs no quotes.
const MODEL_COLUMN: &str = "tenancy_model_column_of_this_type";

fn model_sql(schema: &PgRowTables, table: &PgTenantTable, column: &PgIdentifier, is_varchar: bool) -> String {
    let column_type = match table.tenant_column_type() {
        PgTenantColumn::Text if is_varchar => "varchar",
        other => other.sql_type(),
    };
    format!(
        "create temp table tenancy_model ({column} {column_type} default {});\n{}",
        schema.tenant(table),
        schema.tenant_policy_sql_of(table, column, MODEL, "public")
    )
}

const SPELLED: &str = "
select pg_get_expr(e.adbin, e.adrelid), pg_get_expr(p.polqual, p.polrelid)
from pg_policy p join pg_attrdef e on e.adrelid = p.polrelid
where p.polrelid = 'pg_temp.tenancy_model'::regclass and p.polname = $1";
