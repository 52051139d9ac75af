//! What this transaction made or altered outside of the tenant's schema, asked of the catalogs.

/// Whether this transaction wrote the row of a catalog: its savepoints, too, which have numbers of their own. A number
/// that is visible and in progress is this transaction's.
fn is_mine(row: &str) -> String {
    format!(
        "(case when age(mine.top)::int8 - age({row}.xmin) >= 0 then pg_xact_status(
            (mine.number + age(mine.top) - age({row}.xmin))::text::xid8) = 'in progress' else false end)"
    )
}

/// What else than relations and types is in a schema: the catalogs, and their columns that name it.
const IN_SCHEMAS: [(&str, &str); 11] = [
    ("pg_proc", "pronamespace"),
    ("pg_operator", "oprnamespace"),
    ("pg_opclass", "opcnamespace"),
    ("pg_opfamily", "opfnamespace"),
    ("pg_collation", "collnamespace"),
    ("pg_conversion", "connamespace"),
    ("pg_ts_config", "cfgnamespace"),
    ("pg_ts_dict", "dictnamespace"),
    ("pg_ts_parser", "prsnamespace"),
    ("pg_ts_template", "tmplnamespace"),
    ("pg_statistic_ext", "stxnamespace"),
];

/// The schemas that are locked as what makes an object in them locks them, and in which nothing was made. PostgreSQL 15.18
/// locks them for relations, 15.20 for functions and the like as well, and so for an extension's.
fn schemas_locked_for_nothing() -> String {
    let mut sql = "
union select format('a relation in the schema %I that was there already', o.nspname)
from locks l join outside o on o.oid = l.objid cross join mine
where l.locktype = 'object' and l.classid = 'pg_namespace'::regclass and l.mode = 'AccessShareLock'
    and not exists (select from written w where w.relnamespace = o.oid)"
        .to_owned();
    for (catalog, schema) in IN_SCHEMAS.into_iter().chain([("pg_type", "typnamespace")]) {
        let is_mine = is_mine("m");
        sql.push_str(&format!(
            "\n    and not exists (select from {catalog} m where m.{schema} = o.oid and {is_mine})"
        ));
    }
    sql
}

/// What there is outside of the schema `$1` that this transaction made or altered, with its kind. `$2` are the shared
/// schemas, `$3` what the tenant's foreign keys referred to before.
pub(super) fn changed_sql() -> String {
    let mut sql = BASE.replace("IS_MINE(c)", &is_mine("c"));
    sql.push_str(&schemas_locked_for_nothing());
    for (catalog, schema) in IN_SCHEMAS {
        let condition = "not o.is_shared";
        sql.push_str(&in_a_schema(catalog, schema, condition));
    }
    let type_alone = "not o.is_shared and x.typrelid = 0 and x.typcategory <> 'A'";
    sql.push_str(&in_a_schema("pg_type", "typnamespace", type_alone));
    let of_a_domain = "not o.is_shared and x.contypid <> 0";
    sql.push_str(&in_a_schema("pg_constraint", "connamespace", of_a_domain));
    for catalog in [
        "pg_publication",
        "pg_event_trigger",
        "pg_foreign_data_wrapper",
        "pg_foreign_server",
        "pg_language",
    ] {
        sql.push_str(&of_the_database(catalog, "true"));
    }
    let elsewhere = "not exists (select from pg_namespace n
        where n.oid = x.extnamespace and n.nspname = any ($2))";
    sql.push_str(&of_the_database("pg_extension", elsewhere));
    let of_types_elsewhere = "not exists (select from pg_type t join pg_namespace n on n.oid = t.typnamespace
        where t.oid in (x.castsource, x.casttarget) and n.nspname = any ($2 || $1::text))";
    sql.push_str(&of_the_database("pg_cast", of_types_elsewhere));
    sql.push_str(&of_the_database(
        "pg_default_acl",
        "x.defaclnamespace <> coalesce((select oid from own), 0)",
    ));
    sql.push_str(&format!(
        "\nunion select format('database %I', x.datname) from pg_database x cross join mine where {}",
        is_mine("x")
    ));
    sql.push_str(&format!(
        "\nunion select format('large object %s', x.oid) from pg_largeobject_metadata x cross join mine where {}",
        is_mine("x")
    ));
    for (catalog, relation, condition) in [
        ("pg_trigger", "tgrelid", "not x.tgisinternal"),
        ("pg_constraint", "conrelid", "true"),
        ("pg_policy", "polrelid", "true"),
        ("pg_rewrite", "ev_class", "true"),
        ("pg_attrdef", "adrelid", "true"),
    ] {
        sql.push_str(&of_a_referenced_table(catalog, relation, condition));
    }
    sql
}

