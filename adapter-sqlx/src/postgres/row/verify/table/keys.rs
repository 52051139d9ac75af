//! Keys that reach over tenants.
//!
//! An index, constraint or foreign key of a partition counts like one of the table itself, unless it is the copy of one
//! that the table above has: that one is found and mended there.

use crate::postgres::row::remade_key::remade_key;
use crate::postgres::row::verify::{Check, PgFault};

/// What rebuilds a foreign key to or from a guarded table, and a unique key without the tenant's column.
///
/// `pg_get_constraintdef` spells `foreign key (…) references t(…)`, then the clauses. Those for a match and for actions
/// are known from the catalog (`clauses`) and stand first, so that what follows them (`rest`) can be taken over as it
/// is: `deferrable`, `initially deferred`, `not valid`. All of its lengths are computed and nothing is searched for,
/// since a name can contain any text.
macro_rules! rebuilt {
    () => {
        concat!(
            "
, foreign_keys as (
    select k.oid, k.conname, k.conrelid, k.confrelid, k.conkey, k.confkey, k.conindid, k.conparentid,
        k.confmatchtype, k.confupdtype, k.confdeltype, own.names as own_names, other.names as other_names,
        coalesce(nullif(k.confdelsetcols, '{}'), k.conkey) as cleared,
        coalesce(cardinality(k.confdelsetcols), 0) > 0 as names_cleared,
        case when k.confmatchtype = 'f' then ' MATCH FULL' else '' end as match,
        case k.confupdtype when 'r' then ' ON UPDATE RESTRICT' when 'c' then ' ON UPDATE CASCADE'
            when 'n' then ' ON UPDATE SET NULL' when 'd' then ' ON UPDATE SET DEFAULT' else '' end as updated,
        case k.confdeltype when 'r' then ' ON DELETE RESTRICT' when 'c' then ' ON DELETE CASCADE'
            when 'n' then ' ON DELETE SET NULL' when 'd' then ' ON DELETE SET DEFAULT' else '' end as deleted,
        coalesce(' (' || cleared.names || ')', '') as deleted_columns,
        format('alter table %s drop constraint %I', k.conrelid::regclass, k.conname) as removal,
        format('alter table %s add constraint %I', k.conrelid::regclass, k.conname) as addition,
        ') REFERENCES ' || k.confrelid::regclass || '(' as refers, pg_get_constraintdef(k.oid) as definition
    from pg_constraint k
    cross join lateral (select string_agg(quote_ident(a.attname), ', ' order by c.place) as names
        from unnest(k.conkey) with ordinality as c(attnum, place)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = c.attnum) own
    cross join lateral (select string_agg(quote_ident(a.attname), ', ' order by c.place) as names
        from unnest(k.confkey) with ordinality as c(attnum, place)
        join pg_attribute a on a.attrelid = k.confrelid and a.attnum = c.attnum) other
    cross join lateral (select string_agg(quote_ident(a.attname), ', ' order by c.place) as names
        from unnest(k.confdelsetcols) with ordinality as c(attnum, place)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = c.attnum) cleared
    where k.contype = 'f' and (k.confrelid in (select relid from guarded) or k.conrelid in (select relid from guarded))
), clauses as (
    select *, substr(definition, 1 + length('FOREIGN KEY (' || own_names || refers || other_names || ')'
        || match || updated || deleted || deleted_columns)) as rest
    from foreign_keys
), unpaired as (
    -- With the tenant's column in front, a key of one column that matches fully matches simply, as it did.
    select k.oid, k.conname, k.conrelid, k.conindid, k.removal, k.confrelid, other.attnum, k.confkey,
        case when own.relid is null or k.conparentid <> 0 or own.attnum = any (k.conkey) or other.attnum = any (k.confkey)
            or own.attnum is null or other.attnum is null or k.confmatchtype = 'f' and cardinality(k.conkey) > 1 then null
        else format('%s foreign key (%I, %s) references %s (%I, %s)%s%s%s%s', k.addition, own.col, k.own_names,
            k.confrelid::regclass, other.col, k.other_names,
            case when k.confupdtype in ('n', 'd') then '' else k.updated end, k.deleted,
            case when k.confdeltype in ('n', 'd') and not k.names_cleared then ' (' || k.own_names || ')'
                else k.deleted_columns end, k.rest)
        end as addition
    from clauses k
    join guarded other on other.relid = k.confrelid
    left join guarded own on own.relid = k.conrelid
    where not exists (select from guarded o, unnest(k.conkey, k.confkey) as pair(own, other)
            where o.relid = k.conrelid and pair.own = o.attnum and pair.other = other.attnum)
        and not exists (select from pg_constraint p where p.oid = k.conparentid
            and p.confrelid in (select relid from guarded))
), keys as (
    select g.relid, g.tab, g.attnum, i.indexrelid, x.relname, i.indisexclusion, x.relispartition,
        case when i.indisexclusion or x.relispartition or g.attnum is null then null
        -- An included column cannot be a key's column, too.
        when k.contype in ('p', 'u') and g.attnum = any (k.conkey) then null
        else ",
            remade_key!("g"),
            "
        end as rebuild
    from guarded g join pg_index i on i.indrelid = g.relid
    join pg_class x on x.oid = i.indexrelid join pg_namespace n on n.oid = x.relnamespace
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
), mended_keys as (
    -- With the foreign keys that depend on it, which would be in the way.
    select k.*, coalesce((select case when bool_and(u.addition is not null) then
            string_agg(u.removal || '; ', '' order by u.oid) || k.rebuild || string_agg('; ' || u.addition, '' order by u.oid)
            end from unpaired u where u.conindid = k.indexrelid having count(*) > 0),
        case when not exists (select from unpaired u where u.conindid = k.indexrelid) then k.rebuild end) as mend
    from keys k
)"
        )
    };
}

