//! What the catalog has of the declared tables. Looking takes no lock on them and writes nothing.

use std::collections::{BTreeSet, HashMap};

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::spelling::Spelling;
use crate::StrategyError;
use crate::postgres::row::row_tables::PgRowTables;
use crate::postgres::row::table::{PgTenantColumn, PgTenantTable, has_declared_type};
use crate::postgres::row::view::PgTenantView;

/// By whose columns' names an expression is spelled.
#[derive(Clone, Copy)]
enum Names {
    /// A relation's that nobody locks.
    Lent,
    /// The table's own, which takes the lock that a reader has.
    Own,
}

/// Stands for everybody in a list of roles. No role has this name.
pub(in crate::postgres) const PUBLIC: &str = "";

/// A declared table that exists, with its tenant's column of the declared type.
#[derive(Debug)]
pub(in crate::postgres) struct FoundTable {
    /// The column's default, as the server spells it.
    pub(in crate::postgres::row) default: Option<String>,
    pub(in crate::postgres::row) is_not_null: bool,
    /// Whether the column is a `varchar`, which is compared as `text`.
    pub(in crate::postgres::row) is_varchar: bool,
    pub(in crate::postgres::row) is_enabled: bool,
    pub(in crate::postgres::row) is_forced: bool,
    /// Whether Citus has distributed it.
    pub(in crate::postgres::row) is_distributed: bool,
    /// Whether nobody has been granted or refused anything on the table or its columns.
    pub(in crate::postgres::row) is_ungranted: bool,
    pub(in crate::postgres) policies: Vec<FoundPolicy>,
    /// Sequences of its columns that nobody has been granted anything on, quoted.
    pub(in crate::postgres::row) ungranted_sequences: Vec<String>,
    /// The tenant's column, quoted as the server quotes it.
    column: String,
    /// How the server spells what the declaration says.
    pub(in crate::postgres) spelling: Spelling,
}

/// A policy of a declared table that has one of the names which this crate gives.
#[derive(Debug)]
pub(in crate::postgres) struct FoundPolicy {
    pub(in crate::postgres::row) name: String,
    pub(in crate::postgres::row) is_permissive: bool,
    pub(in crate::postgres::row) is_for_all_commands: bool,
    /// The names of its roles; [`PUBLIC`] for everybody.
    pub(in crate::postgres::row) roles: BTreeSet<String>,
    pub(in crate::postgres::row) using: Option<String>,
    pub(in crate::postgres::row) check: Option<String>,
}

/// The declared tables that exist with their column.
///
/// To spell an expression with columns, the server locks the relation that it is given for their names. `speller` is a
/// view of the server that nobody locks, by whose columns of the same numbers the expression is spelled, unless `$5`
/// asks for the table's own. It has 82 columns, and none of the system's.
const DECLARED: &str = concat!(
    "with declared as (
    select d.number::int4 - 1 as number, c.oid as relid, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity,
        a.attnum, a.attnotnull, a.attgenerated, a.atttypid, case when v.relnatts >= c.relnatts and not $5 and not exists (
                select from pg_policy p where p.polrelid = c.oid
                    and concat(p.polqual::text, p.polwithcheck::text) ~ ':varattno -')
            then v.oid else c.oid end as speller
    from unnest($1::text[], $2::text[], $3::text[], $4::text[]) with ordinality as d(schema, name, col, type, number)
    join pg_namespace n on n.nspname = d.schema
    join pg_class c on c.relnamespace = n.oid and c.relname = d.name and c.relkind in ('r', 'p')
    join pg_attribute a on a.attrelid = c.oid and a.attname = d.col and a.attnum > 0 and not a.attisdropped
        and ",
    has_declared_type!(),
    "
    left join pg_class v on v.oid = to_regclass('information_schema.routines')
)"
);

/// A default has no columns, so nothing is locked for it. A generated column's has.
const TABLES: &str = "
select d.number, (select quote_ident(s.attname) from pg_attribute s where s.attrelid = d.speller and s.attnum = d.attnum),
    pg_get_expr(e.adbin, case d.attgenerated when '' then 0 else d.relid end), d.attnotnull, d.relrowsecurity,
    d.relforcerowsecurity, d.relacl is null and not exists (select from pg_attribute t
        where t.attrelid = d.relid and t.attacl is not null and not t.attisdropped),
    (select quote_ident(s.attname) from pg_attribute s where s.attrelid = d.relid and s.attnum = d.attnum),
    d.atttypid = 'varchar'::regtype
