//! What migrations changed outside of the tenant's schema.
//!
//! A migration that names another schema succeeds for each tenant, and leaves one table for all of them. Nothing of it
//! is in the tenant's schema, so the catalog is asked about everything else: which rows of it this transaction wrote,
//! and what it holds locked. PostgreSQL keeps locks until the transaction ends, also those on what is dropped, and
//! `create table if not exists` locks the schema even where the table exists and nothing is made.

use sqlx::postgres::types::Oid;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::server_wide::{self, PresetPaths};
use crate::StrategyError;
use crate::postgres::identifier::{Literal, PgIdentifier};

/// A watch over everything but the tenant's schema, from before the migrations until after them.
pub(in crate::postgres) struct OutsideWatch<'w> {
    schema: &'w PgIdentifier,
    /// In these, extensions, types and functions are everybody's, and rows of tables may be written.
    shared: &'w [PgIdentifier],
    /// The search path of the session.
    search_path: String,
    presets: PresetPaths,
    /// What foreign keys of the tenant's referred to before: dropping one locks its other table.
    referenced: Vec<Oid>,
}

impl<'w> OutsideWatch<'w> {
    /// One round trip.
    pub(in crate::postgres) async fn begin(
        transaction: &mut PgConnection,
        schema: &'w PgIdentifier,
        shared: &'w [PgIdentifier],
    ) -> Result<Self, StrategyError> {
        // A cursor goes on to see the catalog of now. What is locked is looked at when its rows are fetched.
        let sql = format!(
            "select pg_catalog.current_setting('search_path'), ({}), array({}); \
            declare tenancy_outside no scroll cursor for {}",
            server_wide::SEARCH_PATHS,
            referenced_sql(schema),
            locked_sql(schema)
        );
        let before = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(transaction).await?;
        let before = before.first().ok_or(sqlx::Error::RowNotFound)?;
        Ok(Self {
            schema,
            shared,
            search_path: before.try_get(0)?,
            presets: PresetPaths::new(before.try_get(1)?),
            referenced: before.try_get(2)?,
        })
    }

    /// Whether a migration has changed the search path, of its session or of later ones: names would mean something else.
    pub(in crate::postgres) async fn has_search_path_changed(
        &self,
        transaction: &mut PgConnection,
    ) -> Result<bool, StrategyError> {
        let sql = format!(
            "select pg_catalog.current_setting('search_path'), array({})",
            server_wide::WRITTEN
        );
        let now = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(&mut *transaction).await?;
        let (search_path, written): (String, Vec<String>) = (now.try_get(0)?, now.try_get(1)?);
        Ok(search_path != self.search_path || self.presets.have_changed(&written, transaction).await?)
    }

    /// Refuses by name what changed, was made or was dropped outside.
    ///
    /// Deferred triggers run first. No name is looked up where a migration could have put one; the search path is
    /// another afterwards.
    pub(in crate::postgres) async fn end(self, transaction: &mut PgConnection) -> Result<(), StrategyError> {
        let sql = format!(
            "set constraints all immediate; set local search_path = pg_catalog, pg_temp; \
            fetch all from tenancy_outside; close tenancy_outside; {}",
            server_wide::WRITTEN
        );
        let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut *transaction).await?;
        let (mut locked, mut objects) = (Vec::new(), Vec::new());
        for row in rows {
            // The cursor's rows have three columns.
            if row.len() == 1 {
                objects.push(row.try_get(0)?);
            } else {
                locked.push((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
            }
        }
        objects.extend(self.changed(transaction).await?);
        objects.extend(self.vanished(transaction, locked).await?);
        if objects.is_empty() {
            return Ok(());
        }
        objects.sort();
        objects.dedup();
        let schema = self.schema.clone();
        Err(StrategyError::ChangedOutside { schema, objects })
    }

    async fn changed(&self, transaction: &mut PgConnection) -> Result<Vec<String>, StrategyError> {
        let shared: Vec<String> = self.shared.iter().map(|schema| schema.as_str().to_owned()).collect();
        let changed = sqlx::query_scalar(AssertSqlSafe(changed_sql()))
            .bind(self.schema.as_str())
            .bind(shared)
            .bind(&self.referenced)
            .fetch_all(transaction);
        Ok(changed.await?)
    }

    /// Of what was outside and is locked, what is gone or in the tenant's schema now.
    async fn vanished(
        &self,
        transaction: &mut PgConnection,
        locked: Vec<(Oid, Oid, String)>,
    ) -> Result<Vec<String>, StrategyError> {
        if locked.is_empty() {
            return Ok(Vec::new());
        }
        let (mut classes, mut objects, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for (class, object, name) in locked {
            classes.push(class);
            objects.push(object);
            names.push(name);
        }
        let vanished = sqlx::query_scalar(VANISHED)
            .bind(classes)
            .bind(objects)
            .bind(names)
            .bind(self.schema.as_str())
            .fetch_all(transaction);
        Ok(vanished.await?)
    }
}

/// The tables that foreign keys of the schema refer to elsewhere.
fn referenced_sql(schema: &PgIdentifier) -> String {
    format!(
        "select distinct k.confrelid from pg_catalog.pg_constraint k
        join pg_catalog.pg_namespace n on n.oid = k.connamespace
        where n.nspname = {} and k.contype = 'f'",
        Literal(schema.as_str())
    )
}

/// What is outside of the schema when the query begins, and locked by this session when it is fetched as only what
/// alters or drops locks it: the class, the object, and what it is called.
fn locked_sql(schema: &PgIdentifier) -> String {
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
const VANISHED: &str = "
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
fn changed_sql() -> String {
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