pub(in crate::postgres::row::verify) const CHECKS: &[Check] = &[
    // Before the keys that they refer to, which cannot be mended while they do.
    Check {
        fault: PgFault::ForeignKeyWithoutTenant,
        sql: concat!(
            rebuilt!(),
            "
select distinct format('%I on %s', u.conname, u.conrelid::regclass), coalesce(
    case when u.addition is null then null
    when exists (select from pg_index i where i.indrelid = u.confrelid and i.indisunique and i.indimmediate
        and i.indpred is null and i.indnkeyatts = cardinality(u.confkey) + 1
        and (u.confkey || u.attnum) <@ (i.indkey::int2[])[0:i.indnkeyatts - 1]) then u.removal || '; ' || u.addition
    else (select k.mend from mended_keys k where k.indexrelid = u.conindid limit 1) end, '')
from unpaired u order by 1"
        ),
    },
    Check {
        fault: PgFault::KeyWithoutTenant,
        sql: concat!(
            rebuilt!(),
            "
select distinct format('%I on %s', relname, tab), coalesce(mend, '') from mended_keys order by 1"
        ),
    },
    // Its action is done as the owner, on rows of every tenant that refer to a row which is nobody's.
    Check {
        fault: PgFault::ForeignKeyAcross,
        sql: concat!(
            rebuilt!(),
            "
, acting_keys as (
    select k.*, k.confdeltype in ('c', 'n', 'd') and exists (select from writable w where w.relid = k.confrelid and w.event = 8)
        as deletes, k.confupdtype in ('c', 'n', 'd')
        and exists (select from writable w where w.relid = k.confrelid and w.event = 16) as updates
    from clauses k where k.conrelid in (select relid from guarded) and k.confrelid not in (select relid from guarded)
)
select format('%I on %s', k.conname, k.conrelid::regclass), case when k.conparentid <> 0 then '' else
    format('%s; %s FOREIGN KEY (%s%s%s)%s%s%s%s', k.removal, k.addition, k.own_names, k.refers, k.other_names, k.match,
        case when k.updates then '' else k.updated end, case when k.deletes then '' else k.deleted || k.deleted_columns end,
        k.rest) end
from acting_keys k where (k.deletes or k.updates)
    and not exists (select from pg_constraint p where p.oid = k.conparentid and p.conrelid in (select relid from guarded))
order by 1"
        ),
    },
    // `on update` has no list of columns, so the action goes.
    Check {
        fault: PgFault::ForeignKeyClearsTenant,
        sql: concat!(
            rebuilt!(),
            "
select distinct format('%I on %s', k.conname, g.tab), case when k.conparentid <> 0 then '' else
    format('%s; %s FOREIGN KEY (%s%s%s)%s%s%s%s', k.removal, k.addition, k.own_names, k.refers, k.other_names, k.match,
        case when k.confupdtype in ('n', 'd') then '' else k.updated end,
        case when k.confdeltype in ('n', 'd') and g.attnum = any (k.cleared)
            then k.deleted || ' (' || rest.names || ')' else k.deleted || k.deleted_columns end, k.rest) end
from clauses k join guarded g on g.relid = k.conrelid and g.attnum = any (k.conkey)
cross join lateral (select string_agg(quote_ident(a.attname), ', ' order by c.place) as names
    from unnest(k.cleared) with ordinality as c(attnum, place)
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = c.attnum where c.attnum <> g.attnum) rest
where (k.confupdtype in ('n', 'd') or k.confdeltype in ('n', 'd') and g.attnum = any (k.cleared))
    and not exists (select from pg_constraint p where p.oid = k.conparentid and p.conrelid in (select relid from guarded))
order by 1"
        ),
    },
];