from declared d left join pg_attrdef e on e.adrelid = d.relid and e.adnum = d.attnum";

/// On a cluster alone is there such a catalog.
const DISTRIBUTED: &str = "
select d.number from declared d join pg_dist_partition p on p.logicalrelid = d.relid where p.partmethod = 'h'";

const POLICIES: &str = "
select d.number, p.polname::text, p.polpermissive, p.polcmd = '*',
    array(select coalesce(r.rolname::text, '') from unnest(p.polroles) as o(oid) left join pg_roles r on r.oid = o.oid),
    pg_get_expr(p.polqual, d.speller), pg_get_expr(p.polwithcheck, d.speller)
from declared d join pg_policy p on p.polrelid = d.relid
where p.polname in ('tenancy_application', 'tenancy_administrator', 'tenancy_tenant')";

/// Sequences that belong to a column of the table `d`, or stand in a default, and that nobody has been granted anything
/// on. An identity column's needs no right.
pub(in crate::postgres::row) const USED_SEQUENCES: &str = "
cross join lateral (
    select p.objid as oid from pg_depend p where p.classid = 'pg_class'::regclass and p.deptype = 'a'
        and p.refclassid = 'pg_class'::regclass and p.refobjid = d.relid and p.refobjsubid > 0
    union select p.refobjid from pg_attrdef e join pg_depend p on p.classid = 'pg_attrdef'::regclass and p.objid = e.oid
        and p.refclassid = 'pg_class'::regclass where e.adrelid = d.relid
) as used
join pg_class s on s.oid = used.oid and s.relkind = 'S'
where s.relacl is null and pg_has_role(s.relowner, 'usage') order by 1";

/// Whether the view `$2` of the schema `$1` reads as the invoker, and nobody has been granted or refused anything on it.
const UNGRANTED_VIEW: &str = "
select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
    cross join lateral pg_options_to_table(c.reloptions) o
    where n.nspname = $1 and c.relname = $2 and c.relkind = 'v' and c.relacl is null and pg_has_role(c.relowner, 'usage')
        and o.option_name = 'security_invoker' and o.option_value::boolean
        and not exists (select from pg_attribute t where t.attrelid = c.oid and t.attacl is not null))";

/// Schemas of declared tables and views that nobody has been granted anything on, and that the role `$2` cannot use.
const SCHEMAS: &str = "
select distinct quote_ident(n.nspname) as name from pg_namespace n
where n.nspname = any ($1) and n.nspacl is null and pg_has_role(n.nspowner, 'usage')
    and exists (select from pg_roles r where r.rolname = any ($2) and not has_schema_privilege(r.oid, n.oid, 'usage'))
order by name";

impl PgRowTables {
    /// What the catalog has of each declared table, in the order of the declaration: nothing if there is no such table,
    /// or if its tenant's column is missing or of another type.
    ///
    /// The caller has pinned the search path.
    pub(in crate::postgres) async fn look(
        &self,
        tx: &mut PgConnection,
    ) -> Result<Vec<Option<FoundTable>>, StrategyError> {
        let mut found: Vec<Option<FoundTable>> = self.tables().iter().map(|_| None).collect();
        for row in self.query(tx, TABLES, Names::Lent).await? {
            let number = place(&row, 0)?;
            let (Some(table), Some(found)) = (self.tables().get(number), found.get_mut(number)) else {
                continue;
            };
            let column: String = row.try_get(1)?;
            let is_varchar = row.try_get(8)?;
            *found = Some(FoundTable {
                default: row.try_get(2)?,
                is_not_null: row.try_get(3)?,
                is_varchar,
                is_enabled: row.try_get(4)?,
                is_forced: row.try_get(5)?,
                is_distributed: false,
                is_ungranted: row.try_get(6)?,
                policies: Vec::new(),
                ungranted_sequences: Vec::new(),
                spelling: Spelling::expected(self, table, &column, is_varchar),
                column: row.try_get(7)?,
            });
        }
        if self.is_on_citus() {
            for row in self.query(tx, DISTRIBUTED, Names::Lent).await? {
                if let Some(Some(table)) = found.get_mut(place(&row, 0)?) {
                    table.is_distributed = true;
                }
            }
        }
        self.look_at_policies(tx, &mut found, Names::Lent).await?;
        let sequences = format!("select distinct s.oid::regclass::text, d.number from declared d{USED_SEQUENCES}");
        for row in self.query(tx, &sequences, Names::Lent).await? {
            if let Some(Some(table)) = found.get_mut(place(&row, 1)?) {
                table.ungranted_sequences.push(row.try_get(0)?);
            }
        }
        if found.iter().flatten().any(|table| !table.is_spelled_as_expected()) {
            self.look_closer(tx, &mut found).await?;
        }
        Ok(found)
    }

