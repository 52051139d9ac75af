//! The roles, tables and views that the checks are about.

/// Common table expressions that every [`Check`](crate::postgres::row::verify::Check) can use:
///
/// - `declared`: the declared tables, each with its place in the declaration from 1 on, and with what the catalog has of
///   them (`relid` and `attnum` are null if it has nothing);
/// - `guarded`: the declared tables that exist, and all their partitions and inheritance children, of any depth and in
///   any schema. A child has columns in an order of its own, so `attnum` is looked up by the column's name;
/// - `exposed`: the relations by whose name a row of a guarded table can be read: these, and the tables that they
///   inherit from;
/// - `readers`: the views and tables whose rules read an exposed relation, directly or through other views;
/// - `declared_views`: the declared views;
/// - `application`, `administrator`: the two roles;
/// - `acting`: the roles whose rights the application has. Roles that see everything are not among them, since they
///   have a finding of their own, and would make every other one meaningless;
/// - `seeing`: the roles for which no policy holds;
/// - `writable`: the relations that the application can cause to be written, and the events as `pg_trigger.tgtype` spells
///   them (4 insert, 8 delete, 16 update, 32 truncate): directly, on partitions (where an update can move a row), through
///   views and rules, by the actions of foreign keys, and by whatever the owner of a `SECURITY DEFINER` function or
///   trigger that it starts can write. Owners who see everything have a finding of their own.
///
/// The parameters are `$1` to `$3` the declared tables' schemas, names and tenant columns, `$4` a role of the
/// application, `$5` the administrator's, `$6` the rights to each table, `$7` and `$8` the declared views' schemas and names, `$9`
/// the setting's name, `$10` all roles of the application, and `$11` whether the administrator verifies.
pub(super) const RELATIONS: &str = "with recursive declared as (
    select d.schema, d.name, d.col, c.oid as relid, c.relkind, c.relowner, c.relrowsecurity, c.relforcerowsecurity,
        c.relacl, a.attnum, a.attnotnull, a.atttypid, format('%I.%I', d.schema, d.name) as tab, d.rights, d.place
    from unnest($1::text[], $2::text[], $3::text[], $6::text[]) with ordinality as d(schema, name, col, rights, place)
    left join pg_namespace n on n.nspname = d.schema
    left join pg_class c on c.relnamespace = n.oid and c.relname = d.name
    left join pg_attribute a on a.attrelid = c.oid and a.attname = d.col and not a.attisdropped
), lineage as (
    select relid, col from declared where relid is not null
    union select i.inhrelid, l.col from lineage l join pg_inherits i on i.inhparent = l.relid
), guarded as (
    select l.relid, l.col, c.relkind, c.relowner, c.relnamespace, a.attnum, a.attnotnull, a.attcollation,
        format('%I.%I', n.nspname, c.relname) as tab, l.relid in (select relid from declared) as is_declared
    from lineage l join pg_class c on c.oid = l.relid join pg_namespace n on n.oid = c.relnamespace
    left join pg_attribute a on a.attrelid = l.relid and a.attname = l.col and not a.attisdropped
), exposed as (
    select relid from guarded
    union select i.inhparent from exposed e join pg_inherits i on i.inhrelid = e.relid
), readers as (
    select r.ev_class from exposed e join pg_depend p on p.refobjid = e.relid and p.refclassid = 'pg_class'::regclass
        and p.classid = 'pg_rewrite'::regclass join pg_rewrite r on r.oid = p.objid
    union select r.ev_class from readers b join pg_depend p on p.refobjid = b.ev_class
        and p.refclassid = 'pg_class'::regclass and p.classid = 'pg_rewrite'::regclass
        join pg_rewrite r on r.oid = p.objid
), declared_views as (
    select c.oid as relid, c.relkind, n.oid as schema, format('%I.%I', d.schema, d.name) as tab, d.schema as schema_name
    from unnest($7::text[], $8::text[]) as d(schema, name)
    left join pg_namespace n on n.nspname = d.schema
    left join pg_class c on c.relnamespace = n.oid and c.relname = d.name
), application as (
    select oid, rolname from pg_roles where rolname = $4
), administrator as (
    select oid, rolname from pg_roles where rolname = $5
), acting as (
    select a.oid, a.rolname from application a join pg_roles r on r.oid = a.oid where not r.rolsuper
    union select r.oid, r.rolname from acting a join pg_auth_members m on m.member = a.oid
        join pg_roles r on r.oid = m.roleid
        where not r.rolsuper and r.oid not in (select oid from administrator)
            and r.oid not in (select relowner from guarded)
), seeing as (
    select r.oid from pg_roles r where r.rolsuper or r.rolbypassrls or exists (
        select from (select relowner from guarded union select oid from administrator) as m(oid)
        where pg_has_role(r.oid, m.oid, 'usage'))
), lending as (
    select f.oid, f.proowner, f.prorettype = 'trigger'::regtype as is_trigger from pg_proc f
    where f.prosecdef and f.proowner not in (select oid from seeing) and f.prorettype <> 'event_trigger'::regtype
        and not exists (select from pg_depend e where e.classid = 'pg_proc'::regclass and e.objid = f.oid and e.deptype = 'e')
), writers as materialized (
    select oid, true as is_acting from acting union select proowner, false from lending
), written_by(writer, is_acting, relid, event) as materialized (
    select w.oid, w.is_acting, c.oid, e.event from pg_class c join pg_namespace n on n.oid = c.relnamespace cross join writers w
    cross join (values (4, 'insert'), (8, 'delete'), (16, 'update'), (32, 'truncate')) as e(event, privilege)
    where c.relkind in ('r', 'p', 'v', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
        and has_schema_privilege(w.oid, n.oid, 'usage')
        and case when e.event in (4, 16) then has_any_column_privilege(w.oid, c.oid, e.privilege)
            else has_table_privilege(w.oid, c.oid, e.privilege) end
), writable(relid, event) as (
    select b.relid, b.event from written_by b where b.is_acting or b.writer in (
        select f.proowner from lending f cross join acting a where not f.is_trigger
            and has_function_privilege(a.oid, f.oid, 'execute'))
    union select next.relid, next.event from writable w cross join lateral (
        select i.inhrelid, e.event from pg_inherits i cross join (values (4), (8), (16), (32)) as e(event)
        where i.inhparent = w.relid and (e.event = w.event or w.event = 16 and e.event in (4, 8))
        union all select p.refobjid, e.event from pg_rewrite r
        join pg_depend p on p.classid = 'pg_rewrite'::regclass and p.objid = r.oid
            and p.refclassid = 'pg_class'::regclass and p.refobjid <> r.ev_class
        cross join (values (4), (8), (16)) as e(event) where r.ev_class = w.relid
        union all select k.conrelid, e.event from pg_constraint k cross join (values (8), (16)) as e(event)
        where k.contype = 'f' and k.confrelid = w.relid and case
            when w.event = 8 and e.event = 8 then k.confdeltype = 'c'
            when w.event = 8 then k.confdeltype in ('n', 'd')
            else w.event = 16 and e.event = 16 and k.confupdtype in ('c', 'n', 'd') end
        union all select b.relid, b.event from pg_trigger t join lending f on f.oid = t.tgfoid
        join written_by b on b.writer = f.proowner
        where t.tgrelid = w.relid and t.tgtype & w.event <> 0 and t.tgenabled in ('O', 'A')
    ) as next(relid, event)
)";
