//! Proof that rows are kept apart, from the database's own catalog.

mod administrator;
mod around;
mod citus;
mod grants;
mod keys;
mod policies;
mod report;
mod roles;
mod setting;
mod tables;

use sqlx::{AssertSqlSafe, PgConnection, Row};

pub(super) use administrator::Filter;
pub use report::{PgFault, PgFinding, PgReport, PgSeverity};

use super::row_schema::PgRowSchema;
use super::table::PgTenantTable;
use crate::StrategyError;
use crate::begin::begin_lent;

/// A question to the catalog. Each row of its answer is a finding: the object, and the SQL that mends it.
///
/// It reads the declared tables as `declared`, and has these parameters: `$4` a role of the application, `$5` the
/// administrator's.
struct Check {
    fault: PgFault,
    sql: &'static str,
}

/// The declared tables, with what the catalog has of them (`relid` and `attnum` are null where it has nothing), the
/// two roles, those that the application's can act as (less those that see everything, which are told of by
/// themselves), and the views and rules that read the tables, directly or through others.
const DECLARED: &str = "with recursive declared as (
    select d.schema, d.name, d.col, c.oid as relid, c.relkind, c.relowner, c.relrowsecurity, c.relforcerowsecurity,
        c.relacl, a.attnum, a.attnotnull, a.atttypid, format('%I.%I', d.schema, d.name) as tab, d.rights
    from unnest($1::text[], $2::text[], $3::text[], $6::text[]) as d(schema, name, col, rights)
    left join pg_namespace n on n.nspname = d.schema
    left join pg_class c on c.relnamespace = n.oid and c.relname = d.name
    left join pg_attribute a on a.attrelid = c.oid and a.attname = d.col and not a.attisdropped
), application as (
    select oid, rolname from pg_roles where rolname = $4
), administrator as (
    select oid, rolname from pg_roles where rolname = $5
), acting as (
    select oid, rolname from application
    union select r.oid, r.rolname from acting a join pg_auth_members m on m.member = a.oid
        join pg_roles r on r.oid = m.roleid
        where not r.rolsuper and r.oid not in (select oid from administrator)
            and r.oid not in (select relowner from declared where relowner is not null)
), readers as (
    select r.ev_class from declared d join pg_depend p on p.refobjid = d.relid and p.refclassid = 'pg_class'::regclass
        and p.classid = 'pg_rewrite'::regclass join pg_rewrite r on r.oid = p.objid
    union select r.ev_class from readers b join pg_depend p on p.refobjid = b.ev_class
        and p.refclassid = 'pg_class'::regclass and p.classid = 'pg_rewrite'::regclass
        join pg_rewrite r on r.oid = p.objid
)";

impl PgRowSchema {
    /// Asks the catalog whether the database keeps tenants' rows apart as this declaration says, and what goes
    /// around it. It changes nothing.
    ///
    /// It looks at the application's role, at what the administrator sees, and at each declared table's owner, row-level security, policies,
    /// tenant's column, keys, foreign keys, grants, rules and partitions; at the views, materialized views and
    /// `SECURITY DEFINER` functions through which the application could read them; at tables with a tenant's
    /// column that are not declared; and at the setting: whether a session begins with one, and whether it holds
    /// in a transaction and not beyond. [`with_citus`](Self::with_citus) it asks whether the tables are
    /// distributed, and a shard whether the setting comes there.
    /// [`PgRowOptions::open`](crate::PgRowOptions::open) asks it too.
    ///
    /// # Security
    ///
    /// It cannot see what functions do, nor what an extension brings, nor other roles that your service uses.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, close the connection: it may be left inside a transaction.
    ///
    /// # Errors
    ///
    /// Where the catalog cannot be read.
    pub async fn verify(&self, administrator: &mut PgConnection) -> Result<PgReport, StrategyError> {
        let mut tx = begin_lent(administrator, None).await?;
        pin_search_path(&mut tx).await?;
        let mut findings = Vec::new();
        for check in [roles::CHECKS, tables::CHECKS, keys::CHECKS, around::CHECKS]
            .into_iter()
            .flatten()
        {
            findings.extend(self.ask(&mut tx, check).await?);
        }
        findings.extend(self.administrators(&mut tx).await?);
        findings.extend(self.policies(&mut tx).await?);
        findings.extend(self.grants(&mut tx).await?);
        findings.extend(self.setting_holds(&mut tx).await?);
        if let Some(citus) = self.citus() {
            findings.extend(self.cluster(&mut tx, citus).await?);
        }
        tx.rollback().await?;
        Ok(PgReport::new(findings))
    }