    /// Something differs, or this server spells it in another way: the server is queried for its spelling.
    async fn look_closer(&self, tx: &mut PgConnection, found: &mut [Option<FoundTable>]) -> Result<(), StrategyError> {
        let mut models: HashMap<(PgTenantColumn, bool), Spelling> = HashMap::new();
        for (declared, table) in self.tables().iter().zip(&mut *found) {
            let Some(table) = table else { continue };
            let column_type = (declared.tenant_column_type(), table.is_varchar);
            let model = match models.get(&column_type) {
                Some(model) => model.clone(),
                None => match Spelling::of_this_server(self, declared, table.is_varchar, tx).await? {
                    Some(model) => model,
                    None => return Ok(()),
                },
            };
            table.spelling = model.of_column(&table.column);
            models.insert(column_type, model);
        }
        self.look_at_policies(tx, found, Names::Own).await
    }

    async fn look_at_policies(
        &self,
        tx: &mut PgConnection,
        found: &mut [Option<FoundTable>],
        names: Names,
    ) -> Result<(), StrategyError> {
        for table in found.iter_mut().flatten() {
            table.policies.clear();
        }
        for row in self.query(tx, POLICIES, names).await? {
            if let Some(Some(table)) = found.get_mut(place(&row, 0)?) {
                table.policies.push(policy(&row)?);
            }
        }
        Ok(())
    }

    /// The schemas of declared tables that are to be opened to the application, quoted.
    pub(in crate::postgres::row) async fn ungranted_schemas(
        &self,
        tx: &mut PgConnection,
    ) -> Result<Vec<String>, StrategyError> {
        let roles: Vec<&str> = self.applications().iter().map(|role| role.as_str()).collect();
        let mut names = self.names(PgTenantTable::schema);
        names.extend(self.view_names(PgTenantView::schema));
        let schemas = sqlx::query_scalar(SCHEMAS)
            .bind(names)
            .bind(roles)
            .fetch_all(tx)
            .await?;
        Ok(schemas)
    }

    /// The declared views that read as the invoker and that nobody has been granted anything on, quoted.
    pub(in crate::postgres::row) async fn ungranted_views(
        &self,
        tx: &mut PgConnection,
    ) -> Result<Vec<String>, StrategyError> {
        let mut views = Vec::new();
        for view in self.views() {
            let is_ungranted = sqlx::query_scalar(UNGRANTED_VIEW)
                .bind(view.schema().as_str())
                .bind(view.name().as_str());
            if is_ungranted.fetch_one(&mut *tx).await? {
                views.push(view.to_string());
            }
        }
        Ok(views)
    }

    async fn query(&self, tx: &mut PgConnection, sql: &str, names: Names) -> Result<Vec<PgRow>, sqlx::Error> {
        let types: Vec<&str> = self
            .tables()
            .iter()
            .map(|table| table.tenant_column_type().sql_type())
            .collect();
        sqlx::query(AssertSqlSafe(format!("{DECLARED}{sql}")))
            .bind(self.names(PgTenantTable::schema))
            .bind(self.names(PgTenantTable::name))
            .bind(self.names(PgTenantTable::tenant_column))
            .bind(types)
            .bind(matches!(names, Names::Own))
            .fetch_all(tx)
            .await
    }
}

/// Which of the declared tables a row is about.
fn place(row: &PgRow, column: usize) -> Result<usize, sqlx::Error> {
    let number: i32 = row.try_get(column)?;
    // Past the end of every list, if it is not one of a list at all.
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}

fn policy(row: &PgRow) -> Result<FoundPolicy, sqlx::Error> {
    let roles: Vec<String> = row.try_get(4)?;
    Ok(FoundPolicy {
        name: row.try_get(1)?,
        is_permissive: row.try_get(2)?,
        is_for_all_commands: row.try_get(3)?,
        roles: roles.into_iter().collect(),
        using: row.try_get(5)?,
        check: row.try_get(6)?,
    })
}
