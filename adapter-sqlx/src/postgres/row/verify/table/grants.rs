//! What the application may do with rows, beside what is declared.

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::StrategyError;
use crate::postgres::row::row_tables::PgRowTables;
use crate::postgres::row::table::PgTenantTable;
use crate::postgres::row::verify::{PgFault, PgFinding};

/// The declared rights of the role `$1`, one a line: the table, the right, and the column or null.
const DECLARED: &str = "with recursive declared as (
    select d.place, format('%I.%I', n.nspname, c.relname) as tab, c.oid as relid, d.privilege, d.col, a.attnum,
        case when d.col is null then d.privilege else format('%s (%I)', d.privilege, d.col) end as spelled
    from unnest($2::text[], $3::text[], $4::text[], $5::text[]) with ordinality as d(schema, name, privilege, col, place)
    join pg_namespace n on n.nspname = d.schema
    join pg_class c on c.relnamespace = n.oid and c.relname = d.name and c.relkind in ('r', 'p')
    left join pg_attribute a on a.attrelid = c.oid and a.attname = d.col and a.attnum > 0 and not a.attisdropped
), application as (
    select oid, rolname from pg_roles where rolname = $1
)";

const MISSING: &str = "
select format('%s for %s', d.tab, string_agg(d.spelled, ', ' order by d.place)),
    format('grant %s on table %s to %I', string_agg(d.spelled, ', ' order by d.place), d.tab, r.rolname)
from declared d cross join application r
where d.privilege is not null and case when d.col is null then not has_table_privilege(r.oid, d.relid, d.privilege)
    else d.attnum is null or not has_column_privilege(r.oid, d.relid, d.attnum, d.privilege) end
group by d.tab, r.rolname order by 1";

const MISSING_ON_SCHEMAS: &str = "
select distinct format('schema %I', n.nspname), format('grant usage on schema %I to %I', n.nspname, r.rolname)
from pg_namespace n cross join application r
where n.nspname = any ($2) and not has_schema_privilege(r.oid, n.oid, 'usage') order by 1";

/// Rights to rows of the role, and of roles that it can act as. Other rights are another finding.
const BEYOND: &str = "
with recursive acting as (
    select oid, rolname from application
    union select r.oid, r.rolname from acting a join pg_auth_members m on m.member = a.oid
        join pg_roles r on r.oid = m.roleid where not r.rolsuper
), tables as (
    select distinct d.tab, c.oid, c.relacl, c.relowner from declared d join pg_class c on c.oid = d.relid
), granted as (
    select t.tab, t.oid, t.relowner, g.grantee, lower(g.privilege_type) as privilege, null::name as col
    from tables t cross join lateral aclexplode(t.relacl) g
    union all select t.tab, t.oid, t.relowner, g.grantee, lower(g.privilege_type), a.attname
    from tables t join pg_attribute a on a.attrelid = t.oid and not a.attisdropped
    cross join lateral aclexplode(a.attacl) g
), beyond as (
    select g.tab, g.oid, g.privilege, g.col, a.rolname, a.oid as grantee,
        case when g.col is null then g.privilege else format('%s (%I)', g.privilege, g.col) end as spelled
    from granted g join acting a on a.oid = g.grantee
    where g.privilege in ('select', 'insert', 'update', 'delete') and g.grantee <> g.relowner
        and not exists (select from declared d where d.relid = g.oid and d.privilege = g.privilege
            and (d.col is null or d.col = g.col))
)
select format('%s for %s', b.tab, string_agg(case when b.col is null then upper(b.privilege)
            else format('%s (%I)', upper(b.privilege), b.col) end, ', ' order by b.spelled)),
    format('revoke %s on table %s from %I', string_agg(b.spelled, ', ' order by b.spelled), b.tab, b.rolname)
        -- A right that is revoked from a table is revoked from its columns, too.
        || coalesce((select format('; grant %s on table %s to %I', string_agg(d.spelled, ', ' order by d.place), b.tab, b.rolname)
            from declared d where d.relid = b.oid and d.col is not null and b.grantee in (select oid from application)
                and d.privilege = any (array_agg(b.privilege) filter (where b.col is null)) having count(*) > 0), '')
from beyond b group by b.tab, b.oid, b.rolname, b.grantee order by 1";

impl PgRowTables {
    /// Declared rights that are missing, and rights beyond the declared ones.
    pub(in crate::postgres::row::verify) async fn grants(
        &self,
        tx: &mut PgConnection,
    ) -> Result<Vec<PgFinding>, StrategyError> {
        let mut findings = Vec::new();
        for application in self.applications() {
            for row in self.compare_rights(application.as_str(), tx).await? {
                let is_beyond: bool = row.try_get(0)?;
                let fault = if is_beyond {
                    PgFault::Grant
                } else {
                    PgFault::GrantMissing
                };
                PgFinding::new(fault, row.try_get(1)?, row.try_get(2)?).join(&mut findings);
            }
        }
        Ok(findings)
    }

    async fn compare_rights(&self, role: &str, tx: &mut PgConnection) -> Result<Vec<PgRow>, sqlx::Error> {
        let sql = format!(
            "{DECLARED}
select false, m.* from ({MISSING_ON_SCHEMAS}) as m
union all select false, m.* from ({MISSING}) as m
union all select true, b.* from ({BEYOND}) as b"
        );
        let rights = self.tables().iter().flat_map(declared);
        let (mut schemas, mut names, mut privileges, mut columns) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for Declared {
            table,
            privilege,
            column,
        } in rights
        {
            schemas.push(table.schema().as_str());
            names.push(table.name().as_str());
            privileges.push(privilege);
            columns.push(column);
        }
        let query = sqlx::query(AssertSqlSafe(sql))
            .persistent(false)
            .bind(role)
            .bind(schemas)
            .bind(names);
        query.bind(privileges).bind(columns).fetch_all(tx).await
    }
}

/// One right to a table. A table without any has a line without a right.
struct Declared<'t> {
    table: &'t PgTenantTable,
    privilege: Option<&'static str>,
    column: Option<&'t str>,
}

fn declared(table: &PgTenantTable) -> Vec<Declared<'_>> {
    let one = |privilege, column| Declared {
        table,
        privilege,
        column,
    };
    let mut all = vec![one(None, None)];
    for grant in table.grants().grants() {
        if grant.columns.is_empty() {
            all.push(one(Some(grant.right.sql()), None));
        }
        all.extend(
            grant
                .columns
                .iter()
                .map(|column| one(Some(grant.right.sql()), Some(column.as_str()))),
        );
    }
    all
}
