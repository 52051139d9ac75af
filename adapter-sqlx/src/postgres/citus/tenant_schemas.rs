//! Whether Citus places the schemas of tenants, and all tables in them.

use sqlx::PgConnection;

use crate::StrategyError;
use crate::postgres::identifier::{Literal, PgIdentifier};
use crate::postgres::{PgFault, PgFinding};

/// Whether Citus has placed the schema `$1` on a node.
const IS_PLACED: &str = "select exists (select from pg_catalog.pg_dist_schema s
    join pg_catalog.pg_namespace n on n.oid = s.schemaid where n.nspname = $1)";

/// The tables of the schema `$1` that are not with it, parents of foreign keys first.
const ELSEWHERE: &str = "
with recursive own as (
    select c.oid, pg_catalog.format('%I', c.relname) as name from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = $1 and c.relkind in ('r', 'p') and c.relpersistence <> 't'
), elsewhere as (
    select o.oid, o.name from own o where not exists (select from pg_catalog.pg_dist_partition p
        join pg_catalog.pg_dist_schema s on s.colocationid = p.colocationid
        join pg_catalog.pg_namespace n on n.oid = s.schemaid where p.logicalrelid = o.oid and n.nspname = $1)
), depths as (
    select oid, 0 as depth from elsewhere
    union select k.conrelid, d.depth + 1 from depths d join pg_catalog.pg_constraint k
        on k.confrelid = d.oid and k.contype = 'f' and k.conrelid <> k.confrelid
    where d.depth < 64
)
select e.name from elsewhere e join depths d using (oid) group by e.oid, e.name order by pg_catalog.max(d.depth), e.name";

/// The schemas whose names begin with `$1`, but for PostgreSQL's, those of extensions, and the shared ones `$2`.
const SCHEMAS: &str = "
select n.nspname::text from pg_catalog.pg_namespace n
where pg_catalog.starts_with(n.nspname::text, $1) and n.nspname <> all ($2) and n.nspname !~ '^pg_'
    and n.nspname not in ('information_schema', 'public') and not exists (select from pg_catalog.pg_depend d
        where d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass and d.objid = n.oid and d.deptype = 'e')
order by 1";

/// A tenant's schema on a cluster.
pub(in crate::postgres) struct PlacedSchema<'s>(pub(in crate::postgres) &'s PgIdentifier);

impl PlacedSchema<'_> {
    /// Has Citus place a schema that is there. `create schema if not exists` would not: under schema-based sharding it
    /// registers the schema, and leaves the tables in it where they are.
    pub(in crate::postgres) async fn distribute(&self, connection: &mut PgConnection) -> Result<(), StrategyError> {
        if !self.is_placed(connection).await? {
            let sql = "select pg_catalog.citus_schema_distribute(pg_catalog.to_regnamespace($1))";
            let schema = self.0.to_string();
            sqlx::query(sql).bind(schema).execute(&mut *connection).await?;
        }
        Ok(())
    }

    /// Fails if tables of the schema are not where Citus has placed it.
    pub(in crate::postgres) async fn refuse_tables_elsewhere(
        &self,
        connection: &mut PgConnection,
    ) -> Result<(), StrategyError> {
        let tables = self.elsewhere(connection).await?;
        if tables.is_empty() {
            return Ok(());
        }
        let schema = self.0;
        Err(StrategyError::other(format!(
            "the schema {schema} is registered with Citus, and its tables {} are on the coordinator alone; \
            `PgSchemaStrategy::verify` has the SQL that mends it",
            tables.join(", ")
        )))
    }

    async fn is_placed(&self, connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar(IS_PLACED)
            .bind(self.0.as_str())
            .fetch_one(connection)
            .await
    }

    async fn elsewhere(&self, connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
        sqlx::query_scalar(ELSEWHERE)
            .bind(self.0.as_str())
            .fetch_all(connection)
            .await
    }

    async fn finding(&self, connection: &mut PgConnection) -> Result<Option<PgFinding>, StrategyError> {
        let schema = self.0;
        let found = |object, mend| Some(PgFinding::new(PgFault::SchemaNotDistributed, object, mend));
        if !self.is_placed(connection).await? {
            let mend = format!("select citus_schema_distribute({})", Literal(&schema.to_string()));
            return Ok(found(format!("the schema {schema}"), mend));
        }
        let tables = self.elsewhere(connection).await?;
        if tables.is_empty() {
            return Ok(None);
        }
        let object = format!("the tables {} of the schema {schema}", tables.join(", "));
        Ok(found(object, self.placing_sql(&tables)))
    }

    /// Citus takes a schema that it has registered for one that it has distributed. So the tables move into one that it
    /// has not registered, which takes the name. The tenant is provisioned again then, which grants the application's rights.
    fn placing_sql(&self, tables: &[String]) -> String {
        let schema = self.0;
        let move_out: String = tables
            .iter()
            .map(|table| format!("alter table {schema}.{table} set schema tenancy_moving; "))
            .collect();
        let block = format!(
            "begin set local citus.enable_schema_based_sharding = off; create schema tenancy_moving; {move_out}drop schema {schema}; \
            alter schema tenancy_moving rename to {schema}; perform citus_schema_distribute({}); end",
            Literal(&schema.to_string())
        );
        format!("do {}", Literal(&block))
    }
}

/// What is wrong with the schemas of this prefix.
pub(in crate::postgres) async fn findings(
    prefix: &str,
    shared: &[PgIdentifier],
    connection: &mut PgConnection,
) -> Result<Vec<PgFinding>, StrategyError> {
    let shared: Vec<&str> = shared.iter().map(PgIdentifier::as_str).collect();
    let query = sqlx::query_scalar(SCHEMAS).bind(prefix).bind(shared);
    let names: Vec<String> = query.fetch_all(&mut *connection).await?;
    let mut findings = Vec::new();
    for name in names {
        let name: PgIdentifier = name.parse().map_err(StrategyError::other)?;
        findings.extend(PlacedSchema(&name).finding(connection).await?);
    }
    Ok(findings)
}
