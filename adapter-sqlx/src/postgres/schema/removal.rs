//! A tenant's schema, removed with what is in it and with nothing else.

use sqlx::{AssertSqlSafe, PgConnection};
use tenancy_core::names::TenantId;

use crate::StrategyError;
use crate::postgres::execute::execute;
use crate::postgres::identifier::{Literal, PgIdentifier};
use crate::postgres::tenant_schema::lock::lock;
use crate::postgres::versions;
use crate::transaction::begin::begin_lent;

/// Removes the schema. The connection must not be used afterwards: it holds a lock until it is closed.
///
/// `drop schema … cascade` takes with it whatever depends on anything in the schema, wherever that is: a view of
/// another service, a column of another tenant's table. So all that would go is looked up first, and refused by name
/// where it is outside. Without `cascade` PostgreSQL would drop no schema that has anything in it.
pub(in crate::postgres) async fn remove(
    connection: &mut PgConnection,
    tenant: &TenantId,
    schema: &PgIdentifier,
) -> Result<(), StrategyError> {
    // Of the session, and before the transaction: what waits for the lock in a transaction looks at catalogs as
    // they were before the wait.
    lock(connection, schema).await?;
    let tables: Vec<String> = sqlx::query_scalar(OWN_TABLES)
        .bind(schema.as_str())
        .fetch_all(&mut *connection)
        .await?;
    // One snapshot, so that the counts before and after differ by what this transaction does and nothing else.
    let begin = "begin isolation level repeatable read, read write; set local lock_timeout = '30s'";
    let mut tx = begin_lent(connection, Some(begin)).await?;
    if !tables.is_empty() {
        // Nobody can make a view or a foreign key of these any more.
        let tables: Vec<String> = tables.iter().map(|table| format!("only {table}")).collect();
        execute(
            &mut tx,
            format!("lock table {} in access exclusive mode", tables.join(", ")),
        )
        .await?;
    }
    execute(&mut tx, "set local search_path = pg_catalog, pg_temp".to_owned()).await?;
    let objects: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!("{CASCADE}{NOT_THE_TENANTS}")))
        .bind(schema.as_str())
        .fetch_all(&mut *tx)
        .await?;
    if !objects.is_empty() {
        let tenant = tenant.clone();
        return Err(StrategyError::WouldRemoveMore { tenant, objects });
    }
    let before = count_outside(&mut tx, schema).await?;
    execute(&mut tx, format!("drop schema if exists {schema} cascade")).await?;
    versions::forget(&mut tx, tenant).await?;
    let after = count_outside(&mut tx, schema).await?;
    if before != after {
        let reason =
            format!("the removal of the schema {schema} would change what is outside of it: {before:?}, {after:?}");
        return Err(StrategyError::other(reason));
    }
    Ok(tx.commit().await?)
}

/// How many objects of each kind there are outside of the schema.
async fn count_outside(transaction: &mut PgConnection, schema: &PgIdentifier) -> Result<Vec<i64>, StrategyError> {
    let sql = format!(
        "with target as (select {}::text as name), inside as (
            select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname = (select name from target) or n.nspname ~ '^pg_toast'
        ), schemas as (
            select oid from pg_namespace where nspname = (select name from target)
        ){OUTSIDE_COUNTS}",
        Literal(schema.as_str())
    );
    let counted = sqlx::query_scalar(AssertSqlSafe(sql));
    Ok(counted.fetch_one(transaction).await?)
}

