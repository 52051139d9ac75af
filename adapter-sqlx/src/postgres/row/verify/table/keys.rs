//! Keys that reach over tenants.
//!
//! An index, constraint or foreign key of a partition counts like one of the table itself, unless it is the copy of one
//! that the table above has: that one is found and mended there.

use crate::postgres::row::rebuild::foreign_keys::remade_foreign_keys;
use crate::postgres::row::rebuild::keys::remade_keys;
use crate::postgres::row::verify::PgFault;
use crate::postgres::row::verify::check::Check;

/// More of the relations that the checks are about: the foreign keys to or from a guarded table, and the unique keys
/// without the tenant's column, with what rebuilds each.
pub(in crate::postgres::row::verify) const REBUILT: &str = concat!(
    remade_foreign_keys!(),
    "
, mended_unpaired as (
    select u.oid, u.conname, u.conrelid, u.conindid, u.removal, u.confrelid, u.attnum, u.confkey,
        case when not u.lacks_column then u.addition end as addition
    from unpaired u
), keys as (
    select g.relid, g.tab, g.attnum, i.indexrelid, x.relname,
        -- An included column cannot be a key's column, too.
        not (i.indisexclusion or x.relispartition or g.attnum is null
            or g.attnum = any ((i.indkey::int2[])[i.indnkeyatts:])
            or coalesce(k.contype in ('p', 'u') and g.attnum = any (k.conkey), false)) as is_mendable
    from guarded g join pg_index i on i.indrelid = g.relid
    join pg_class x on x.oid = i.indexrelid
    left join pg_constraint k on k.conindid = i.indexrelid and k.conrelid = g.relid and k.contype in ('p', 'u', 'x')
    where (i.indisunique or i.indisexclusion)
        and not exists (select from generate_series(0, i.indnkeyatts - 1) as c(place)
            left join pg_collation l on l.oid = i.indcollation[c.place]
            where i.indkey[c.place] = g.attnum
                and (coalesce(l.collisdeterministic, true) or l.oid = g.attcollation)
                and (not i.indisexclusion or exists (select from pg_amop o join pg_am b on b.oid = o.amopmethod
                    where b.amname = 'btree' and o.amopstrategy = 3 and o.amopopr = k.conexclop[c.place + 1])))
        and not exists (select from pg_inherits h join pg_index p on p.indexrelid = h.inhparent
            where h.inhrelid = i.indexrelid and p.indrelid in (select relid from guarded))
), key_roots as (
    select distinct indexrelid as root from keys where is_mendable
)",
    remade_keys!(),
    "
, mended_keys as (
    -- With the foreign keys that depend on it, which would be in the way.
    select k.*, case when r.root is not null and not exists (select from mended_unpaired u where u.conindid = k.indexrelid and u.addition is null)
        then concat((select string_agg(u.removal || '; ', '' order by u.oid) from mended_unpaired u where u.conindid = k.indexrelid),
            r.removal || '; ' || r.addition,
            (select string_agg('; ' || u.addition, '' order by u.oid) from mended_unpaired u where u.conindid = k.indexrelid))
        end as mend
    from keys k left join remade_keys r on r.root = k.indexrelid
)"
);

pub(in crate::postgres::row::verify) const CHECKS: &[Check] = &[
    // Before the keys that they refer to, which cannot be mended while they do.
    Check {
        fault: PgFault::ForeignKeyWithoutTenant,
        sql: "
select distinct format('%I on %s', u.conname, u.conrelid::regclass), coalesce(
    case when u.addition is null then null
    when exists (select from pg_index i where i.indrelid = u.confrelid and i.indisunique and i.indimmediate
        and i.indpred is null and i.indnkeyatts = cardinality(u.confkey) + 1
        and (u.confkey || u.attnum) <@ (i.indkey::int2[])[0:i.indnkeyatts - 1]) then u.removal || '; ' || u.addition
    else (select k.mend from mended_keys k where k.indexrelid = u.conindid limit 1) end, '')
from mended_unpaired u order by 1",
    },
    Check {
        fault: PgFault::KeyWithoutTenant,
        sql: "
select distinct format('%I on %s', relname, tab), coalesce(mend, '') from mended_keys order by 1",
    },
    // Its action is done as the owner, on rows of every tenant that refer to a row which is nobody's.
    Check {
        fault: PgFault::ForeignKeyAcross,
        sql: "
, acting_keys as (
    select k.*, k.confdeltype in ('c', 'n', 'd') and exists (select from writable w where w.relid = k.confrelid and w.event = 8)
        as deletes, k.confupdtype in ('c', 'n', 'd')
        and exists (select from writable w where w.relid = k.confrelid and w.event = 16) as updates
    from clauses k where k.conrelid in (select relid from guarded) and k.confrelid not in (select relid from guarded)
)
select format('%I on %s', k.conname, k.conrelid::regclass), case when k.conparentid <> 0 then '' else
    format('%s; %s FOREIGN KEY (%s%s%s)%s%s%s%s%s', k.removal, k.addition, k.own_names, k.refers, k.other_names, k.match,
        case when k.updates then '' else k.updated end, case when k.deletes then '' else k.deleted || k.deleted_columns end,
        k.rest, k.remarks) end
from acting_keys k where (k.deletes or k.updates)
    and not exists (select from pg_constraint p where p.oid = k.conparentid and p.conrelid in (select relid from guarded))
order by 1",
    },
    // `on update` has no list of columns, so the action goes.
    Check {
        fault: PgFault::ForeignKeyClearsTenant,
        sql: "
select distinct format('%I on %s', k.conname, g.tab), case when k.conparentid <> 0 then '' else
    format('%s; %s FOREIGN KEY (%s%s%s)%s%s%s%s%s', k.removal, k.addition, k.own_names, k.refers, k.other_names, k.match,
        case when k.confupdtype in ('n', 'd') then '' else k.updated end,
        case when k.confdeltype in ('n', 'd') and g.attnum = any (k.cleared)
            then k.deleted || ' (' || rest.names || ')' else k.deleted || k.deleted_columns end, k.rest, k.remarks) end
from clauses k join guarded g on g.relid = k.conrelid and g.attnum = any (k.conkey)
cross join lateral (select string_agg(quote_ident(a.attname), ', ' order by c.place) as names
    from unnest(k.cleared) with ordinality as c(attnum, place)
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = c.attnum where c.attnum <> g.attnum) rest
where (k.confupdtype in ('n', 'd') or k.confdeltype in ('n', 'd') and g.attnum = any (k.cleared))
    and not exists (select from pg_constraint p where p.oid = k.conparentid and p.conrelid in (select relid from guarded))
order by 1",
    },
];
