//! What the catalog has of the declared tables before they are adopted.

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::postgres::row::row_tables::PgRowTables;
use crate::postgres::row::table::PgTenantTable;

/// Common table expressions that every query of an adoption can use:
///
/// - `declared`: the declared tables, each with its place in the declaration from 1 on. `relid` is null if there is no
///   such table, and `attnum` if the column is not there yet;
/// - `guarded`: the declared tables that exist, and all their partitions, of any depth and in any schema.
///
/// The parameters are `$1` to `$4` the declared tables' schemas, names, tenant columns and their types, and `$5` the
/// roles of the application.
const RELATIONS: &str = "with recursive declared as (
    select d.place, d.schema, d.name, d.col, d.type, c.oid as relid, c.relkind, c.relowner, c.relispartition, c.relnatts,
        c.reloftype, c.reltype, a.attnum, a.atttypid, a.attnotnull, a.attgenerated, a.attidentity,
        format('%I.%I', d.schema, d.name) as tab
    from unnest($1::text[], $2::text[], $3::text[], $4::text[]) with ordinality as d(schema, name, col, type, place)
    left join pg_namespace n on n.nspname = d.schema
    left join pg_class c on c.relnamespace = n.oid and c.relname = d.name
    left join pg_attribute a on a.attrelid = c.oid and a.attname = d.col and not a.attisdropped
), application as (
    select oid, rolname from pg_roles where rolname = any ($5::text[])
), lineage as (
    select relid, col, place from declared where relid is not null
    union select i.inhrelid, l.col, l.place from lineage l join pg_inherits i on i.inhparent = l.relid
), guarded as (
    select l.relid, l.col, l.place, c.relkind, c.relreplident, a.attnum, a.attcollation,
        format('%I.%I', n.nspname, c.relname) as tab, l.relid in (select relid from declared) as is_declared
    from lineage l join pg_class c on c.oid = l.relid join pg_namespace n on n.oid = c.relnamespace
    left join pg_attribute a on a.attrelid = l.relid and a.attname = l.col and not a.attisdropped
)";

impl PgRowTables {
    /// The answers to a query that stands behind [`RELATIONS`].
    pub(super) async fn adoption_query(
        &self,
        connection: &mut PgConnection,
        sql: &str,
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        let types: Vec<&str> = self
            .tables()
            .iter()
            .map(|table| table.tenant_column_type().sql_type())
            .collect();
        let applications: Vec<&str> = self.applications().iter().map(|role| role.as_str()).collect();
        sqlx::query(AssertSqlSafe(format!("{RELATIONS}{sql}")))
            .bind(self.names(PgTenantTable::schema))
            .bind(self.names(PgTenantTable::name))
            .bind(self.names(PgTenantTable::tenant_column))
            .bind(types)
            .bind(applications)
            .persistent(false)
            .fetch_all(connection)
            .await
    }
}
