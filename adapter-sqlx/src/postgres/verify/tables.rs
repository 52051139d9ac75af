//! The declared tables, and those that should be.

use sqlx::{AssertSqlSafe, PgConnection};

use super::{Check, PgFault, PgFinding};
use crate::StrategyError;
use crate::postgres::row_schema::PgRowSchema;
use crate::postgres::table::PgTenantTable;

pub(super) const CHECKS: &[Check] = &[
    Check {
        fault: PgFault::TableMissing,
        sql: "
select tab, '' from declared where relid is null or relkind not in ('r', 'p')",
    },
    Check {
        fault: PgFault::TableOwned,
        sql: "
select tab, format('alter table %s owner to %I', tab, $5)
from declared where relowner in (select oid from application)",
    },
    Check {
        fault: PgFault::RowSecurityOff,
        sql: "
select tab, format('alter table %s enable row level security', tab) from declared where not relrowsecurity",
    },
    Check {
        fault: PgFault::RowSecurityNotForced,
        sql: "
select tab, format('alter table %s force row level security', tab) from declared where not relforcerowsecurity",
    },
    Check {
        fault: PgFault::PolicyForOthers,
        sql: "
select format('%I on %s', p.polname, d.tab), format('drop policy %I on %s', p.polname, d.tab)
from declared d join pg_policy p on p.polrelid = d.relid
where p.polpermissive and exists (select from unnest(p.polroles) as r(oid)
    where r.oid not in (select oid from application union all select oid from administrator))",
    },
    Check {
        fault: PgFault::ColumnNullable,
        sql: "
select format('%s.%I', tab, col), format('alter table %s alter column %I set not null', tab, col)
from declared where not attnotnull",
    },
    // What the application cannot reach leaks nothing.
    Check {
        fault: PgFault::TableUndeclared,
        sql: "
select distinct format('%I.%I', n.nspname, c.relname), ''
from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_attribute t on t.attrelid = c.oid and t.attnum > 0 and not t.attisdropped
cross join acting a
where c.relkind in ('r', 'p', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and not c.relispartition and not exists (select from pg_inherits i where i.inhrelid = c.oid)
    and t.attname in (select col from declared)
    and c.oid not in (select relid from declared where relid is not null)
    and has_schema_privilege(a.oid, n.oid, 'usage')
    and (has_any_column_privilege(a.oid, c.oid, 'select, insert, update')
        or has_table_privilege(a.oid, c.oid, 'delete, truncate'))",
    },
];

impl PgRowSchema {
    /// Compares each table's restrictive policy and column with one that is made now as declared, on a table of
    /// this transaction's own: the server spells both.
    pub(super) async fn policies(&self, tx: &mut PgConnection) -> Result<Vec<PgFinding>, StrategyError> {
        let mut findings = Vec::new();
        for (number, table) in self.tables().iter().enumerate() {
            let model = format!("tenancy_verify_{number}");
            sqlx::raw_sql(AssertSqlSafe(self.model_sql(table, &model)))
                .execute(&mut *tx)
                .await?;
            let told: Option<(bool, bool)> = sqlx::query_as(SAME_AS_MODEL)
                .bind(format!("{table}"))
                .bind(format!("pg_temp.{model}"))
                .bind(table.tenant_column().as_str())
                .bind(self.application().as_str())
                .fetch_optional(&mut *tx)
                .await?;
            // A table that is not there is told of already.
            let Some((has_column, has_policy)) = told else { continue };
            if !has_column {
                let object = format!("{table}.{}", table.tenant_column());
                findings.push(PgFinding::new(PgFault::ColumnMissing, object, String::new()));
            } else if !has_policy {
                findings.push(PgFinding::new(
                    PgFault::PolicyDiffers,
                    table.to_string(),
                    self.table_sql(table),
                ));
            }
        }
        Ok(findings)
    }

    fn model_sql(&self, table: &PgTenantTable, model: &str) -> String {
        let (column, column_type) = (table.tenant_column(), table.tenant_column_type().sql_type());
        format!(
            "create temp table {model} ({column} {column_type}) on commit drop; {}",
            self.restrictive_policy_sql(table, &format!("pg_temp.{model}"))
        )
    }
}

/// Whether the table `$1` has the column `$3` and the policy of the model `$2`, for the role `$4` alone.
const SAME_AS_MODEL: &str = "
select
    exists (select from pg_attribute a join pg_attribute m on m.attrelid = to_regclass($2) and m.attname = $3
        where a.attrelid = to_regclass($1) and a.attname = $3 and not a.attisdropped and a.atttypid = m.atttypid),
    exists (select from pg_policy p
        join pg_policy m on m.polrelid = to_regclass($2) and m.polname = p.polname
        where p.polrelid = to_regclass($1) and p.polname = 'tenancy_tenant'
            and not p.polpermissive and p.polcmd = '*'
            and p.polroles = array(select oid from pg_roles where rolname = $4)
            and pg_get_expr(p.polqual, p.polrelid) = pg_get_expr(m.polqual, m.polrelid)
            and pg_get_expr(p.polwithcheck, p.polrelid) = pg_get_expr(m.polwithcheck, m.polrelid))
where to_regclass($1) is not null";