    /// What can be said of the roles before there is any table. Who may make objects in a schema is not among it: a
    /// migration may still mend that.
    pub(super) async fn verify_roles(&self, administrator: &mut PgConnection) -> Result<Vec<PgFinding>, StrategyError> {
        let mut tx = begin_lent(administrator, None).await?;
        pin_search_path(&mut tx).await?;
        let mut findings = Vec::new();
        for check in roles::CHECKS
            .iter()
            .filter(|check| check.fault != PgFault::SchemaCreate)
        {
            findings.extend(self.ask(&mut tx, check).await?);
        }
        tx.rollback().await?;
        Ok(findings)
    }

    /// Whether a connection of the application's is as a declared role, and in the administrator's database. Other
    /// than [`verify`](Self::verify) it needs both.
    pub(super) async fn verify_connection(
        &self,
        administrator: &mut PgConnection,
        application: &mut PgConnection,
    ) -> Result<Option<PgFinding>, StrategyError> {
        let (_, expected) = place(administrator).await?;
        let (role, found) = place(application).await?;
        let is_declared = self.applications().iter().any(|declared| role == declared.as_str());
        let is_as_declared = is_declared && found == expected;
        Ok((!is_as_declared).then(|| {
            let object = format!("role {role} in database {}", found.0);
            PgFinding::new(PgFault::ConnectionDiffers, object, String::new())
        }))
    }

    /// What the application may do with each declared table, as `GRANT` spells it.
    fn rights(&self) -> Vec<String> {
        self.tables().iter().map(|table| table.grants().to_string()).collect()
    }

    /// Asks about each of the application's roles.
    async fn ask(&self, tx: &mut PgConnection, check: &Check) -> Result<Vec<PgFinding>, StrategyError> {
        let sql = format!("{DECLARED}{}", check.sql);
        let mut findings = Vec::new();
        for application in self.applications() {
            let found: Vec<(String, String)> = sqlx::query_as(AssertSqlSafe(sql.clone()))
                .bind(self.names(PgTenantTable::schema))
                .bind(self.names(PgTenantTable::name))
                .bind(self.names(PgTenantTable::tenant_column))
                .bind(application.as_str())
                .bind(self.administrator().as_str())
                .bind(self.rights())
                .fetch_all(&mut *tx)
                .await?;
            let found = found
                .into_iter()
                .map(|(object, mend)| PgFinding::new(check.fault, object, mend));
            // What is not about a role is found for each.
            let new: Vec<PgFinding> = found.filter(|finding| !findings.contains(finding)).collect();
            findings.extend(new);
        }
        Ok(findings)
    }
}

/// No name is looked up where anybody else could have put one, and names are written out alike.
async fn pin_search_path(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("set local search_path = pg_catalog, pg_temp; set local quote_all_identifiers = off")
        .execute(tx)
        .await?;
    Ok(())
}

/// The role that has logged in, and the database. Databases of one name on two servers hardly have one number.
async fn place(connection: &mut PgConnection) -> Result<(String, (String, String)), StrategyError> {
    // A query that is not prepared: there may be a pooler between.
    let asked = sqlx::raw_sql(
        "select session_user::text, datname::text, oid::text from pg_catalog.pg_database
        where datname = pg_catalog.current_database()",
    );
    let row = asked.fetch_one(connection).await?;
    Ok((row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?)))
}
