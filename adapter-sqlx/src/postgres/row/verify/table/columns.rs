//! How the tenant's column compares values.

use sqlx::{PgConnection, Row};

use crate::StrategyError;
use crate::postgres::row::row_tables::PgRowTables;
use crate::postgres::row::table::PgTenantTable;
use crate::postgres::row::verify::{PgFault, PgFinding};

/// The declared tables whose column's collation calls different texts equal: each one's place in the declaration, the
/// column with its table, and whether the column's type can be altered. It cannot while the column belongs to a
/// partition key, comes from a parent, or is named by a view, a rule, a trigger or another policy.
const UNEQUAL: &str = "
select d.place - 1, format('%s.%I', d.tab, d.col), a.attinhcount = 0
    and not exists (select from pg_partitioned_table t where t.partrelid = d.relid
        and (d.attnum = any (t.partattrs::int2[]) or 0 = any (t.partattrs::int2[])))
    and not exists (select from pg_depend p left join pg_policy o on o.oid = p.objid and p.classid = 'pg_policy'::regclass
        where p.refclassid = 'pg_class'::regclass and p.refobjid = d.relid and p.refobjsubid = d.attnum
            and (p.classid in ('pg_rewrite'::regclass, 'pg_trigger'::regclass) or o.polname <> 'tenancy_tenant'))
from declared d
join pg_attribute a on a.attrelid = d.relid and a.attnum = d.attnum
join pg_collation l on l.oid = a.attcollation
where not l.collisdeterministic order by d.place";

impl PgRowTables {
    /// A child's column has its parent's collation, so the declared tables are all.
    pub(in crate::postgres::row::verify) async fn collations(
        &self,
        tx: &mut PgConnection,
    ) -> Result<Vec<PgFinding>, StrategyError> {
        let mut findings = Vec::new();
        for row in self.about_relations(UNEQUAL, tx).await? {
            let place: i64 = row.try_get(0)?;
            let table = usize::try_from(place).ok().and_then(|place| self.tables().get(place));
            let is_alterable: bool = row.try_get(2)?;
            let mend = table
                .filter(|_| is_alterable)
                .map_or_else(String::new, |table| self.collation_sql(table));
            let finding = PgFinding::new(PgFault::ColumnCollation, row.try_get(1)?, mend);
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
        Ok(findings)
    }

    /// The policy names the column, and is in the way of its type.
    fn collation_sql(&self, table: &PgTenantTable) -> String {
        format!(
            "drop policy if exists tenancy_tenant on {table};
alter table {table} alter column {} type {} collate pg_catalog.\"default\";
{}",
            table.tenant_column(),
            table.tenant_column_type().sql_type(),
            self.table_sql(table)
        )
    }
}
