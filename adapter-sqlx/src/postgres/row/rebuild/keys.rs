//! A unique key, made anew with the tenant's column in front.

/// Common table expressions that compute the statements. They stand behind `guarded`, the tables with their partitions
/// and the tenant's column of each, and behind `key_roots (root)`, the indexes that are made anew.
///
/// `remade_keys` has for each root what drops it (`removal`), and what makes it and the indexes of its partitions anew
/// (`addition`). The partitions' come first, so that the root attaches them and they keep their own names.
///
/// All else of a key stays: its name, what it includes, its storage parameters and tablespace, whether it is
/// deferrable, statistics targets of its expressions, that the table is clustered or replicated by it, and its comments.
/// The list of columns is the first in parentheses of a constraint's text. In an index's it begins at a place that is
/// computed and not searched for, since a name can contain any text.
macro_rules! remade_keys {
    () => {
        "
, key_trees as (
    select root, root as indexrelid, 0 as depth from key_roots
    union all select t.root, h.inhrelid, t.depth + 1 from key_trees t join pg_inherits h on h.inhparent = t.indexrelid
), key_parts as (
    select t.root, t.depth, x.relname, case when k.oid is not null then format('alter table %s drop constraint %I', g.tab, k.conname)
            else format('drop index %I.%I', n.nspname, x.relname) end as removal,
        case when k.oid is not null then format('alter table %s add constraint %I %s%s%s', g.tab, k.conname,
            overlay(left(texts.key, length(texts.key) - length(texts.deferred)) placing format('(%I, ', g.col)
                from position('(' in texts.key) for 1),
            ' WITH (' || array_to_string(x.reloptions, ', ') || ')', texts.deferred)
        else format('CREATE UNIQUE INDEX %I ON %s USING %I (%I, %s', x.relname, g.tab, m.amname, g.col,
            substr(pg_get_indexdef(x.oid), 1 + length(format('CREATE UNIQUE INDEX %I ON %s%s USING %I (', x.relname,
                case when x.relkind = 'I' then 'ONLY ' else '' end, g.tab, m.amname)))) end as addition,
        concat(format('; alter index %I.%I set tablespace ', n.nspname, x.relname) || quote_ident(s.spcname),
            targets.sql,
            case when i.indisclustered then format('; alter table %s cluster on %I', g.tab, x.relname) end,
            case when i.indisreplident then
                format('; alter table %s replica identity using index %I', g.tab, x.relname) end,
            '; comment on index ' || format('%I.%I is ', n.nspname, x.relname)
                || quote_literal(obj_description(x.oid, 'pg_class')),
            case when k.oid is not null then '; comment on constraint ' || format('%I on %s is ', k.conname, g.tab)
                || quote_literal(obj_description(k.oid, 'pg_constraint')) end) as marks
    from key_trees t join pg_index i on i.indexrelid = t.indexrelid
    join (select distinct on (relid) * from guarded order by relid, col) g on g.relid = i.indrelid
    join pg_class x on x.oid = i.indexrelid join pg_namespace n on n.oid = x.relnamespace join pg_am m on m.oid = x.relam
    left join pg_tablespace s on s.oid = x.reltablespace
    left join pg_constraint k on k.conindid = i.indexrelid and k.conrelid = i.indrelid and k.contype in ('p', 'u')
    cross join lateral (select pg_get_constraintdef(k.oid), concat(case when k.condeferrable then ' DEFERRABLE' end,
        case when k.condeferred then ' INITIALLY DEFERRED' end)) as texts(key, deferred)
    -- The tenant's column is in front of the others.
    cross join lateral (select string_agg(format('; alter index %I.%I alter column %s set statistics %s', n.nspname,
            x.relname, a.attnum + 1, a.attstattarget), '' order by a.attnum) as sql
        from pg_attribute a where a.attrelid = x.oid and a.attstattarget >= 0) targets
), remade_keys as (
    select root, max(removal) filter (where depth = 0) as removal,
        string_agg(addition, '; ' order by depth desc, relname) || string_agg(marks, '' order by depth, relname) as addition
    from key_parts group by root
)"
    };
}
pub(in crate::postgres::row) use remade_keys;
