//! Proof that the administrator sees every row.
//!
//! A policy holds for every role that has the privileges of a role it names, so an administrator who was granted the
//! application's role is filtered as the application is: nothing is found, nothing is changed, and nothing fails.

use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::StrategyError;
use crate::postgres::identifier::{Literal, text_array};
use crate::postgres::row::row_tables::PgRowTables;
use crate::postgres::row::table::PgTenantTable;
use crate::postgres::row::verify::{PgFault, PgFinding, Viewer};

/// A declared table of which a role does not provably see every row.
#[derive(Debug)]
pub(in crate::postgres) struct Filter {
    pub(in crate::postgres) role: String,
    pub(in crate::postgres) table: String,
    /// The restrictive policy that may hide rows. Without one, no permissive policy shows all of them.
    pub(in crate::postgres) policy: Option<String>,
    mend: String,
    /// Whether it is a finding by itself that the policy is not as declared.
    is_told: bool,
}

impl From<Filter> for StrategyError {
    fn from(
        Filter {
            role, table, policy, ..
        }: Filter,
    ) -> Self {
        Self::AdministratorFiltered { role, table, policy }
    }
}

impl PgRowTables {
    /// Proves that the connection's role sees every row of the declared tables, in the transaction that is open.
    ///
    /// Whatever counts, changes or removes rows of all tenants asks this first: row-level security does not fail
    /// where it filters.
    pub(in crate::postgres) async fn filter_of_connection(
        &self,
        transaction: &mut PgConnection,
    ) -> Result<Option<Filter>, sqlx::Error> {
        let found = self.filters(transaction, "current_user").await?;
        Ok(found.into_iter().next())
    }

    /// A finding for each filter of the declared administrator and, if that one verifies, of the role that is connected.
    pub(in crate::postgres::row::verify) async fn administrators(
        &self,
        tx: &mut PgConnection,
        viewer: Viewer,
    ) -> Result<Vec<PgFinding>, StrategyError> {
        let declared = Literal(self.administrator().as_str());
        let roles = match viewer {
            Viewer::Administrator => format!("current_user, {declared}"),
            Viewer::Application => declared.to_string(),
        };
        let mut found = self.filters(tx, &roles).await?;
        found.retain(|filter| !filter.is_told);
        let finding = |filter: Filter| {
            let (role, table) = (filter.role, filter.table);
            let object = filter.policy.map_or_else(
                || format!("role {role} on {table}"),
                |policy| format!("{policy} on {table} for role {role}"),
            );
            PgFinding::new(PgFault::AdministratorFiltered, object, filter.mend)
        };
        Ok(found.into_iter().map(finding).collect())
    }

    /// A finding where the administrator's connection acts as another role than the declared one.
    pub(in crate::postgres) async fn administrator_differs(
        &self,
        administrator: &mut PgConnection,
    ) -> Result<Option<PgFinding>, StrategyError> {
        let asked = sqlx::raw_sql("select current_user::text, pg_catalog.quote_ident(current_user)");
        let row = asked.fetch_one(administrator).await?;
        let (role, quoted): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        Ok((role != self.administrator().as_str())
            .then(|| PgFinding::new(PgFault::AdministratorDiffers, format!("role {quoted}"), String::new())))
    }

    /// What filters the roles of this SQL list. The caller's search path is as it was afterwards.
    async fn filters(&self, transaction: &mut PgConnection, roles: &str) -> Result<Vec<Filter>, sqlx::Error> {
        let (schemas, names) = (self.names(PgTenantTable::schema), self.names(PgTenantTable::name));
        let applications: Vec<String> = self
            .applications()
            .iter()
            .map(|role| role.as_str().to_owned())
            .collect();
        let sql = format!(
            "savepoint tenancy_administrator;
set local search_path = pg_catalog, pg_temp;
with asked as (
    select oid, rolname from pg_roles where rolname in ({roles}) and not rolsuper and not rolbypassrls
), declared as (
    select schema, name from unnest({}, {}) as d(schema, name)
), application as (
    select {}::text[] as names, {}::text as administrator
){FILTERS};
rollback to savepoint tenancy_administrator;
release savepoint tenancy_administrator",
            text_array(&schemas),
            text_array(&names),
            text_array(&applications),
            Literal(self.administrator().as_str()),
        );
        let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(transaction).await?;
        let filter = |row: &sqlx::postgres::PgRow| {
            Ok(Filter {
                role: row.try_get(0)?,
                table: row.try_get(1)?,
                policy: row.try_get(2)?,
                mend: row.try_get(3)?,
                is_told: row.try_get(4)?,
            })
        };
        rows.iter().map(filter).collect()
    }
}