fn in_a_schema(catalog: &str, schema: &str, condition: &str) -> String {
    changed_rows(catalog, &format!("join outside o on o.oid = x.{schema}"), condition)
}

fn of_the_database(catalog: &str, condition: &str) -> String {
    changed_rows(catalog, "", condition)
}

/// A foreign key locks the table that it refers to, so that what else changed there is asked for by itself.
fn of_a_referenced_table(catalog: &str, relation: &str, condition: &str) -> String {
    changed_rows(
        catalog,
        &format!("join referenced r on r.oid = x.{relation}"),
        condition,
    )
}

fn changed_rows(catalog: &str, join: &str, condition: &str) -> String {
    let is_mine = is_mine("x");
    format!(
        "
union select (select format('%s %s', i.type, i.identity) from pg_identify_object('{catalog}'::regclass, x.oid, 0) i)
from {catalog} x {join} cross join mine where {condition} and {is_mine}"
    )
}

/// Schemas and relations.
///
/// - A relation: by its lock, by a change of rights, and by a new column of a table that a foreign key locks as well. In a
///   shared schema an extension's are its own matter, rows may be written, and a type is no table.
/// - What else is in a schema, such as the values of an enum: by its lock. An array goes with its element.
/// - A schema: made or altered; or one in which a relation was to be made that exists already. That locks it, and nothing
///   else is to be seen of it.
const BASE: &str = "
with mine as materialized (
    select pg_current_xact_id()::xid as top, pg_current_xact_id()::text::int8 as number
), own as (
    select oid from pg_namespace where nspname = $1
), outside as materialized (
    select oid, nspname, nspname = any ($2) as is_shared, xmin from pg_namespace
    where nspname <> $1 and nspname !~ '^pg_' and nspname <> 'information_schema'
), locks as materialized (
    select locktype, relation, classid, objid, mode from pg_locks
    where pid = pg_backend_pid() and locktype in ('relation', 'object')
        and database = (select oid from pg_database where datname = current_database())
), new_key as (
    select k.confrelid as oid from pg_constraint k join own on own.oid = k.connamespace where k.contype = 'f'
), referenced as materialized (
    select c.oid from pg_class c join outside o on o.oid = c.relnamespace
    where c.oid = any ($3::oid[]) or c.oid in (select oid from new_key)
), written as materialized (
    select c.oid, c.relkind, c.relnamespace, o.nspname, o.is_shared,
        exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid
            and d.deptype = 'e') as is_extensions
    from pg_class c join outside o on o.oid = c.relnamespace cross join mine
    where IS_MINE(c)
), touched as (
    select c.oid from locks l join pg_class c on c.oid = l.relation join outside o on o.oid = c.relnamespace
    where l.mode not in ('AccessShareLock', 'RowShareLock') and not (o.is_shared and l.mode = 'RowExclusiveLock')
        and not (l.mode in ('ShareRowExclusiveLock', 'AccessExclusiveLock') and c.oid in (select oid from referenced))
        and not (o.is_shared and (c.relkind = 'c' or exists (select from pg_depend d
            where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')))
    union
    select oid from written where not (is_shared and (is_extensions or relkind = 'c'))
        and oid not in (select oid from new_key)
    union
    select c.attrelid from referenced r join pg_attribute c on c.attrelid = r.oid cross join mine
    where c.attnum > 0 and IS_MINE(c)
)
select format('%s %s', i.type, i.identity) as name
from touched t cross join lateral pg_identify_object('pg_class'::regclass, t.oid, 0) i
union select format('%s %s', i.type, i.identity)
from locks l cross join lateral pg_identify_object(l.classid, l.objid, 0) i join outside o on i.schema = quote_ident(o.nspname)
where l.locktype = 'object' and l.mode <> 'AccessShareLock' and not o.is_shared
    and not exists (select from pg_type t where l.classid = 'pg_type'::regclass and t.oid = l.objid and t.typcategory = 'A')
union select format('schema %I', c.nspname) from outside c cross join mine where not c.is_shared and IS_MINE(c)";
