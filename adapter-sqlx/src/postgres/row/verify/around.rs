//! Ways around a guarded table.

use super::PgFault;
use super::check::Check;

/// The exposed tables to which the application, or everybody, has a right, and what takes it away.
macro_rules! opened {
    () => {
        "
, opened as (
    select e.relid, format('revoke all on table %s from %s', e.relid::regclass,
        concat_ws(', ', 'public', string_agg(distinct quote_ident(a.rolname), ', '))) as mend
    from exposed e join pg_class c on c.oid = e.relid and c.relkind in ('r', 'p', 'f')
    cross join lateral (select grantee from aclexplode(coalesce(c.relacl, acldefault('r', c.relowner)))
        union select g.grantee from pg_attribute t cross join lateral aclexplode(t.attacl) g
        where t.attrelid = e.relid and not t.attisdropped) g
    left join acting a on a.oid = g.grantee
    where g.grantee = 0 or a.oid is not null group by e.relid
)"
    };
}

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
    // Any right counts, `trigger` and `references` too: the parent's policies do not know of them. Rights by a role that
    // sees everything are that role's finding.
    Check {
        fault: PgFault::ChildOpen,
        sql: concat!(
            opened!(),
            "
select relid::regclass::text, mend from opened
where relid in (select relid from guarded) and relid not in (select relid from guarded where is_declared) order by 1"
        ),
    },
    Check {
        fault: PgFault::ParentOpen,
        sql: concat!(
            opened!(),
            "
select relid::regclass::text, mend from opened where relid not in (select relid from guarded) order by 1"
        ),
    },
    // What a rule does is done as the owner of its table or view, whatever `security_invoker` says.
    Check {
        fault: PgFault::Rule,
        sql: "
select distinct format('%I on %s', r.rulename, r.ev_class::regclass),
    format('drop rule %I on %s', r.rulename, r.ev_class::regclass)
from pg_rewrite r where r.ev_type <> '1' and (r.ev_class in (select relid from guarded)
    or exists (select from pg_depend p where p.classid = 'pg_rewrite'::regclass and p.objid = r.oid
            and p.refclassid = 'pg_class'::regclass and p.refobjid <> r.ev_class
            and (p.refobjid in (select relid from exposed) or p.refobjid in (select ev_class from readers)))
        and exists (select from acting a where has_any_column_privilege(a.oid, r.ev_class, 'insert, update')
            or has_table_privilege(a.oid, r.ev_class, 'delete')))
order by 1",
    },
    Check {
        fault: PgFault::ViewAsOwner,
        sql: "
select distinct v.oid::regclass::text, format('alter view %s set (security_invoker = true)', v.oid::regclass)
from readers b join pg_class v on v.oid = b.ev_class
where v.relkind = 'v' and (v.oid in (select relid from declared_views)
        or exists (select from acting a where has_any_column_privilege(a.oid, v.oid, 'select, insert, update')
            or has_table_privilege(a.oid, v.oid, 'delete')))
    and not exists (select from pg_options_to_table(v.reloptions) o
        where o.option_name = 'security_invoker' and o.option_value::boolean)
order by 1",
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
    // They are the role's and have no policies: who can open one reads it by its number. A database without any has no
    // finding, although everybody may make them by default. The mend gives them to the administrator, and lets nobody
    // but superusers open or make others; for that it needs a superuser.
    Check {
        fault: PgFault::LargeObjects,
        sql: "
, reachable as (
    select r.rolname from pg_largeobject_metadata m join acting r on r.oid = m.lomowner
    union select o.rolname from pg_largeobject_metadata m join pg_roles o on o.oid = m.lomowner
    cross join lateral aclexplode(m.lomacl) g where g.grantee = 0 or g.grantee in (select oid from acting)
)
select format('large objects of %I', o.rolname), format(E'do %L;\nrevoke execute on function lo_open(oid, integer),
    lo_get(oid), lo_get(oid, bigint, integer), lo_create(oid), lo_creat(integer), lo_from_bytea(oid, bytea),
    lo_put(oid, bigint, bytea), lo_unlink(oid) from public, %s', format('declare number oid;
begin
    for number in select oid from pg_catalog.pg_largeobject_metadata where lomowner = %L::pg_catalog.regrole loop
        execute pg_catalog.format(''alter large object %%s owner to %%I'', number, %L);
        execute pg_catalog.format(''revoke all on large object %%s from public, %%s'', number, %L);
    end loop;
end', quote_ident(o.rolname), $5, names.roles), names.roles)
from reachable o cross join (select string_agg(quote_ident(rolname), ', ' order by rolname) from acting) as names(roles)
where exists (select from acting a
    where has_function_privilege(a.oid, 'pg_catalog.lo_open(oid, integer)', 'execute')
        or has_function_privilege(a.oid, 'pg_catalog.lo_get(oid)', 'execute')
        or has_function_privilege(a.oid, 'pg_catalog.lo_get(oid, bigint, integer)', 'execute'))
order by 1",
    },
];
