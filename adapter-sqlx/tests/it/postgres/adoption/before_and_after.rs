//! What the tests of adoptions share.

use sqlx::{AssertSqlSafe, PgConnection, Postgres};
use tenancy_sqlx::{
    AdoptError, PgAdoption, PgRowStrategy, PgRowTables, PgTenantColumn, PgTenantTable, StrategyRegistry, TenantDb,
};

use crate::postgres::support::schema_server::run;
use crate::postgres::support::server::{TestDatabase, tenant};

pub(crate) fn declared(database: &TestDatabase, names: &[&str]) -> PgRowTables {
    let tables = names.iter().map(|name| PgTenantTable::new(name).unwrap());
    tables.fold(database.schema(), PgRowTables::with_table)
}

/// With a tenant's column of its own name, a `bigint`.
pub(crate) fn of_orgs(database: &TestDatabase, tables: &[(&str, &str)]) -> PgRowTables {
    let tables = tables.iter().map(|(name, column)| {
        let table = PgTenantTable::new(name).unwrap();
        table.with_tenant_column(column, PgTenantColumn::BigInt).unwrap()
    });
    tables.fold(database.schema(), PgRowTables::with_table)
}

pub(crate) async fn adopt(database: &TestDatabase, tables: &PgRowTables) -> Result<PgAdoption, AdoptError> {
    tables
        .adopt(&"acme".parse().unwrap(), &mut database.connect().await)
        .await
}

/// A database of the owner's with these tables in it.
pub(crate) async fn before(sql: &str) -> TestDatabase {
    let database = TestDatabase::new().await;
    run(&mut database.connect().await, database.named(sql)).await;
    database
}

/// Opening proves that the database keeps tenants apart.
pub(crate) async fn open(database: &TestDatabase, tables: PgRowTables) -> TenantDb<Postgres> {
    let row = PgRowStrategy::builder(database.server(), tables);
    TenantDb::new(StrategyRegistry::new().with(row.open().await.unwrap()).unwrap())
}

/// Runs statements as a tenant, and returns the first column of the last one's answer.
pub(crate) async fn as_tenant(db: &TenantDb<Postgres>, id: &str, sql: &str) -> Result<Vec<String>, sqlx::Error> {
    let mut tx = db.begin(&tenant(id)).await.unwrap();
    let (before, query) = sql.rsplit_once(';').unwrap_or(("", sql));
    sqlx::raw_sql(AssertSqlSafe(before.to_owned()))
        .execute(&mut *tx)
        .await?;
    let rows = sqlx::query_scalar(AssertSqlSafe(format!("select t::text from ({query}) as q(t)")))
        .fetch_all(&mut *tx)
        .await?;
    tx.commit().await.unwrap();
    Ok(rows)
}

pub(crate) async fn texts(connection: &mut PgConnection, sql: &str) -> Vec<String> {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
        .fetch_all(connection)
        .await
        .unwrap()
}

/// Everything that the catalog has of keys, foreign keys, triggers and rules of the schema `public`, one a line.
pub(crate) async fn shape(connection: &mut PgConnection) -> Vec<String> {
    let sql = "
select concat_ws(' | ', 'key', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid), k.convalidated,
    obj_description(k.oid, 'pg_constraint'))
from pg_constraint k where k.connamespace = 'public'::regnamespace and k.contype <> 't' and k.conparentid = 0
union all select concat_ws(' | ', 'index', i.indrelid::regclass, x.relname, pg_get_indexdef(x.oid), x.reloptions,
    i.indisclustered, i.indisreplident, i.indisvalid, obj_description(x.oid, 'pg_class'), s.spcname,
    (select string_agg(a.attstattarget::text, ',' order by a.attnum) from pg_attribute a
        where a.attrelid = x.oid and a.attstattarget >= 0))
from pg_index i join pg_class x on x.oid = i.indexrelid left join pg_tablespace s on s.oid = x.reltablespace
where x.relnamespace = 'public'::regnamespace
union all select concat_ws(' | ', 'table', c.oid::regclass, c.relreplident, c.reloptions, obj_description(c.oid, 'pg_class'))
from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
union all select concat_ws(' | ', 'trigger', t.tgrelid::regclass, t.tgname, t.tgenabled)
from pg_trigger t where not t.tgisinternal
union all select concat_ws(' | ', 'rule', r.ev_class::regclass, r.rulename, r.ev_enabled)
from pg_rewrite r join pg_class c on c.oid = r.ev_class where c.relnamespace = 'public'::regnamespace and r.ev_type <> '1'";
    let mut lines = texts(connection, sql).await;
    lines.sort();
    lines
}

/// The lines as they were before the tenant's column stood in front of every key.
pub(crate) fn without_tenant(lines: &[String], column: &str) -> Vec<String> {
    let mut lines: Vec<String> = lines
        .iter()
        .map(|line| line.replace(&format!("{column}, "), ""))
        .collect();
    lines.sort();
    lines
}
