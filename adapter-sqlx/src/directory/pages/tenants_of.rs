//! The tenants of one caller, page by page.

use sqlx::AssertSqlSafe;
use tenancy_core::directory::{Roles, TenantEntry, TenantStatus};
use tenancy_core::enforce::Caller;
use tenancy_core::names::{Issuer, TenantId};

use super::page::{Page, PageRequest};
use crate::directory::error::DirectoryError;
use crate::directory::sql_directory::SqlDirectory;
use crate::directory::store::database::{DirectoryDatabase, Queries};
use crate::directory::store::rows::{columns, parse, roles_of};
use crate::directory::tenants::entry::DirectoryEntry;

/// A tenant that a caller is a member of, and as what.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Membership {
    /// The tenant.
    pub tenant: DirectoryEntry,
    /// The roles that the caller has there.
    pub roles: Roles,
}

/// Each half is read in the order of an index and stops at the limit: the memberships that name the caller's issuer, and
/// those that name none. A tenant can be in both. The status is judged afterwards: with a condition on
/// it a planner sorts all memberships instead.
pub(in crate::directory) fn memberships<DB: Queries>() -> String {
    let half = |issuer: &str| {
        format!(
            "select * from (
               select m.tenant, m.issuer, m.roles from tenancy_members m
               where m.subject = $1 and m.issuer = {issuer} and m.tenant > $3
               order by m.tenant limit $4
             ) half"
        )
    };
    format!(
        "select {}, found.roles from ({} union all {}) found
         cross join tenancy_tenants t where t.id = found.tenant order by t.id, found.issuer",
        columns::<DB>(),
        half("''"),
        half("$2"),
    )
}

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// The tenants that a caller may enter, by id: the active ones of which the directory makes them a member, with the
    /// roles that enforcement would give them. A page for choosing a tenant shows these, before there is a tenant: under the
    /// access policy `authenticated`, whose handlers take a [`Caller`].
    ///
    /// # Security
    ///
    /// The caller is a subject together with its issuer. Members of another issuer's subject of that name are somebody
    /// else, and a tenant that the caller's issuer may not speak for is left out, as enforcement would refuse it. Tenants
    /// that are not active are left out as well: enforcement does not tell a member either what has become of them.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried.
    pub async fn tenants_of(
        &self,
        caller: &Caller,
        request: &PageRequest<TenantId>,
    ) -> Result<Page<Membership, TenantId>, DirectoryError> {
        let wanted = usize::from(request.limit().get()) + 1;
        let mut found = Vec::new();
        let mut after = request.key().cloned();
        // More than once only if some of them are not active, or the issuer may not speak for them.
        loop {
            let (read, next) = self.memberships(caller, after.as_ref(), request.rows()).await?;
            found.extend(read.into_iter().filter(|one| {
                let tenant = one.tenant.record();
                tenant.status == TenantStatus::Active && caller.may_speak_for(tenant)
            }));
            after = next;
            if found.len() >= wanted || after.is_none() {
                found.truncate(wanted);
                return Ok(request.page(found, |last| last.tenant.record.id.clone()));
            }
        }
    }

    /// The next memberships, and behind which tenant there may be more.
    async fn memberships(
        &self,
        caller: &Caller,
        after: Option<&TenantId>,
        rows: i64,
    ) -> Result<(Vec<Membership>, Option<TenantId>), DirectoryError> {
        let values = [
            caller.subject().as_str().into(),
            caller.issuer().map_or("", Issuer::as_str).into(),
            after.map_or("", TenantId::as_str).into(),
            rows.into(),
        ];
        let sql = AssertSqlSafe(memberships::<DB>());
        let mut connection = self.pool.acquire().await?;
        let read = DB::fetch_all(&mut connection, sql, &values).await?;
        let mut memberships: Vec<Membership> = Vec::new();
        for row in &read {
            let (tenant, roles) = (parse::<DB>(row)?, roles_of::<DB>(row)?);
            match memberships.last_mut() {
                Some(last) if last.tenant.record.id == tenant.record.id => {
                    last.roles = std::mem::take(&mut last.roles).union(roles);
                }
                _ => memberships.push(Membership { tenant, roles }),
            }
        }
        // Each half was read up to its own limit, so only so many tenants are in order without a gap.
        let whole = usize::try_from(rows).unwrap_or(usize::MAX);
        let may_have_more = memberships.len() >= whole;
        memberships.truncate(whole);
        let last = memberships.last().map(|last| last.tenant.record.id.clone());
        Ok((memberships, last.filter(|_| may_have_more)))
    }
}