/// Triggers of foreign keys are internal: those of the tenant's keys stand on the tables that they refer to.
const OUTSIDE_COUNTS: &str = "
select array[
    (select count(*) from pg_namespace where oid not in (select oid from schemas)),
    (select count(*) from pg_class where oid not in (select oid from inside)),
    (select count(*) from pg_attribute where not attisdropped and attrelid not in (select oid from inside)),
    (select count(*) from pg_attrdef where adrelid not in (select oid from inside)),
    (select count(*) from pg_constraint where connamespace not in (select oid from schemas)),
    (select count(*) from pg_trigger where not tgisinternal and tgrelid not in (select oid from inside)),
    (select count(*) from pg_rewrite where ev_class not in (select oid from inside)),
    (select count(*) from pg_policy where polrelid not in (select oid from inside)),
    (select count(*) from pg_inherits where inhparent not in (select oid from inside)
        and inhrelid not in (select oid from inside)),
    (select count(*) from pg_proc where pronamespace not in (select oid from schemas)),
    (select count(*) from pg_type where typnamespace not in (select oid from schemas)),
    (select count(*) from pg_operator where oprnamespace not in (select oid from schemas)),
    (select count(*) from pg_opclass where opcnamespace not in (select oid from schemas)),
    (select count(*) from pg_statistic_ext where stxnamespace not in (select oid from schemas)),
    (select count(*) from pg_extension where extnamespace not in (select oid from schemas)),
    (select count(*) from pg_publication),
    (select count(*) from pg_event_trigger),
    (select count(*) from pg_foreign_server)
]";

/// The tables of the schema that the administrator may lock.
const OWN_TABLES: &str = "
select pg_catalog.format('%I.%I', n.nspname, c.relname)
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relkind in ('r', 'p') and pg_catalog.pg_has_role(c.relowner, 'usage')
order by c.oid";

/// All that `cascade` would take with the schema `$1`, and what belongs to the schema.
///
/// An object goes with what it depends on. A part of another object, or of an extension, takes the whole with it. What
/// has no schema of its own belongs where the object is that it is a part of; the membership of a table in a publication
/// is the table's.
const CASCADE: &str = "
with recursive target as (
    select oid from pg_namespace where nspname = $1
), cascade(classid, objid, objsubid) as (
    select 'pg_namespace'::regclass::oid, oid, 0 from target
    union
    select next.classid, next.objid, next.objsubid from cascade c cross join lateral (
        select d.classid, d.objid, d.objsubid from pg_depend d
        where d.refclassid = c.classid and d.refobjid = c.objid and (c.objsubid = 0 or d.refobjsubid = c.objsubid)
        union all
        select d.refclassid, d.refobjid, d.refobjsubid from pg_depend d
        where d.classid = c.classid and d.objid = c.objid and (c.objsubid = 0 or d.objsubid = c.objsubid)
            and d.deptype in ('i', 'e')
    ) next
), relation as (
    select c.oid, c.relkind, c.relowner from pg_class c join target on c.relnamespace = target.oid
), extension as (
    select e.oid from pg_extension e join target on e.extnamespace = target.oid
), inside(classid, objid) as (
    select 'pg_namespace'::regclass::oid, oid from target
    union all select 'pg_class'::regclass, oid from relation
    union all select 'pg_class'::regclass, oid from pg_class where relnamespace = 'pg_toast'::regnamespace
    union all select 'pg_attrdef'::regclass, oid from pg_attrdef where adrelid in (select oid from relation)
    union all select 'pg_rewrite'::regclass, oid from pg_rewrite where ev_class in (select oid from relation)
    union all select 'pg_policy'::regclass, oid from pg_policy where polrelid in (select oid from relation)
    union all select 'pg_trigger'::regclass, oid from pg_trigger where tgrelid in (select oid from relation)
    union all select 'pg_trigger'::regclass, t.oid from pg_trigger t join pg_constraint k on k.oid = t.tgconstraint
        join target on k.connamespace = target.oid where t.tgisinternal
    union all select 'pg_publication_rel'::regclass, oid from pg_publication_rel
        where prrelid in (select oid from relation)
    union all select 'pg_publication_namespace'::regclass, p.oid from pg_publication_namespace p
        join target on p.pnnspid = target.oid
    union all select 'pg_constraint'::regclass, k.oid from pg_constraint k join target on k.connamespace = target.oid
    union all select 'pg_proc'::regclass, p.oid from pg_proc p join target on p.pronamespace = target.oid
    union all select 'pg_type'::regclass, t.oid from pg_type t join target on t.typnamespace = target.oid
    union all select 'pg_operator'::regclass, o.oid from pg_operator o join target on o.oprnamespace = target.oid
    union all select 'pg_opclass'::regclass, o.oid from pg_opclass o join target on o.opcnamespace = target.oid
    union all select 'pg_opfamily'::regclass, f.oid from pg_opfamily f join target on f.opfnamespace = target.oid
    union all select 'pg_amop'::regclass, a.oid from pg_amop a join pg_opfamily f on f.oid = a.amopfamily
        join target on f.opfnamespace = target.oid
    union all select 'pg_amproc'::regclass, a.oid from pg_amproc a join pg_opfamily f on f.oid = a.amprocfamily
        join target on f.opfnamespace = target.oid
    union all select 'pg_collation'::regclass, c.oid from pg_collation c join target on c.collnamespace = target.oid
    union all select 'pg_conversion'::regclass, c.oid from pg_conversion c join target on c.connamespace = target.oid
    union all select 'pg_ts_config'::regclass, c.oid from pg_ts_config c join target on c.cfgnamespace = target.oid
    union all select 'pg_ts_dict'::regclass, d.oid from pg_ts_dict d join target on d.dictnamespace = target.oid
    union all select 'pg_ts_parser'::regclass, p.oid from pg_ts_parser p join target on p.prsnamespace = target.oid
    union all select 'pg_ts_template'::regclass, t.oid from pg_ts_template t join target on t.tmplnamespace = target.oid
    union all select 'pg_statistic_ext'::regclass, s.oid from pg_statistic_ext s
        join target on s.stxnamespace = target.oid
    union all select 'pg_default_acl'::regclass, a.oid from pg_default_acl a join target on a.defaclnamespace = target.oid
    union all select 'pg_cast'::regclass, c.oid from pg_cast c join pg_type t on t.oid in (c.castsource, c.casttarget)
        join target on t.typnamespace = target.oid
    union all select 'pg_transform'::regclass, f.oid from pg_transform f join pg_type t on t.oid = f.trftype
        join target on t.typnamespace = target.oid
    union all select 'pg_extension'::regclass, oid from extension
    union all select d.classid, d.objid from pg_depend d
        where d.refclassid = 'pg_extension'::regclass and d.refobjid in (select oid from extension) and d.deptype = 'e'
            and d.classid in ('pg_foreign_data_wrapper'::regclass, 'pg_language'::regclass, 'pg_am'::regclass,
                'pg_cast'::regclass, 'pg_transform'::regclass)
)";

