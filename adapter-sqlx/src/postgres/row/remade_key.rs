//! A unique key, made anew with the tenant's column in front.

/// The statements, as SQL that computes them: of the index `i`, whose class is `x` in the schema `n`, and of its
/// constraint `k` if it has one, on the table `$table.tab` with the tenant's column `$table.col`.
///
/// All else of the key stays: its name, what it includes, its storage parameters, whether it is deferrable, that the
/// table is clustered or replicated by it, and its comment. The list of columns is the first in parentheses of a
/// constraint's text. In an index's it begins at a place that is computed and not searched for, since a name can contain
/// any text.
macro_rules! remade_key {
    ($table:literal) => {
        concat!(
            "(select concat(case when k.oid is not null then
        format('alter table %s drop constraint %I, add constraint %2$I %s%s%s', names.tab, k.conname,
            overlay(left(texts.key, length(texts.key) - length(texts.deferred)) placing format('(%I, ', names.col)
                from position('(' in texts.key) for 1),
            ' WITH (' || array_to_string(x.reloptions, ', ') || ')', texts.deferred)
    else format('drop index %I.%I; CREATE UNIQUE INDEX %2$I ON %s USING %I (%I, %s', n.nspname, x.relname, names.tab,
        names.method, names.col, substr(pg_get_indexdef(x.oid), 1 + length(format(
            'CREATE UNIQUE INDEX %I ON %s%s USING %I (', x.relname,
            case when x.relkind = 'I' then 'ONLY ' else '' end, names.tab, names.method)))) end,
    case when i.indisclustered then format('; alter table %s cluster on %I', names.tab, x.relname) end,
    case when i.indisreplident then
        format('; alter table %s replica identity using index %I', names.tab, x.relname) end,
    '; comment on index ' || format('%I.%I is ', n.nspname, x.relname) || quote_literal(obj_description(x.oid, 'pg_class')),
    case when k.oid is not null then '; comment on constraint ' || format('%I on %s is ', k.conname, names.tab)
        || quote_literal(obj_description(k.oid, 'pg_constraint')) end)
from (select ",
            $table,
            ".tab, ",
            $table,
            ".col, m.amname from pg_am m where m.oid = x.relam) as names(tab, col, method)
cross join (select pg_get_constraintdef(k.oid), concat(case when k.condeferrable then ' DEFERRABLE' end,
    case when k.condeferred then ' INITIALLY DEFERRED' end)) as texts(key, deferred))"
        )
    };
}
pub(in crate::postgres) use remade_key;
