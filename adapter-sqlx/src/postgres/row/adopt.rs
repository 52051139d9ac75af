//! From tables without tenants to tables that tenants share.

use sqlx::{AssertSqlSafe, PgConnection};
use tenancy_core::names::TenantId;
use thiserror::Error;

use super::remade_key::remade_key;
use super::row_tables::PgRowTables;
use super::table::PgTenantTable;
use super::verify::Filter;
use crate::StrategyError;
use crate::postgres::identifier::Literal;
use crate::transaction::begin::{BEGIN_WITH_LOCK_TIMEOUT, begin_lent};

/// Why tables cannot be adopted. Nothing is changed then.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AdoptError {
    /// Something that needs a decision of yours first.
    #[error("adopt {object}: {reason}")]
    Refused {
        /// The table, key or foreign key.
        object: String,
        /// Why not.
        reason: String,
    },
    /// The first tenant's id is not how a declared column spells a value.
    #[error("the id `{tenant}` is not how a tenants' column spells a value")]
    NotCanonical {
        /// The tenant.
        tenant: TenantId,
    },
    /// The connection's role does not provably see every row of a table, and would leave rows without a tenant.
    #[error("failed to adopt {table}: the role {role} does not provably see all of its rows")]
    AdministratorFiltered {
        /// The role that the connection acts as.
        role: String,
        /// The table.
        table: String,
    },
    /// The database refused or could not be reached.
    #[error("ask the database")]
    Database(#[from] sqlx::Error),
}

impl PgRowTables {
    /// The SQL that makes the declared tables, which have no tenants yet, tables that tenants share: to read, and
    /// to put into a migration. All rows that are there become the first tenant's.
    ///
    /// In this order: foreign keys between the tables are dropped; the tenant's column is added, filled and never
    /// null (without rewriting the table); primary keys, unique constraints and unique indexes begin with it, under
    /// the names that they had; the foreign keys are added again with it; and last come the policies, as of
    /// [`sql`](Self::sql). On tables that have been adopted only the policies are left, which change nothing.
    ///
    /// It must run in one transaction, as the tables' owner.
    ///
    /// # Errors
    ///
    /// What it cannot decide: partitioned tables and children, exclusion constraints, foreign keys from tables that
    /// are not declared, `MATCH FULL` over several columns, `ON UPDATE SET NULL`, a column of another type.
    pub async fn adoption_sql(&self, first: &TenantId, connection: &mut PgConnection) -> Result<String, AdoptError> {
        if !self.is_canonical(first) {
            return Err(AdoptError::NotCanonical { tenant: first.clone() });
        }
        if self.is_on_citus() {
            return Err(AdoptError::Refused {
                object: "citus".to_owned(),
                reason: StrategyError::ClusterUnsupported.to_string(),
            });
        }
        let refused: Option<(String, String)> = self.ask_about_adoption(connection, REFUSED).await?.into_iter().next();
        if let Some((object, reason)) = refused {
            return Err(AdoptError::Refused { object, reason });
        }
        let keys = self.ask_about_adoption(connection, KEYS).await?;
        let foreign_keys = self.ask_about_adoption(connection, FOREIGN_KEYS).await?;
        let mut sql = String::new();
        for (drop, _) in &foreign_keys {
            sql.push_str(drop);
        }
        for table in self.tables() {
            sql.push_str(&column_sql(table, first, connection).await?);
        }
        for (rebuild, _) in &keys {
            sql.push_str(rebuild);
        }
        for (_, add) in &foreign_keys {
            sql.push_str(add);
        }
        sql.push_str(&self.sql());
        Ok(sql)
    }

    /// Runs the [adoption's SQL](Self::adoption_sql), in one transaction and one process at a time.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, close the connection: it may be left inside a transaction.
    ///
    /// # Errors
    ///
    /// As there, and where the database refuses it.
    pub async fn adopt(&self, first: &TenantId, connection: &mut PgConnection) -> Result<(), AdoptError> {
        let mut tx = begin_lent(connection, Some(BEGIN_WITH_LOCK_TIMEOUT)).await?;
        let lock = "select pg_advisory_xact_lock(hashtextextended('tenancy: adoption', 0))";
        sqlx::raw_sql(lock).execute(&mut *tx).await?;
        if let Some(Filter { role, table, .. }) = self.filter_of_connection(&mut tx).await? {
            return Err(AdoptError::AdministratorFiltered { role, table });
        }
        let sql = self.adoption_sql(first, &mut tx).await?;
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    async fn ask_about_adoption(
        &self,
        connection: &mut PgConnection,
        sql: &str,
    ) -> Result<Vec<(String, String)>, sqlx::Error> {
        let types: Vec<&str> = self
            .tables()
            .iter()
            .map(|table| table.tenant_column_type().sql_type())
            .collect();
        sqlx::query_as(AssertSqlSafe(format!("{DECLARED}{sql}")))
            .bind(self.names(PgTenantTable::schema))
            .bind(self.names(PgTenantTable::name))
            .bind(self.names(PgTenantTable::tenant_column))
            .bind(types)
            .fetch_all(connection)
            .await
    }
}

/// A constant default fills the rows that are there without writing them; the policies' SQL sets the real one.
async fn column_sql(
    table: &PgTenantTable,
    first: &TenantId,
    connection: &mut PgConnection,
) -> Result<String, sqlx::Error> {
    let sql = "select exists (select from pg_attribute
        where attrelid = to_regclass($1) and attname = $2 and not attisdropped)";
    let is_there: bool = sqlx::query_scalar(sql)
        .bind(table.to_string())
        .bind(table.tenant_column().as_str())
        .fetch_one(connection)
        .await?;
    let (column, first) = (table.tenant_column(), Literal(first.as_str()));
    Ok(if is_there {
        format!("update {table} set {column} = {first} where {column} is null;\n")
    } else {
        let column_type = table.tenant_column_type().sql_type();
        format!("alter table {table} add column {column} {column_type} not null default {first};\n")
    })
}

