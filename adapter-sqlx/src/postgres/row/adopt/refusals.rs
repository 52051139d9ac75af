//! What needs a decision before tables can be adopted.

use sqlx::{PgConnection, Row};

use super::keys::key_roots;
use super::migration_tables::MIGRATION_TABLES;
use crate::postgres::identifier::{PgIdentifier, text_array};
use crate::postgres::row::rebuild::foreign_keys::remade_foreign_keys;
use crate::postgres::row::rebuild::keys::remade_keys;
use crate::postgres::row::row_tables::PgRowTables;

/// About the tables and their columns: the place in the declaration, the object, and the reason.
const TABLES: &str = "
select place, tab, 'there is no such table' as reason from declared where relid is null
union all select d.place, d.tab, 'it is declared twice' from declared d
    where exists (select from declared other where other.relid = d.relid and other.place < d.place)
union all select place, tab, 'it is no table' from declared where relkind not in ('r', 'p')
union all select place, tab, 'a migration tool keeps in it what it has run: leave it out of the declaration'
    from declared where lower(name) = any (MIGRATION_TABLES)
union all select place, tab, 'it is the directory''s own: leave it out of the declaration' from declared
    where name in ('tenancy_tenants', 'tenancy_domains', 'tenancy_members', 'tenancy_tombstones')
union all select d.place, d.tab, format('it is a partition: declare %s, which it is a partition of', i.inhparent::regclass)
    from declared d join pg_inherits i on i.inhrelid = d.relid where d.relispartition
union all select d.place, d.tab, format('it inherits from %s: end that with `alter table … no inherit`', i.inhparent::regclass)
    from declared d join pg_inherits i on i.inhrelid = d.relid where not d.relispartition
union all select d.place, d.tab, format('%s inherits from it: end that with `alter table … no inherit`', i.inhrelid::regclass)
    from declared d join pg_inherits i on i.inhparent = d.relid where d.relkind = 'r'
union all select g.place, g.tab, 'it is a foreign table, to whose server keys and policies do not reach: detach it'
    from guarded g where g.relkind = 'f' and not g.is_declared
union all select g.place, g.tab, format('it belongs to the role %I: connect as that role, or alter the owner', r.rolname)
    from guarded g join pg_class c on c.oid = g.relid join pg_roles r on r.oid = c.relowner
    where c.relkind in ('r', 'p') and not pg_has_role(c.relowner, 'usage')
union all select d.place, d.tab, format('it belongs to the extension %I: leave it out of the declaration', e.extname)
    from declared d join pg_depend p on p.classid = 'pg_class'::regclass and p.objid = d.relid and p.deptype = 'e'
    join pg_extension e on e.oid = p.refobjid
union all select place, tab, format('its column %I is of another type: %s, and not %s', col,
        atttypid::regtype, type) from declared
    where atttypid <> type::regtype and (type <> 'text' or atttypid <> 'varchar'::regtype) and attnum > 0
union all select place, tab, format('its column %I is the system''s, generated or an identity: declare another', col)
    from declared where attnum < 0 or attgenerated <> '' or attidentity <> ''
union all select place, tab, format('it is a table of the type %s, and can have no other column: `alter table … not of` first',
        reloftype::regtype) from declared where reloftype <> 0 and attnum is null
union all select place, tab, 'it has 1600 columns, and can have no more' from declared where relnatts >= 1600 and attnum is null";

/// The application's roles and the administrator, who stand in policies.
const ROLES: &str = "
select 0::int8, format('the role %I', r.name), 'there is no such role: create it, or name another'
from unnest(ROLES) with ordinality as r(name, place)
where not exists (select from pg_roles o where o.rolname = r.name) order by r.place";

/// The row type of a table to which the column must be added, and types that are made of it.
const ROW_TYPES: &str = "
, row_types as (
    select g.place, g.tab, c.reltype as type from guarded g join pg_class c on c.oid = g.relid where g.attnum is null
    union select r.place, r.tab, next.type from row_types r cross join lateral (
        select t.typarray as type from pg_type t where t.oid = r.type
        union all select t.oid from pg_type t where t.typbasetype = r.type
        union all select c.reltype from pg_attribute a join pg_class c on c.oid = a.attrelid and c.relkind = 'c'
            where a.atttypid = r.type and not a.attisdropped
        union all select m.rngtypid from pg_range m where m.rngsubtype = r.type
    ) as next(type) where next.type <> 0
)
select r.place, format('%s.%I', c.oid::regclass, a.attname), format('it is of the row type of %s, which must get a '
        'column: change the type of this one', r.tab)
