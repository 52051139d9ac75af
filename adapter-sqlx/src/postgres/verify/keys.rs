//! Keys that reach over tenants.

use super::{Check, PgFault};

pub(super) const CHECKS: &[Check] = &[
    // Before the keys that they refer to, which cannot be mended while they do.
    Check {
        fault: PgFault::ForeignKeyWithoutTenant,
        sql: "
select format('%I on %s', k.conname, k.conrelid::regclass),
    case when own.relid is null then ''
    else format('alter table %s drop constraint %I, add constraint %2$I foreign key (%I, %s) references %s (%I, %s)',
        k.conrelid::regclass, k.conname,
        own.col, (select string_agg(quote_ident(a.attname), ', ' order by c.place)
            from unnest(k.conkey) with ordinality as c(attnum, place)
            join pg_attribute a on a.attrelid = k.conrelid and a.attnum = c.attnum),
        k.confrelid::regclass,
        other.col, (select string_agg(quote_ident(a.attname), ', ' order by c.place)
            from unnest(k.confkey) with ordinality as c(attnum, place)
            join pg_attribute a on a.attrelid = k.confrelid and a.attnum = c.attnum))
    end
from pg_constraint k
join declared other on other.relid = k.confrelid
left join declared own on own.relid = k.conrelid
where k.contype = 'f' and k.conparentid = 0
    and not exists (select from unnest(k.conkey, k.confkey) as pair(own, other)
        where pair.own = own.attnum and pair.other = other.attnum)",
    },
    Check {
        fault: PgFault::KeyWithoutTenant,
        sql: "
, keys as (
    select d.tab, d.col, i.indexrelid, i.indrelid, x.relname, n.nspname, k.contype, k.conname, i.indisexclusion,
        (select string_agg(pg_get_indexdef(i.indexrelid, place, true), ', ' order by place)
            from generate_series(1, i.indnkeyatts) as place) as columns,
        pg_get_expr(i.indpred, i.indrelid) as condition
    from declared d join pg_index i on i.indrelid = d.relid
    join pg_class x on x.oid = i.indexrelid join pg_namespace n on n.oid = x.relnamespace
    left join pg_constraint k on k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')
    where (i.indisunique or i.indisexclusion)
        and not d.attnum = any ((i.indkey::int2[])[0:i.indnkeyatts - 1])
)
select format('%I on %s', relname, tab),
    case when indisexclusion then ''
    when contype = 'p' then format('alter table %s drop constraint %I, add constraint %2$I primary key (%I, %s)',
        tab, conname, col, columns)
    when contype = 'u' then format('alter table %s drop constraint %I, add constraint %2$I unique (%I, %s)',
        tab, conname, col, columns)
    else format('drop index %I.%I; create unique index %2$I on %s (%I, %s)%s', nspname, relname, tab, col, columns,
        ' where ' || condition)
    end
from keys",
    },
];
