//! Tables that every tenant shares, although nobody said so.

use crate::postgres::row::row_tables::PgRowTables;
use crate::postgres::row::verify::check::{Answer, Question};

/// Tables without a tenant's column that the application may write. What extensions bring is left out.
pub(in crate::postgres::row::verify) const WRITABLE: Question = Question {
    sql: "
select distinct n.nspname::text, c.relname::text, format('%I.%I', n.nspname, c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace cross join acting a
where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and c.oid not in (select relid from exposed)
    and not exists (select from pg_attribute t where t.attrelid = c.oid and t.attnum > 0 and not t.attisdropped
        and t.attname in (select col from declared))
    and has_schema_privilege(a.oid, n.oid, 'usage')
    and (has_any_column_privilege(a.oid, c.oid, 'insert, update') or has_table_privilege(a.oid, c.oid, 'delete, truncate'))
    and not exists (select from pg_depend e where e.classid = 'pg_class'::regclass and e.objid = c.oid and e.deptype = 'e')
order by 3",
    columns: 3,
};

impl PgRowTables {
    /// Their names, as SQL spells them, without those that are declared as shared.
    pub(in crate::postgres::row::verify) fn undeclared_shared_tables(&self, answers: &[Answer]) -> Vec<String> {
        let undeclared = answers
            .iter()
            .filter(|answer| !self.is_shared_table(&answer.text(0), &answer.text(1)));
        undeclared.map(|answer| answer.text(2)).collect()
    }
}
