//! The tenant's column: its type, and how it compares values.

use sqlx::PgConnection;

use crate::StrategyError;
use crate::postgres::row::row_tables::PgRowTables;
use crate::postgres::row::table::PgTenantTable;
use crate::postgres::row::verify::check::{Answer, Question};
use crate::postgres::row::verify::{PgFault, PgFinding};

/// The declared tables whose column's collation calls different texts equal: each one's place in the declaration, the
/// column with its table, its type, and whether the column's type can be altered. It cannot while the column belongs to a
/// partition key, comes from a parent, or is named by a view, a rule, a trigger or another policy.
pub(in crate::postgres::row::verify) const UNEQUAL: Question = Question {
    sql: "
select d.place - 1, format('%s.%I', d.tab, d.col), format_type(a.atttypid, a.atttypmod), a.attinhcount = 0
    and not exists (select from pg_partitioned_table t where t.partrelid = d.relid
        and (d.attnum = any (t.partattrs::int2[]) or 0 = any (t.partattrs::int2[])))
    and not exists (select from pg_depend p left join pg_policy o on o.oid = p.objid and p.classid = 'pg_policy'::regclass
        where p.refclassid = 'pg_class'::regclass and p.refobjid = d.relid and p.refobjsubid = d.attnum
            and (p.classid in ('pg_rewrite'::regclass, 'pg_trigger'::regclass) or o.polname <> 'tenancy_tenant'))
from declared d
join pg_attribute a on a.attrelid = d.relid and a.attnum = d.attnum
join pg_collation l on l.oid = a.attcollation
where not l.collisdeterministic order by d.place",
    columns: 4,
};

/// The type of the column `$3` of the table `$2` in the schema `$1`, null if the table has no such column; and whether its
/// values become those of the type `$4` without a decision. Nothing if there is no such table, which is another finding.
const COLUMN: &str = "
select format_type(a.atttypid, a.atttypmod), a.atttypid is not null and (
    coalesce(nullif(t.typbasetype, 0), a.atttypid) = $4::regtype or exists (select from pg_cast k
        where k.castsource = coalesce(nullif(t.typbasetype, 0), a.atttypid) and k.casttarget = $4::regtype
            and k.castcontext in ('i', 'a')
            -- Not one that fails for great numbers.
            and not (k.castsource in ('int4'::regtype, 'int8'::regtype) and k.castcontext = 'a')))
from pg_class c join pg_namespace n on n.oid = c.relnamespace
left join pg_attribute a on a.attrelid = c.oid and a.attname = $3 and a.attnum > 0 and not a.attisdropped
left join pg_type t on t.oid = a.atttypid
where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p')";

impl PgRowTables {
    /// What is wrong with the tenant's column of a declared table that has none of the declared type.
    pub(in crate::postgres::row::verify) async fn column(
        &self,
        table: &PgTenantTable,
        tx: &mut PgConnection,
    ) -> Result<Option<PgFinding>, StrategyError> {
        let (column, declared) = (table.tenant_column(), table.tenant_column_type().sql_type());
        let found: Option<(Option<String>, bool)> = sqlx::query_as(COLUMN)
            .bind(table.schema().as_str())
            .bind(table.name().as_str())
            .bind(column.as_str())
            .bind(declared)
            .fetch_optional(tx)
            .await?;
        let object = format!("{table}.{column}");
        Ok(found.map(|(found, is_convertible)| match found {
            None => PgFinding::new(PgFault::ColumnMissing, object, String::new()),
            Some(found) => {
                let object = format!("{object}, which is of the type {found} and declared as {declared}");
                let mend = if is_convertible {
                    self.column_sql(table, declared)
                } else {
                    String::new()
                };
                PgFinding::new(PgFault::ColumnType, object, mend)
            }
        }))
    }

    /// A child's column has its parent's collation, so the declared tables are all.
    pub(in crate::postgres::row::verify) fn collations(&self, answers: &[Answer]) -> Vec<PgFinding> {
        let mut findings = Vec::new();
        for answer in answers {
            let table = answer
                .text(0)
                .parse()
                .ok()
                .and_then(|place: usize| self.tables().get(place));
            let mend = table.filter(|_| answer.is_true(3)).map_or_else(String::new, |table| {
                self.column_sql(table, &format!("{} collate pg_catalog.\"default\"", answer.text(2)))
            });
            let finding = PgFinding::new(PgFault::ColumnCollation, answer.text(1), mend);
            // Once, also of a table that is declared twice.
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
        findings
    }

    /// Gives the column this type. The policy names the column, and is in the way of its type.
    fn column_sql(&self, table: &PgTenantTable, column_type: &str) -> String {
        format!(
            "drop policy if exists tenancy_tenant on {table};
alter table {table} alter column {column} drop default, alter column {column} type {column_type};
{}",
            self.table_sql(table),
            column = table.tenant_column(),
        )
    }
}
