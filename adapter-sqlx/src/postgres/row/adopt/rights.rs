//! Rights: the application's, on what is adopted for the first time, and nobody's on partitions.

use sqlx::{PgConnection, Row};

use crate::postgres::row::row_tables::PgRowTables;

/// What everybody or the application may do with a partition is taken away: a query of the partition does not ask the
/// policies of the table above it.
const PARTITIONS: &str = "
select distinct format('revoke all on table %s from %s', g.tab, string_agg(coalesce(quote_ident(a.rolname), 'public'), ', '
    order by a.rolname nulls first))
from guarded g join pg_class c on c.oid = g.relid
cross join lateral (select grantee from aclexplode(coalesce(c.relacl, acldefault('r', c.relowner)))
    union select o.grantee from pg_attribute t cross join lateral aclexplode(t.attacl) o
    where t.attrelid = c.oid and not t.attisdropped) r
left join application a on a.oid = r.grantee
where not g.is_declared and (r.grantee = 0 or a.oid is not null) group by g.tab order by 1";

/// The tables that have no policy of ours yet: their places in the declaration.
const NEW: &str = "
select d.place - 1 from declared d where d.relid is not null
    and not exists (select from pg_policy p where p.polrelid = d.relid and p.polname = 'tenancy_tenant') order by 1";

/// What lets each of the application's roles use the schema and the sequences of a table that has no policy of ours yet:
/// sequences that belong to its columns, or stand in its defaults, in functions whose bodies the catalog keeps too. An
/// identity column's needs no right. The first column is the table's place, for which it is needed to insert.
const OBJECTS: &str = "
, new as (
    select * from declared d where d.relid is not null
        and not exists (select from pg_policy p where p.polrelid = d.relid and p.polname = 'tenancy_tenant')
), used as (
    select d.place, e.oid as source, p.refclassid, p.refobjid from new d join pg_attrdef e on e.adrelid = d.relid
    join pg_depend p on p.classid = 'pg_attrdef'::regclass and p.objid = e.oid
    union select u.place, u.source, p.refclassid, p.refobjid from used u
    join pg_depend p on p.classid = u.refclassid and p.objid = u.refobjid and u.refclassid = 'pg_proc'::regclass
), sequences as (
    select u.place, u.refobjid as oid from used u where u.refclassid = 'pg_class'::regclass
    union select d.place, p.objid from new d join pg_depend p on p.classid = 'pg_class'::regclass and p.deptype = 'a'
        and p.refclassid = 'pg_class'::regclass and p.refobjid = d.relid and p.refobjsubid > 0
)
select distinct s.place - 1, format('grant usage on sequence %s to %I', c.oid::regclass, a.rolname), true
from sequences s join pg_class c on c.oid = s.oid and c.relkind = 'S' and pg_has_role(c.relowner, 'usage')
cross join application a where not has_sequence_privilege(a.oid, c.oid, 'usage')
union all select distinct d.place - 1, format('grant usage on schema %I to %I', n.nspname, a.rolname), false
from new d join pg_namespace n on n.nspname = d.schema and pg_has_role(n.nspowner, 'usage')
cross join application a where not has_schema_privilege(a.oid, n.oid, 'usage')
order by 2";

impl PgRowTables {
    /// The statements. What an operator revokes after the adoption stays revoked: a table with our policies gets nothing.
    pub(super) async fn rights_sql(&self, connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
        let mut statements = Vec::new();
        for row in self.adoption_query(connection, PARTITIONS).await? {
            statements.push(row.try_get(0)?);
        }
        let table = |place: i64| usize::try_from(place).ok().and_then(|place| self.tables().get(place));
        for row in self.adoption_query(connection, OBJECTS).await? {
            let is_for_inserts: bool = row.try_get(2)?;
            let inserts = table(row.try_get(0)?).is_some_and(|table| table.grants().inserts());
            let statement: String = row.try_get(1)?;
            if (inserts || !is_for_inserts) && !statements.contains(&statement) {
                statements.push(statement);
            }
        }
        let roles = self.application_list();
        for row in self.adoption_query(connection, NEW).await? {
            if let Some(table) = table(row.try_get(0)?).filter(|table| !table.grants().grants().is_empty()) {
                statements.push(format!("grant {} on table {table} to {roles}", table.grants()));
            }
        }
        Ok(statements)
    }
}
