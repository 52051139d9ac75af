//! Ways around a guarded table.

use super::{Check, PgFault};

pub(super) const CHECKS: &[Check] = &[
    Check {
        fault: PgFault::Grant,
        sql: "
, grants as (
    select d.tab, g.grantee, g.privilege_type as granted
    from declared d cross join lateral aclexplode(d.relacl) g
    union all select d.tab, g.grantee, format('%s (%I)', g.privilege_type, t.attname)
    from declared d join pg_attribute t on t.attrelid = d.relid and not t.attisdropped
    cross join lateral aclexplode(t.attacl) g
)
select format('%s for %s', g.tab, string_agg(g.granted, ', ' order by g.granted)),
    format('revoke %s on table %s from %s', string_agg(g.granted, ', ' order by g.granted), g.tab,
        coalesce(quote_ident(a.rolname), 'public'))
from grants g left join acting a on a.oid = g.grantee
where g.grantee = 0 or a.oid is not null and g.granted !~ '^(SELECT|INSERT|UPDATE|DELETE)'
group by g.tab, g.grantee, a.rolname order by 1",
    },
    Check {
        fault: PgFault::ChildOpen,
        sql: "
, children as (
    select i.inhrelid from pg_inherits i join declared d on i.inhparent = d.relid
    union select i.inhrelid from pg_inherits i join children c on i.inhparent = c.inhrelid
)
select c.inhrelid::regclass::text, format('revoke all on table %s from public, %s', c.inhrelid::regclass,
    string_agg(quote_ident(a.rolname), ', ' order by a.rolname))
from children c join pg_class r on r.oid = c.inhrelid cross join acting a
where c.inhrelid not in (select relid from declared where relid is not null) and r.relkind in ('r', 'p', 'f')
    and (has_any_column_privilege(a.oid, c.inhrelid, 'select, insert, update')
        or has_table_privilege(a.oid, c.inhrelid, 'delete, truncate'))
group by c.inhrelid order by 1",
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
select distinct v.oid::regclass::text, format('alter view %s set (security_invoker = true)', v.oid::regclass)
from readers b join pg_class v on v.oid = b.ev_class cross join acting a
where v.relkind = 'v' and (has_any_column_privilege(a.oid, v.oid, 'select, insert, update')
        or has_table_privilege(a.oid, v.oid, 'delete'))
    and not exists (select from pg_options_to_table(v.reloptions) o
        where o.option_name = 'security_invoker' and o.option_value::boolean)",
    },
    Check {
        fault: PgFault::MaterializedView,
        sql: "
select v.oid::regclass::text, format('revoke all on table %s from public, %s', v.oid::regclass,
    string_agg(quote_ident(a.rolname), ', ' order by a.rolname))
from readers b join pg_class v on v.oid = b.ev_class cross join acting a
where v.relkind = 'm' and has_any_column_privilege(a.oid, v.oid, 'select')
group by v.oid order by 1",
    },
    // A trigger's function cannot be called, and an extension's is its author's matter.
    Check {
        fault: PgFault::FunctionAsOwner,
        sql: "
select distinct f.oid::regprocedure::text,
    format('alter %s %s security invoker', case f.prokind when 'p' then 'procedure' else 'function' end, f.oid::regprocedure)
from pg_proc f join pg_namespace n on n.oid = f.pronamespace join pg_roles o on o.oid = f.proowner
cross join acting a
where f.prosecdef and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and f.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
    and has_schema_privilege(a.oid, n.oid, 'usage') and has_function_privilege(a.oid, f.oid, 'execute')
    and (o.rolsuper or o.rolbypassrls or o.oid in (select relowner from declared)
        or exists (select from administrator m where pg_has_role(o.oid, m.oid, 'usage')))
    and not exists (select from pg_depend e where e.objid = f.oid and e.classid = 'pg_proc'::regclass and e.deptype = 'e')",
    },
];
