//! The declared tables, and those that should be.

use crate::postgres::row::verify::PgFault;
use crate::postgres::row::verify::check::Check;

pub(in crate::postgres::row::verify) const CHECKS: &[Check] = &[
    Check {
        fault: PgFault::TableMissing,
        sql: "
select tab, '' from declared where relid is null or relkind not in ('r', 'p')",
    },
    Check {
        fault: PgFault::TableOwned,
        sql: "
select distinct g.tab, case when $4 in (session_user, current_user)
    -- The role that verifies owns it on purpose, and the application needs another one.
    then format('create role %I login', left($4, 59) || '_app') else format('alter table %s owner to %I', g.tab, $5)
    -- What it could do as the owner is taken from it.
    || coalesce((select format('; grant %s on table %s to %I', d.rights, d.tab, $4) from declared d
        where d.relid = g.relid and d.rights <> '' limit 1), '') end
from guarded g where g.relowner in (select oid from application) order by 1",
    },
    // A query asks the policies of the table that it names, so row-level security of a partition decides nothing: what
    // matters is that the application cannot name it.
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
    where r.oid not in (select oid from application union all select oid from administrator
        -- The restrictive policy holds for these, too.
        union all select unnest(t.polroles) from pg_policy t where t.polrelid = d.relid
            and t.polname = 'tenancy_tenant' and not t.polpermissive and t.polcmd = '*'))",
    },
    // A child whose parent has the fault is mended with it.
    Check {
        fault: PgFault::ColumnNullable,
        sql: "
select distinct format('%s.%I', g.tab, g.col), format('alter table %s alter column %I set not null', g.tab, g.col)
from guarded g where not g.attnotnull and not exists (select from pg_inherits i join guarded p on p.relid = i.inhparent
    where i.inhrelid = g.relid and p.col = g.col and not p.attnotnull)
order by 1",
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
    and t.attname in (select col from declared) and c.oid not in (select relid from exposed)
    and has_schema_privilege(a.oid, n.oid, 'usage')
    and (has_any_column_privilege(a.oid, c.oid, 'select, insert, update')
        or has_table_privilege(a.oid, c.oid, 'delete, truncate'))",
    },
];
