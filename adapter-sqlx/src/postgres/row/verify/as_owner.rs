//! Code that the application starts, and that runs as somebody who sees every tenant.

use super::PgFault;
use super::check::Check;

pub(super) const CHECKS: &[Check] = &[
    // A function that the application cannot name, for want of a right to its schema, runs where something else does: a
    // default, a check, an operator, a view. All of these ask for the right to execute. An extension's functions are
    // its author's matter. A function that an aggregate is made of needs the right of the aggregate's owner only.
    Check {
        fault: PgFault::FunctionAsOwner,
        sql: "
, callers as (
    -- Every role as which the application starts something: itself, and owners of functions and triggers that it starts.
    select oid from acting
    union select f.proowner from pg_trigger t join writable w on w.relid = t.tgrelid and t.tgtype & w.event <> 0
        join lending f on f.oid = t.tgfoid where t.tgenabled in ('O', 'A')
    union select f.proowner from callers c join lending f on not f.is_trigger and has_function_privilege(c.oid, f.oid, 'execute')
)
select distinct f.oid::regprocedure::text,
    format('alter %s %s security invoker', case f.prokind when 'p' then 'procedure' else 'function' end, f.oid::regprocedure)
from pg_proc f join pg_namespace n on n.oid = f.pronamespace cross join callers a
where f.prosecdef and f.proowner in (select oid from seeing) and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and f.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
    -- Joined, so that a function is looked up by its oid: in an `or` each function of the database would be looked at.
    and exists (select from (select f.oid union all select g.aggfnoid from pg_aggregate g
            where f.oid in (g.aggtransfn, g.aggfinalfn, g.aggcombinefn, g.aggserialfn, g.aggdeserialfn, g.aggmtransfn,
                g.aggminvtransfn, g.aggmfinalfn)) as whole(oid)
        join pg_proc called on called.oid = whole.oid
        where (called.oid = f.oid or has_function_privilege(called.proowner, f.oid, 'execute'))
        and has_function_privilege(a.oid, called.oid, 'execute')
        and (has_schema_privilege(a.oid, called.pronamespace, 'usage')
            or exists (select from pg_depend u where u.refclassid = 'pg_proc'::regclass and u.refobjid = called.oid)))
    and not exists (select from pg_depend e where e.objid = f.oid and e.classid = 'pg_proc'::regclass and e.deptype = 'e')
order by 1",
    },
    // A trigger's function needs no right to execute it, only one to write.
    Check {
        fault: PgFault::TriggerAsOwner,
        sql: "
select distinct format('%I on %s', t.tgname, t.tgrelid::regclass), format('alter function %s security invoker', f.oid::regprocedure)
from pg_trigger t join writable w on w.relid = t.tgrelid and t.tgtype & w.event <> 0
join pg_proc f on f.oid = t.tgfoid
where not t.tgisinternal and t.tgenabled in ('O', 'A') and f.prosecdef and f.proowner in (select oid from seeing)
    and not exists (select from pg_trigger p join writable o on o.relid = p.tgrelid and p.tgtype & o.event <> 0
        where p.oid = t.tgparentid)
    and not exists (select from pg_depend e where e.objid = f.oid and e.classid = 'pg_proc'::regclass and e.deptype = 'e')
order by 1",
    },
];