/// The declared tables. `attnum` is null where the column is not there yet.
const DECLARED: &str = "with declared as (
    select d.schema, d.name, d.col, d.type, c.oid as relid, c.relkind, a.attnum, a.atttypid,
        format('%I.%I', d.schema, d.name) as tab
    from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as d(schema, name, col, type)
    left join pg_namespace n on n.nspname = d.schema
    left join pg_class c on c.relnamespace = n.oid and c.relname = d.name
    left join pg_attribute a on a.attrelid = c.oid and a.attname = d.col and not a.attisdropped
)";

/// What needs a decision: the object, and the reason.
const REFUSED: &str = "
select tab, 'there is no such table' from declared where relid is null
union all select tab, 'it is partitioned, or no table' from declared where relkind <> 'r'
union all select tab, 'it is a partition, or has children' from declared
    where exists (select from pg_inherits where inhrelid = relid or inhparent = relid)
union all select tab, format('its column %I is of another type', col) from declared
    where atttypid <> type::regtype
union all select format('%I on %s', k.conname, d.tab), 'an exclusion constraint must be written anew with the tenant'
    from declared d join pg_constraint k on k.conrelid = d.relid and k.contype = 'x'
    where d.attnum is null or not d.attnum = any (k.conkey)
union all select format('%I on %s', k.conname, k.conrelid::regclass), 'it refers to a declared table, and its own is not declared'
    from declared d join pg_constraint k on k.confrelid = d.relid and k.contype = 'f'
    where k.conrelid not in (select relid from declared where relid is not null)
union all select format('%I on %s', k.conname, o.tab), 'MATCH FULL over several columns, or ON UPDATE SET NULL or DEFAULT, cannot hold the tenant'
    from declared o join pg_constraint k on k.conrelid = o.relid and k.contype = 'f'
    join declared r on r.relid = k.confrelid
    where (o.attnum is null or not o.attnum = any (k.conkey))
        and (k.confmatchtype = 'f' and cardinality(k.conkey) > 1 or k.confupdtype in ('n', 'd'))";

/// Unique keys without the tenant, each made anew under its name.
const KEYS: &str = concat!(
    "
select ",
    remade_key!("d"),
    " || E';\\n', ''
from declared d join pg_index i on i.indrelid = d.relid and i.indisunique
join pg_class x on x.oid = i.indexrelid join pg_namespace n on n.oid = x.relnamespace
left join pg_constraint k on k.conindid = i.indexrelid and k.contype in ('p', 'u')
where d.attnum is null or not d.attnum = any ((i.indkey::int2[])[0:i.indnkeyatts - 1])
order by d.tab, x.relname"
);

/// Foreign keys between declared tables without the tenant: what drops each, and what adds it again with it.
const FOREIGN_KEYS: &str = "
select format(E'alter table %s drop constraint %I;\\n', o.tab, k.conname),
    format(E'alter table %s add constraint %I foreign key (%I, %s) references %s (%I, %s)%s%s%s;\\n',
        o.tab, k.conname, o.col, own.columns, r.tab, r.col, other.columns,
        case k.confupdtype when 'r' then ' on update restrict' when 'c' then ' on update cascade' else '' end,
        case k.confdeltype when 'r' then ' on delete restrict' when 'c' then ' on delete cascade'
            when 'n' then format(' on delete set null (%s)', coalesce(cleared.columns, own.columns))
            when 'd' then format(' on delete set default (%s)', coalesce(cleared.columns, own.columns)) else '' end,
        case when k.condeferrable then ' deferrable' || case when k.condeferred then ' initially deferred' else '' end
            else '' end)
from declared o join pg_constraint k on k.conrelid = o.relid and k.contype = 'f'
join declared r on r.relid = k.confrelid
cross join lateral (select string_agg(quote_ident(a.attname), ', ' order by c.place) as columns
    from unnest(k.conkey) with ordinality as c(attnum, place)
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = c.attnum) own
cross join lateral (select string_agg(quote_ident(a.attname), ', ' order by c.place) as columns
    from unnest(k.confkey) with ordinality as c(attnum, place)
    join pg_attribute a on a.attrelid = k.confrelid and a.attnum = c.attnum) other
cross join lateral (select string_agg(quote_ident(a.attname), ', ' order by c.place) as columns
    from unnest(k.confdelsetcols) with ordinality as c(attnum, place)
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = c.attnum) cleared
where o.attnum is null or not o.attnum = any (k.conkey)
order by o.tab, k.conname";
