//! A foreign key, made anew with the tenant's columns in front.

/// Common table expressions that compute the statements. They stand behind `guarded`, the tables with their partitions
/// and the tenant's column of each.
///
/// `clauses` has every foreign key to or from a guarded table, in pieces. `pg_get_constraintdef` spells
/// `foreign key (…) references t(…)`, then the clauses. Those for a match and for actions are known from the catalog and
/// stand first, so that what follows them (`rest`) can be taken over as it is: `deferrable`, `initially deferred`,
/// `not valid`. All lengths are computed and nothing is searched for, since a name can contain any text. `remarks` is
/// what gives the new key its comment.
///
/// `unpaired` has those to a guarded table that do not pair the tenants' columns. `addition` is null if such a key cannot
/// be made anew without a decision. The tenant's column may not be there yet.
macro_rules! remade_foreign_keys {
    () => {
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
        coalesce('; comment on constraint ' || format('%I on %s is ', k.conname, k.conrelid::regclass)
            || quote_literal(obj_description(k.oid, 'pg_constraint')), '') as remarks,
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
    select k.oid, k.conname, k.conrelid, k.conindid, k.removal, k.confrelid, k.conkey, other.attnum, k.confkey, k.conparentid,
        own.relid is not null and (own.attnum is null or other.attnum is null) as lacks_column,
        case when own.relid is null or k.conparentid <> 0 or coalesce(own.attnum = any (k.conkey), false)
            or coalesce(other.attnum = any (k.confkey), false)
            or k.confmatchtype = 'f' and cardinality(k.conkey) > 1 then null
        else format('%s foreign key (%I, %s) references %s (%I, %s)%s%s%s%s%s', k.addition, own.col, k.own_names,
            k.confrelid::regclass, other.col, k.other_names,
            case when k.confupdtype in ('n', 'd') then '' else k.updated end, k.deleted,
            case when k.confdeltype in ('n', 'd') and not k.names_cleared then ' (' || k.own_names || ')'
                else k.deleted_columns end, k.rest, k.remarks)
        end as addition
    from clauses k
    join guarded other on other.relid = k.confrelid
    left join guarded own on own.relid = k.conrelid
    where not exists (select from guarded o, unnest(k.conkey, k.confkey) as pair(own, other)
            where o.relid = k.conrelid and pair.own = o.attnum and pair.other = other.attnum)
        and not exists (select from pg_constraint p where p.oid = k.conparentid
            and p.confrelid in (select relid from guarded))
)"
    };
}
pub(in crate::postgres::row) use remade_foreign_keys;
