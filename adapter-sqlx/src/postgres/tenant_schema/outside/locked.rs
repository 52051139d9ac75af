//! What is outside of the tenant's schema before the migrations, and what of it they lock.

use crate::postgres::identifier::{Literal, PgIdentifier};

/// The tables that foreign keys of the schema refer to elsewhere.
pub(super) fn referenced_sql(schema: &PgIdentifier) -> String {
    format!(
        "select distinct k.confrelid from pg_catalog.pg_constraint k
        join pg_catalog.pg_namespace n on n.oid = k.connamespace
        where n.nspname = {} and k.contype = 'f'",
        Literal(schema.as_str())
    )
}

/// What is outside of the schema when the query begins, and locked by this session when it is fetched as only what
/// alters or drops locks it: the class, the object, and what it is called.
pub(super) fn locked_sql(schema: &PgIdentifier) -> String {
    let schema = Literal(schema.as_str());
    format!(
        "with locked as (
    select case l.locktype when 'relation' then 'pg_catalog.pg_class'::pg_catalog.regclass else l.classid end as class,
        case l.locktype when 'relation' then l.relation else l.objid end as object
    from pg_catalog.pg_locks l
    where l.pid = pg_catalog.pg_backend_pid() and l.mode = 'AccessExclusiveLock' and l.locktype in ('relation', 'object')
), outside as (
    select oid, nspname from pg_catalog.pg_namespace
    where nspname <> {schema} and nspname !~ '^pg_' and nspname <> 'information_schema'
)
select 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, c.oid, pg_catalog.format('%s %I.%I',
    case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence' when 'i' then 'index'
        when 'I' then 'index' when 'c' then 'type' else 'table' end, o.nspname, c.relname)
from pg_catalog.pg_class c join outside o on o.oid = c.relnamespace
where c.oid in (select object from locked where class = 'pg_catalog.pg_class'::pg_catalog.regclass)
union all
select 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, pg_catalog.format('function %I.%I', o.nspname, p.proname)
from pg_catalog.pg_proc p join outside o on o.oid = p.pronamespace
where p.oid in (select object from locked where class = 'pg_catalog.pg_proc'::pg_catalog.regclass)
union all
select 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, pg_catalog.format('type %I.%I', o.nspname, t.typname)
from pg_catalog.pg_type t join outside o on o.oid = t.typnamespace
where t.typrelid = 0 and t.typcategory <> 'A'
    and t.oid in (select object from locked where class = 'pg_catalog.pg_type'::pg_catalog.regclass)
union all
select 'pg_catalog.pg_namespace'::pg_catalog.regclass, o.oid, pg_catalog.format('schema %I', o.nspname)
from outside o
where o.oid in (select object from locked where class = 'pg_catalog.pg_namespace'::pg_catalog.regclass)
union all
select 'pg_catalog.pg_extension'::pg_catalog.regclass, e.oid, pg_catalog.format('extension %I', e.extname)
from pg_catalog.pg_extension e
where e.oid in (select object from locked where class = 'pg_catalog.pg_extension'::pg_catalog.regclass)"
    )
}

/// The names `$3` of those objects that are gone, or moved into the schema `$4`.
pub(super) const VANISHED: &str = "
select l.name from unnest($1::oid[], $2::oid[], $3::text[]) as l(class, object, name)
where not exists (
    select from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where l.class = 'pg_class'::regclass and c.oid = l.object and n.nspname <> $4
    union all select from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where l.class = 'pg_proc'::regclass and p.oid = l.object and n.nspname <> $4
    union all select from pg_type t join pg_namespace n on n.oid = t.typnamespace
        where l.class = 'pg_type'::regclass and t.oid = l.object and n.nspname <> $4
    union all select from pg_namespace n where l.class = 'pg_namespace'::regclass and n.oid = l.object
    union all select from pg_extension e where l.class = 'pg_extension'::regclass and e.oid = l.object
)";