from row_types r join pg_attribute a on a.atttypid = r.type and a.attnum > 0 and not a.attisdropped
join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'm', 'p')";

/// About keys that must be made anew, and what depends on them.
const KEYS: &str = concat!(
    key_roots!(),
    remade_keys!(),
    "
, remade as (
    select t.indexrelid, g.place, g.tab, g.attnum, i.indisvalid, i.indnatts, i.indkey, k.oid as constraint, x.relname,
        x.relnamespace, x.reltablespace,
        format('%I on %s', x.relname, g.tab) as object
    from key_trees t join pg_index i on i.indexrelid = t.indexrelid
    join guarded g on g.relid = i.indrelid join pg_class x on x.oid = i.indexrelid
    left join pg_constraint k on k.conindid = i.indexrelid and k.conrelid = i.indrelid and k.contype in ('p', 'u')
), falling(place, classid, objid, base, is_of_key) as (
    -- What `drop … cascade` would drop with a key. A view falls with its rule.
    select r.place, p.classid, p.objid, format('the key %s', r.object), true
    from remade r join pg_depend p on p.deptype = 'n' and p.classid <> 'pg_constraint'::regclass
        and (p.refclassid = 'pg_constraint'::regclass and p.refobjid = r.constraint
            or p.refclassid = 'pg_class'::regclass and p.refobjid = r.indexrelid)
    union select f.place, next.classid, next.objid, next.base, next.is_of_key from falling f cross join lateral (
        select 'pg_class'::regclass, w.ev_class, f.base, f.is_of_key from pg_rewrite w
        where f.classid = 'pg_rewrite'::regclass and w.oid = f.objid and w.ev_type = '1'
        union all select p.classid, p.objid, case f.classid when 'pg_class'::regclass then f.objid::regclass::text
            when 'pg_proc'::regclass then f.objid::regprocedure::text else f.base end, false
        from pg_depend p where p.refclassid = f.classid and p.refobjid = f.objid and p.deptype in ('n', 'a', 'i')
    ) as next(classid, objid, base, is_of_key)
), dependents as (
    select place, base, is_of_key, case classid when 'pg_class'::regclass then objid::regclass::text
        when 'pg_proc'::regclass then objid::regprocedure::text else pg_describe_object(classid, objid, 0) end as object
    -- Without what a view or a function is made of, and the indexes of a materialized view.
    from falling f where classid <> 'pg_type'::regclass
        and not exists (select from pg_class c left join pg_index i on i.indexrelid = c.oid
            left join pg_class m on m.oid = i.indrelid where f.classid = 'pg_class'::regclass and c.oid = f.objid
            and (c.relkind = 't' or m.relkind in ('m', 't')))
        and not exists (select from pg_rewrite w where f.classid = 'pg_rewrite'::regclass and w.oid = f.objid and w.ev_type = '1')
)
select place, object, 'the index is invalid: `reindex index concurrently`, or drop it' as reason from remade
    where not indisvalid
union all select place, object, 'it has 32 columns, and can have no more' from remade where indnatts >= 32
union all select place, object, 'it includes the tenant''s column: make it anew without that' from remade
    where attnum = any (indkey::int2[])
union all select place, object, 'its trigger is disabled, which a new key''s would not be: enable it' from remade r
    where exists (select from pg_trigger t where t.tgconstraint = r.constraint and t.tgenabled <> 'O')
union all select min(place), object, format('it depends on %s: drop it before, and create it again after%s',
        string_agg(distinct base, ' and '), case when bool_or(is_of_key)
            then ', with the tenant''s column after `group by`, too' else '' end)
    from dependents where object <> base group by object
union all select l.place, format('the %s %I', l.kind, l.name), format('%I lacks the right to make keys in it anew: '
        '`grant create on %s %I to %1$I`', current_user, l.kind, l.name)
    from (select min(r.place), 'schema', n.nspname from remade r join pg_namespace n on n.oid = r.relnamespace
            and not has_schema_privilege(n.oid, 'create') group by n.nspname
        union all select min(r.place), 'tablespace', s.spcname from remade r join pg_tablespace s on s.oid = r.reltablespace
            and not has_tablespace_privilege(s.oid, 'create') group by s.spcname) as l(place, kind, name)
union all select g.place, format('%I on %s', k.conname, g.tab), 'an exclusion constraint must be written anew: drop it before, and '
        'add it again after, with the tenant''s column `with =`'
    from guarded g join pg_constraint k on k.conrelid = g.relid and k.contype = 'x'
    where (g.attnum is null or not g.attnum = any (k.conkey)) and k.conparentid = 0
union all select g.place, format('the publication %I of %s', b.pubname, g.tab),
        'its list of columns lacks the tenant''s, by which rows are then replicated: take the table out of it, and add it '
        'again afterwards with the column'
    from guarded g join pg_publication_rel p on p.prrelid = g.relid and p.prattrs is not null
    join pg_publication b on b.oid = p.prpubid and (b.pubupdate or b.pubdelete)
    where (g.attnum is null or not g.attnum = any (p.prattrs::int2[])) and g.relreplident in ('d', 'i')"
);