/// What would go and is not the tenant's: what is outside, less the parts of it, and what another role owns inside.
const NOT_THE_TENANTS: &str = "
, outside as (
    select c.* from cascade c where not exists (
        select from inside i where i.classid = c.classid and i.objid = c.objid)
), owned(classid, objid, owner) as (
    select 'pg_class'::regclass::oid, oid, relowner from relation where relkind not in ('i', 'I', 'c')
    union all select 'pg_proc'::regclass, p.oid, p.proowner from pg_proc p join target on p.pronamespace = target.oid
    union all select 'pg_type'::regclass, t.oid, t.typowner from pg_type t join target on t.typnamespace = target.oid
        where t.typcategory <> 'A' and t.typtype <> 'm'
            and (t.typrelid = 0 or exists (select from pg_class where oid = t.typrelid and relkind = 'c'))
)
select format('%s %s', object.type, object.identity) as name
from outside o cross join lateral pg_identify_object(o.classid, o.objid, o.objsubid) object
where not exists (select from outside whole
    where o.objsubid > 0 and whole.classid = o.classid and whole.objid = o.objid and whole.objsubid = 0)
and not exists (select from pg_depend d join outside whole
    on whole.classid = d.refclassid and whole.objid = d.refobjid
        and (whole.objsubid = 0 or whole.objsubid = d.refobjsubid)
    where d.classid = o.classid and d.objid = o.objid and d.deptype in ('i', 'a')
        and (whole.classid, whole.objid) <> (o.classid, o.objid))
union
select format('%s %s of the role %s', object.type, object.identity, quote_ident(pg_get_userbyid(w.owner)))
from owned w cross join lateral pg_identify_object(w.classid, w.objid, 0) object
where not pg_has_role(w.owner, 'usage') and not exists (select from pg_depend d
    where d.classid = w.classid and d.objid = w.objid and d.deptype = 'e')
order by name";
