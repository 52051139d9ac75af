//! The policies by which the rows of a fenced database are bound to those who have entered.

use sqlx::PgConnection;

use crate::StrategyError;
use crate::postgres::execute::execute;
use crate::postgres::identifier::Literal;
use crate::postgres::row::PgRowTables;
use crate::postgres::row::PgTenantTable;

/// The declared tables that exist and are not fenced, with the roles that the policy of the tenant keeps within it, quoted. The
/// policy is beside that of the tenant, and restrictive as that is: a version of this library that does not know it leaves it.
const UNFENCED: &str = "
select pg_catalog.format('%I.%I', n.nspname, c.relname), kept.roles
from unnest($1::text[], $2::text[]) as d(schema, name)
join pg_catalog.pg_namespace n on n.nspname = d.schema
join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = d.name and c.relkind in ('r', 'p')
join pg_catalog.pg_policy t on t.polrelid = c.oid and t.polname = 'tenancy_tenant'
cross join lateral (
    select pg_catalog.string_agg(pg_catalog.quote_ident(r.rolname), ', ' order by r.rolname) as roles
    from pg_catalog.pg_roles r where r.oid = any (t.polroles)
) kept
where kept.roles is not null and not exists (
    select from pg_catalog.pg_policy p where p.polrelid = c.oid and p.polname = 'tenancy_fence' and not p.polpermissive
        and p.polcmd = '*' and p.polroles @> t.polroles and pg_catalog.replace(pg_catalog.pg_get_expr(p.polqual, c.oid), ' ', '')
            ilike pg_catalog.concat('(selecttenancy_fence.tenancy_entered(current_setting(', pg_catalog.quote_literal($3), '::text,true))%')
) order by 1";

impl PgRowTables {
    /// Fences the declared tables that are not, inside the caller's transaction. If all are, nothing is written or locked.
    pub(in crate::postgres) async fn fence(
        &self,
        tx: &mut PgConnection,
        object: &mut String,
    ) -> Result<(), StrategyError> {
        for (table, roles) in self.unfenced(tx).await? {
            object.clone_from(&table);
            // Evaluated once for a query, and not for each row.
            let sql = format!(
                "drop policy if exists tenancy_fence on {table};
                create policy tenancy_fence on {table} as restrictive for all to {roles} using ((select \
                tenancy_fence.tenancy_entered(pg_catalog.current_setting({setting}, true)))) with check ((select \
                tenancy_fence.tenancy_entered(pg_catalog.current_setting({setting}, true))))",
                setting = Literal(self.setting().as_str()),
            );
            execute(tx, sql).await?;
        }
        Ok(())
    }

    /// Refuses declared tables that are not fenced.
    pub(in crate::postgres) async fn require_fence(&self, tx: &mut PgConnection) -> Result<(), StrategyError> {
        match self.unfenced(tx).await?.first() {
            None => Ok(()),
            Some((table, _)) => Err(StrategyError::other(format!(
                "the table {table} is not fenced: open the strategy once as the administrator"
            ))),
        }
    }

    async fn unfenced(&self, tx: &mut PgConnection) -> Result<Vec<(String, String)>, StrategyError> {
        let unfenced = sqlx::query_as(UNFENCED)
            .persistent(false)
            .bind(self.names(PgTenantTable::schema))
            .bind(self.names(PgTenantTable::name))
            .bind(self.setting().as_str());
        Ok(unfenced.fetch_all(tx).await?)
    }
}