/// About foreign keys.
const FOREIGN_KEYS: &str = concat!(
    remade_foreign_keys!(),
    "
, due as (
    select u.*, o.relid as own, o.place, format('%I on %s', k.conname, coalesce(o.tab, k.conrelid::regclass::text)) as object,
        k.confmatchtype, k.confupdtype, r.place as other_place, r.tab as other_tab,
        k.conkey && array[o.attnum] as names_own, k.confkey && array[r.attnum] as names_other
    from unpaired u join pg_constraint k on k.oid = u.oid join guarded r on r.relid = k.confrelid
    left join guarded o on o.relid = k.conrelid
)
select other_place as place, object, format('it refers to %s, and its own table is not declared: declare it, or take in all '
        'such tables by `with_referring_tables`', other_tab) as reason
    from due where own is null and conparentid = 0
union all select place, object, 'MATCH FULL over several columns, or ON UPDATE SET NULL or DEFAULT, cannot hold the tenant'
    from due where own is not null and (confmatchtype = 'f' and cardinality(conkey) > 1 or confupdtype in ('n', 'd'))
-- Numbers are compared with numbers of all lengths, and texts with texts.
union all select u.place, u.object, format('the tenant''s column is %s in its own table, and %s in %s: declare columns of one type',
        c.type, p.type, u.other_tab)
    from due u join declared c on c.place = u.place join declared p on p.place = u.other_place
    where (select typcategory from pg_type where oid = c.type::regtype)
        <> (select typcategory from pg_type where oid = p.type::regtype)
union all select place, object, 'it names the tenant''s column, and does not pair it with that of the other table'
    from due where own is not null and (names_own or names_other)
union all select place, object, 'it has 32 columns, and can have no more' from due
    where own is not null and cardinality(conkey) >= 32
union all select place, object, 'its trigger is disabled, which a new key''s would not be: enable it' from due u
    where own is not null and exists (select from pg_trigger t where t.tgconstraint = u.oid and t.tgenabled <> 'O')"
);

impl PgRowTables {
    /// All objects that need a decision, each once, with the reasons, in the order of the declared tables.
    pub(super) async fn adoption_refusals(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Vec<(String, String)>, sqlx::Error> {
        let tables = TABLES.replace("MIGRATION_TABLES", &text_array(MIGRATION_TABLES));
        let roles = self.applications().iter().chain([self.administrator()]);
        let roles = ROLES.replace("ROLES", &text_array(roles.map(PgIdentifier::as_str)));
        let mut found: Vec<(i64, String, String)> = Vec::new();
        for sql in [&*roles, &*tables, ROW_TYPES, KEYS, FOREIGN_KEYS] {
            for row in self.adoption_query(connection, sql).await? {
                found.push((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
            }
        }
        found.sort_by_key(|(place, ..)| *place);
        let mut refusals: Vec<(String, String)> = Vec::new();
        for (_, object, reason) in found {
            match refusals.iter_mut().find(|(other, _)| *other == object) {
                None => refusals.push((object, reason)),
                Some((_, reasons)) if reasons.contains(&reason) => {}
                Some((_, reasons)) => {
                    reasons.push_str("; ");
                    reasons.push_str(&reason);
                }
            }
        }
        Ok(refusals)
    }
}
