//! Which job is next: tenants in turn, the oldest job of each.

use std::time::Duration;

use sqlx::PgPool;

use super::interval::seconds;

/// The first due job of the first tenant after `$1` that is not in `$2`, among jobs named in `$3`. It is out of the others'
/// sight for `$4` seconds: if this process ends, the job runs again then.
///
/// The tenants are read one after the other from the index, so that the cost does not grow with the number of jobs.
const CLAIM: &str = "with recursive tenants(tenant) as (
    (select j.tenant from tenancy_jobs.jobs j where not j.gave_up and j.tenant > $1 order by j.tenant limit 1)
    union all
    select (select j.tenant from tenancy_jobs.jobs j where not j.gave_up and j.tenant > t.tenant order by j.tenant limit 1)
    from tenants t where t.tenant is not null
), next as (
    select due.id from tenants t cross join lateral (
        select j.id from tenancy_jobs.jobs j
        where j.tenant = t.tenant and not j.gave_up and j.run_at <= pg_catalog.now() and j.name = any ($3)
        order by j.run_at limit 1 for update skip locked
    ) due
    where t.tenant is not null and t.tenant <> all ($2) limit 1
)
update tenancy_jobs.jobs j set attempts = j.attempts + 1,
    run_at = pg_catalog.now() + pg_catalog.make_interval(secs => $4)
from next where j.id = next.id
returning j.id, j.tenant, j.name, j.sealed, j.attempts";

/// A row of the queue that this worker has taken. What it says is not believed before the gate has judged it.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) id: String,
    pub(super) tenant: String,
    pub(super) name: String,
    pub(super) sealed: String,
    /// With this one. It stands for the claim, too: what has been claimed again since is not touched.
    pub(super) attempts: i32,
}

/// Takes the next job in turn after the tenant `after`; at the end of the tenants it begins anew.
pub(super) async fn claim(
    pool: &PgPool,
    after: &str,
    busy: &[String],
    names: &[String],
    lease: Duration,
) -> Result<Option<Claimed>, sqlx::Error> {
    let first = claim_after(pool, after, busy, names, lease).await?;
    if first.is_some() || after.is_empty() {
        return Ok(first);
    }
    claim_after(pool, "", busy, names, lease).await
}

async fn claim_after(
    pool: &PgPool,
    after: &str,
    busy: &[String],
    names: &[String],
    lease: Duration,
) -> Result<Option<Claimed>, sqlx::Error> {
    let query = sqlx::query_as::<_, (String, String, String, String, i32)>(CLAIM)
        .bind(after)
        .bind(busy)
        .bind(names)
        .bind(seconds(lease));
    let row = query.fetch_optional(pool).await?;
    Ok(row.map(|(id, tenant, name, sealed, attempts)| Claimed {
        id,
        tenant,
        name,
        sealed,
        attempts,
    }))
}