/// Each row: the role, the table, the restrictive policy or null, what mends it, and whether
/// [`PolicyDiffers`](PgFault::PolicyDiffers) tells of it already.
///
/// A role sees every row where row-level security does not hold for it (a superuser, `BYPASSRLS`, an owner who is not
/// forced), or where a permissive policy shows it every row for each command and no restrictive one may hide any. A
/// policy holds for a role that has the privileges of one that it names: by memberships of any depth, too.
///
/// Whether a policy's expression is the constant `true` is read from its tree: to spell it, the server would lock the
/// table.
const FILTERS: &str = "
, guarded as (
    select a.oid as role, a.rolname, c.oid as relid, format('%I.%I', n.nspname, c.relname) as tab
    from declared d join pg_namespace n on n.nspname = d.schema
    join pg_class c on c.relnamespace = n.oid and c.relname = d.name
    cross join asked a
    where c.relrowsecurity and (c.relforcerowsecurity or not pg_has_role(a.oid, c.relowner, 'usage'))
), holding as (
    select g.role, g.rolname, g.relid, g.tab, p.polname, p.polpermissive, p.polcmd, p.polroles,
        -- A constant is spelled without the table, and so without a lock on it.
        case when p.polqual is null then not p.polpermissive
            else p.polqual::text like '{CONST %' and pg_get_expr(p.polqual, 0) = 'true' end as shows_all
    from guarded g join pg_policy p on p.polrelid = g.relid
    where exists (select from unnest(p.polroles) as r(oid)
        where case when r.oid = 0 then true else pg_has_role(g.role, r.oid, 'usage') end)
), found as (
    select h.rolname, h.tab, h.polname,
        case when 0 = any (h.polroles) or h.role = any (h.polroles)
        -- It stays for everybody else who it holds for, and goes if that is nobody.
        then coalesce((select format('alter policy %I on %s to %s', h.polname, h.tab,
                string_agg(distinct quote_ident(r.rolname), ', '))
            from pg_roles r where r.oid <> h.role and case when 0 <> all (h.polroles) then r.oid = any (h.polroles)
                else r.rolname = any (application.names) or exists (select from pg_policy p
                    where p.polrelid = h.relid and p.polpermissive and p.polname <> 'tenancy_administrator'
                        and r.oid = any (p.polroles)) end
            having count(*) > 0), format('drop policy %I on %s', h.polname, h.tab))
        else (select string_agg(format('revoke %I from %I', m.rolname, h.rolname), '; ' order by m.rolname)
            from pg_auth_members granted join pg_roles m on m.oid = granted.roleid
            where granted.member = h.role and exists (select from unnest(h.polroles) as r(oid)
                where r.oid = m.oid or pg_has_role(m.oid, r.oid, 'usage')))
        end as mend,
        h.polname = 'tenancy_tenant' and (0 = any (h.polroles) or exists (select from pg_roles r
            where r.oid = any (h.polroles) and r.rolname = application.administrator)
            or exists (select from pg_roles r where r.rolname = any (application.names) and r.oid <> all (h.polroles)))
            as is_told
    from holding h cross join application
    where not h.polpermissive and h.polcmd in ('*', 'r', 'w', 'd') and not h.shows_all
    union all
    -- Another role than the declared administrator is not to take the policy from that one.
    select g.rolname, g.tab, null, case when g.rolname = application.administrator then format(
        'drop policy if exists tenancy_administrator on %s; '
        'create policy tenancy_administrator on %1$s as permissive for all to %I using (true) with check (true)',
        g.tab, g.rolname) end, false
    from guarded g cross join application
    where exists (select from unnest(array['r', 'w', 'd']) as asked(cmd)
        where not exists (select from holding h where h.relid = g.relid and h.role = g.role
            and h.polpermissive and h.shows_all and h.polcmd::text in ('*', asked.cmd)))
)
select quote_ident(rolname), tab, quote_ident(polname), coalesce(mend, ''), is_told from found
order by tab collate \"C\", polname collate \"C\" nulls first, rolname collate \"C\"";
