//! Ways around a guarded table.

use super::{Check, PgFault};

pub(super) const CHECKS: &[Check] = &[
    Check {
        fault: PgFault::Grant,
        sql: "
select format('%s for %s', d.tab, string_agg(g.privilege_type, ', ' order by g.privilege_type)),
    format('revoke %s on table %s from %s', string_agg(g.privilege_type, ', ' order by g.privilege_type), d.tab,
        case when g.grantee = 0 then 'public' else quote_ident($4) end)
from declared d cross join lateral aclexplode(d.relacl) g
where g.grantee = 0
    or g.grantee in (select oid from application) and g.privilege_type not in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
group by d.tab, g.grantee order by 1",
    },
    Check {
        fault: PgFault::ChildOpen,
        sql: "
, children as (
    select i.inhrelid from pg_inherits i join declared d on i.inhparent = d.relid
    union select i.inhrelid from pg_inherits i join children c on i.inhparent = c.inhrelid
)
select c.inhrelid::regclass::text, format('revoke all on table %s from public, %I', c.inhrelid::regclass, a.rolname)
from children c join pg_class r on r.oid = c.inhrelid cross join application a
where c.inhrelid not in (select relid from declared where relid is not null) and r.relkind in ('r', 'p', 'f')
    and has_table_privilege(a.oid, c.inhrelid, 'select, insert, update, delete, truncate')",
    },
    Check {
        fault: PgFault::Rule,
        sql: "
select format('%I on %s', r.rulename, d.tab), format('drop rule %I on %s', r.rulename, d.tab)
from declared d join pg_rewrite r on r.ev_class = d.relid where d.relkind in ('r', 'p')",
    },
    Check {
        fault: PgFault::ViewAsOwner,
        sql: "
select v.oid::regclass::text, format('alter view %s set (security_invoker = true)', v.oid::regclass)
from readers b join pg_class v on v.oid = b.ev_class cross join application a
where v.relkind = 'v' and has_table_privilege(a.oid, v.oid, 'select, insert, update, delete')
    and not exists (select from pg_options_to_table(v.reloptions) o
        where o.option_name = 'security_invoker' and o.option_value::boolean)",
    },
    Check {
        fault: PgFault::MaterializedView,
        sql: "
select v.oid::regclass::text, format('revoke all on table %s from public, %I', v.oid::regclass, a.rolname)
from readers b join pg_class v on v.oid = b.ev_class cross join application a
where v.relkind = 'm' and has_table_privilege(a.oid, v.oid, 'select')",
    },
    // A trigger's function cannot be called, and an extension's is its author's matter.
    Check {
        fault: PgFault::FunctionAsOwner,
        sql: "
select f.oid::regprocedure::text,
    format('alter %s %s security invoker', case f.prokind when 'p' then 'procedure' else 'function' end, f.oid::regprocedure)
from pg_proc f join pg_namespace n on n.oid = f.pronamespace join pg_roles o on o.oid = f.proowner
cross join application a
where f.prosecdef and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and f.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
    and has_schema_privilege(a.oid, n.oid, 'usage') and has_function_privilege(a.oid, f.oid, 'execute')
    and (o.rolsuper or o.rolbypassrls or o.oid in (select relowner from declared)
        or o.oid in (select oid from administrator))
    and not exists (select from pg_depend e where e.objid = f.oid and e.classid = 'pg_proc'::regclass and e.deptype = 'e')",
    },
];
