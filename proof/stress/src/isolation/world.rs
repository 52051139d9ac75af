//! What the workers of a round share: the tenants, their data, the judge of what is seen.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sqlx::{PgConnection, Postgres};
use tenancy_core::directory::TenantRecord;
use tenancy_sqlx::TenantDb;

use super::tenants::Tenant;
use crate::Failure;
use crate::logged::foreign_mark;
use crate::report::Part;
use crate::site::Site;

pub(crate) const FOREIGN: &str = "foreign rows seen";
pub(crate) const LEFT: &str = "sessions in which something was left by another transaction";
pub(crate) const ERRORS: &str = "errors with another tenant's data";
pub(crate) const BYSTANDERS: &str = "transactions that failed for what another did";
pub(crate) const HUNG: &str = "calls that did not return";
pub(crate) const PANICS: &str = "panics that nobody asked for";

/// Everything that a worker needs.
pub(crate) struct World {
    pub(crate) site: Site,
    pub(crate) db: TenantDb<Postgres>,
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) part: Part,
    numbers: AtomicI64,
}

impl World {
    /// Opens the strategies and provisions the tenants.
    pub(crate) async fn open(site: Site, of_each: usize, part: Part) -> Result<Arc<Self>, Failure> {
        for invariant in [FOREIGN, LEFT, ERRORS, BYSTANDERS, HUNG, PANICS] {
            part.invariant(invariant);
        }
        let world = Self {
            db: site.open().await?,
            site,
            tenants: Tenant::all(of_each)?,
            part,
            numbers: AtomicI64::new(0),
        };
        let records: Vec<TenantRecord> = world
            .tenants
            .iter()
            .map(|tenant| tenant.admitted.tenant().clone())
            .collect();
        for record in &records {
            world.db.provision(record).await?;
        }
        Ok(Arc::new(world))
    }

    /// A number that no row has yet.
    pub(crate) fn number(&self) -> i64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Reads without a word about tenants. Whatever is found must be the tenant's own.
    pub(crate) async fn look(&self, connection: &mut PgConnection, tenant: &Tenant) -> Result<(), sqlx::Error> {
        let counted = "select count(*), count(*) filter (where not starts_with(mark, $1)) from notes";
        let (all, foreign): (i64, i64) = sqlx::query_as(counted)
            .bind(&*tenant.mark)
            .fetch_one(&mut *connection)
            .await?;
        let marks: Vec<String> = sqlx::query_scalar("select mark from notes limit 8")
            .fetch_all(connection)
            .await?;
        self.part.add("rows looked at", u64::try_from(all).unwrap_or_default());
        let strange = marks.iter().find(|mark| !mark.starts_with(&*tenant.mark));
        if foreign > 0 || strange.is_some() {
            self.part.broken(
                FOREIGN,
                format_args!("{} sees {foreign} of {all}, such as {strange:?}", tenant.id()),
            );
        }
        Ok(())
    }

    /// Checks that the session is as a new one would be. Each finding is reported by its name in the query.
    pub(crate) async fn probe(&self, connection: &mut PgConnection, tenant: &Tenant) -> Result<(), sqlx::Error> {
        let left: Option<String> = sqlx::query_scalar(PROBE)
            .bind((tenant.strategy == "row").then(|| tenant.id()))
            .fetch_one(connection)
            .await?;
        self.part.add("sessions probed for what another left", 1);
        if let Some(left) = left.filter(|left| !left.is_empty()) {
            self.part.broken(LEFT, format_args!("{} finds {left}", tenant.id()));
        }
        Ok(())
    }

    /// Judges an error that a tenant's handler was given.
    pub(crate) fn judge_error(&self, tenant: &Tenant, error: &(dyn Error + 'static)) {
        let text = text_of(error);
        self.part.add("errors looked at", 1);
        if foreign_mark(&text, Some(&tenant.mark)).is_some() {
            self.part
                .broken(ERRORS, format_args!("{} got the error {text}", tenant.id()));
        }
    }

    /// Judges the error of a handler that did nothing wrong.
    pub(crate) fn judge_bystander(&self, tenant: &Tenant, error: &(dyn Error + 'static)) {
        self.judge_error(tenant, error);
        let text = text_of(error);
        let excuse = EXCUSES.iter().find(|(sign, _)| text.contains(sign));
        match excuse {
            Some((_, what)) => self.part.add(&format!("transactions that failed: {what}"), 1),
            None => self.part.broken(BYSTANDERS, format_args!("{}: {text}", tenant.id())),
        }
    }
}

/// In one text: each of them that is not as it must be. The temporary table is asked for by its schema's oid, since a
/// name might be a hostile handler's own.
const PROBE: &str = "select concat_ws(', ',
    case when $1::text is not null and current_setting('app.tenant_id', true) is distinct from $1 then 'a tenant' end,
    case when $1::text is null and coalesce(current_setting('app.tenant_id', true), '') <> '' then 'a tenant' end,
    case when current_user <> session_user then 'a role' end,
    case when current_setting('search_path') like '%pg_temp, public%' then 'a search path' end,
    case when current_setting('statement_timeout') <> '0' then 'a statement time-out' end,
    case when current_setting('lock_timeout') <> '0' then 'a lock time-out' end,
    case when current_setting('timezone') = 'Asia/Tokyo' then 'a time zone' end,
    case when current_setting('row_security') <> 'on' then 'row security' end,
    case when current_setting('standard_conforming_strings') <> 'on' then 'strings' end,
    case when current_setting('transaction_isolation') <> 'read committed' then 'an isolation level' end,
    case when exists (select from pg_catalog.pg_cursors where is_holdable) then 'a cursor' end,
    case when exists (select from pg_catalog.pg_listening_channels()) then 'a channel' end,
    case when exists (select from pg_catalog.pg_locks where locktype = 'advisory' and pid = pg_backend_pid())
        then 'an advisory lock' end,
    case when exists (select from pg_catalog.pg_class where relnamespace = pg_catalog.pg_my_temp_schema())
        then 'a temporary table' end)";

/// What may happen to a handler that did nothing wrong, by a sign in the error's text.
const EXCUSES: [(&str, &str); 15] = [
    ("57P01", "its backend was ended"),
    ("57P02", "its backend was ended"),
    ("57P05", "its backend was ended"),
    ("Io(", "its connection broke"),
    ("\"08", "its connection broke"),
    ("BeginFailed", "its connection broke"),
    ("InvalidSavePoint", "its connection broke"),
    // The server went before it answered whether it speaks TLS.
    ("SSLRequest", "its connection broke"),
    ("due to user request", "another session cancelled it"),
    ("40P01", "it was chosen to end a deadlock"),
    ("PoolTimedOut", "no connection was free in time"),
    ("TooManyInUse", "no connection was free in time"),
    ("57P03", "the server was starting"),
    ("25006", "the server was a standby"),
    ("57P04", "its backend was ended"),
];

pub(crate) fn text_of(error: &(dyn Error + 'static)) -> String {
    let mut text = format!("{error:?}");
    let mut source = Some(error);
    while let Some(error) = source {
        text.push_str(&format!(" / {error}"));
        source = error.source();
    }
    text
}
