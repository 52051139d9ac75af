//! What the application lacks to work.

use crate::postgres::row::verify::PgFault;
use crate::postgres::row::verify::check::Check;

pub(in crate::postgres::row::verify) const CHECKS: &[Check] = &[
    // A column that is an identity needs no right to its sequence. A function with a body that the catalog keeps uses
    // sequences as its caller.
    Check {
        fault: PgFault::GrantMissing,
        sql: "
select distinct format('%s for USAGE', s.oid::regclass), format('grant usage on sequence %s to %I', s.oid::regclass, a.rolname)
from declared d join pg_attrdef f on f.adrelid = d.relid
cross join lateral (with recursive used as (
    select p.refclassid, p.refobjid from pg_depend p where p.classid = 'pg_attrdef'::regclass and p.objid = f.oid
    union select p.refclassid, p.refobjid from used u join pg_proc c on c.oid = u.refobjid and not c.prosecdef
        join pg_depend p on p.classid = u.refclassid and p.objid = c.oid where u.refclassid = 'pg_proc'::regclass
) select refobjid from used where refclassid = 'pg_class'::regclass) as used
join pg_class s on s.oid = used.refobjid and s.relkind = 'S' cross join application a
where has_any_column_privilege(a.oid, d.relid, 'insert') and not has_sequence_privilege(a.oid, s.oid, 'usage, update')
order by 1",
    },
    Check {
        fault: PgFault::GrantMissing,
        sql: "
select distinct format('%s for SELECT', v.tab), format('grant select on %s to %I', v.tab, a.rolname)
from declared_views v cross join application a
where v.relkind = 'v' and not has_any_column_privilege(a.oid, v.relid, 'select') order by 1",
    },
    Check {
        fault: PgFault::GrantMissing,
        sql: "
select distinct format('schema %I', v.schema_name), format('grant usage on schema %I to %I', v.schema_name, a.rolname)
from declared_views v cross join application a
where v.schema_name not in (select schema from declared) and v.schema is not null and not has_schema_privilege(a.oid, v.schema, 'usage') order by 1",
    },
];
