//! What an adoption leaves as it is, and may work otherwise than before.

use sqlx::{PgConnection, Row};

use super::migration_tables::POSSIBLE_MIGRATION_TABLES;
use super::report::{PgAdoptionHazard, PgAdoptionWarning};
use crate::postgres::identifier::text_array;
use crate::postgres::row::policies::guard::PIN;
use crate::postgres::row::row_tables::PgRowTables;
use crate::transaction::begin::begin_lent;

/// Functions whose text names a declared table, without comments and in lower case. What extensions and the server bring
/// is left out.
macro_rules! bodies {
    () => {
        r"
, bodies as materialized (
    select f.oid::regprocedure::text as name, texts.body, d.relid, lower(d.col) as col
    from pg_proc f join pg_namespace n on n.oid = f.pronamespace join pg_language l on l.oid = f.prolang
    cross join lateral (select lower(regexp_replace(regexp_replace(coalesce(pg_get_function_sqlbody(f.oid), f.prosrc),
        '/\*.*?\*/', ' ', 'g'), '--[^\n]*', ' ', 'g'))) as texts(body)
    join declared d on d.relid is not null and position(lower(d.name) in texts.body) > 0
    where l.lanname not in ('internal', 'c') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
        and not exists (select from pg_depend e where e.classid = 'pg_proc'::regclass and e.objid = f.oid and e.deptype = 'e')
)"
    };
}

/// An `on conflict` whose columns are not together with the tenant's.
const UPSERTS: &str = concat!(
    bodies!(),
    r"
select distinct b.name from bodies b
cross join lateral regexp_matches(b.body, 'on\s+conflict\s*\(([^)]*)', 'g') as target(parts)
where position(b.col in target.parts[1]) = 0 order by 1"
);

/// A `group by` that names all columns of the primary key but the tenant's, or columns by number.
const GROUPS: &str = concat!(
    bodies!(),
    r"
select distinct b.name from bodies b
cross join lateral regexp_matches(b.body, 'group\s+by\s+([^;]*)', 'g') as grouped(parts)
join pg_index i on i.indrelid = b.relid and i.indisprimary
where position(b.col in grouped.parts[1]) = 0 and (grouped.parts[1] ~ '^[0-9]' or not exists (
    select from unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) as k(attnum)
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
    where lower(a.attname) <> b.col and position(lower(a.attname) in grouped.parts[1]) = 0))
order by 1"
);

macro_rules! readers {
    () => {
        "
, readers as (
    select r.ev_class from guarded g join pg_depend p on p.refobjid = g.relid and p.refclassid = 'pg_class'::regclass
        and p.classid = 'pg_rewrite'::regclass join pg_rewrite r on r.oid = p.objid
    union select r.ev_class from readers b join pg_depend p on p.refobjid = b.ev_class
        and p.refclassid = 'pg_class'::regclass and p.classid = 'pg_rewrite'::regclass join pg_rewrite r on r.oid = p.objid
)"
    };
}

const MATERIALIZED_VIEWS: &str = concat!(
    readers!(),
    "
select distinct v.oid::regclass::text from readers b join pg_class v on v.oid = b.ev_class where v.relkind = 'm' order by 1"
);

const VIEWS: &str = concat!(
    readers!(),
    "
select distinct v.oid::regclass::text from readers b join pg_class v on v.oid = b.ev_class
where v.relkind = 'v' and not exists (select from pg_options_to_table(v.reloptions) o
    where o.option_name = 'security_invoker' and o.option_value::boolean)
order by 1"
);

/// For a role of the application, for one whose member it is, or for everybody.
const POLICIES: &str = "
select distinct format('%I on %s', p.polname, d.tab)
from declared d join pg_policy p on p.polrelid = d.relid and p.polpermissive
where p.polname not in ('tenancy_application', 'tenancy_administrator') and exists (select from unnest(p.polroles) as r(oid)
    where r.oid = 0 or exists (select from application a where pg_has_role(a.oid, r.oid, 'usage')))
order by 1";

const MIGRATIONS: &str = "
select distinct tab from declared where lower(name) = any (POSSIBLE) order by 1";

impl PgRowTables {
    /// Looks for what an adoption leaves as it is and may work otherwise than before: functions that upsert or group by a
    /// key which has the tenant's column in front, views that read tenants' rows as their owner, and permissive policies of
    /// the tables' own.
    ///
    /// [`adopt`](Self::adopt) returns the same. It is for those who run [`adoption_sql`](Self::adoption_sql) themselves.
    /// A function's text is searched, so a statement that it puts together, and the application's own, are not found.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, close the connection: it may be left inside a transaction.
    ///
    /// # Errors
    ///
    /// If the catalog cannot be read.
    pub async fn adoption_warnings(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Vec<PgAdoptionWarning>, sqlx::Error> {
        let migrations = MIGRATIONS.replace("POSSIBLE", &text_array(POSSIBLE_MIGRATION_TABLES));
        let mut tx = begin_lent(connection, None).await?;
        sqlx::raw_sql(PIN).execute(&mut *tx).await?;
        let mut warnings = Vec::new();
        for (hazard, sql) in [
            (PgAdoptionHazard::Upsert, UPSERTS),
            (PgAdoptionHazard::GroupBy, GROUPS),
            (PgAdoptionHazard::MaterializedView, MATERIALIZED_VIEWS),
            (PgAdoptionHazard::ViewAsOwner, VIEWS),
            (PgAdoptionHazard::PermissivePolicy, POLICIES),
            (PgAdoptionHazard::MigrationTable, &migrations),
        ] {
            for row in self.adoption_query(&mut tx, sql).await? {
                let object = row.try_get(0)?;
                warnings.push(PgAdoptionWarning { hazard, object });
            }
        }
        tx.rollback().await?;
        Ok(warnings)
    }
}
