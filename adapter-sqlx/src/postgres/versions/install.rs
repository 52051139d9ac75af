//! The table of versions, and the function that looks into it, made in a database.

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::StrategyError;
use crate::postgres::execute::execute;
use crate::postgres::identifier::Literal;
use crate::transaction::begin::{BEGIN_WITH_LOCK_TIMEOUT, begin_lent};

/// Those that make it at once wait for each other.
const ONE_AT_A_TIME: &str = "select pg_catalog.pg_advisory_xact_lock(8389754676633367140)";

/// The schema is another one than the fence's, which is what shows that a database is fenced. Nobody but the owner has a right on
/// the table, whatever default privileges say.
///
/// The empty name stands for tables that tenants share. No tenant has it.
const TABLE: &str = "
create schema if not exists tenancy_versions;
create table if not exists tenancy_versions.tenancy_versions (
    tenant text collate \"C\" not null primary key,
    version bigint not null,
    recorded_at timestamptz not null default pg_catalog.now()
);
do $do$
declare
    role_name text;
begin
    for role_name in
        select coalesce(pg_catalog.quote_ident(r.rolname), 'public') from pg_catalog.pg_class c
        cross join lateral pg_catalog.aclexplode(c.relacl) a left join pg_catalog.pg_roles r on r.oid = a.grantee
        where c.oid = 'tenancy_versions.tenancy_versions'::pg_catalog.regclass and a.grantee <> c.relowner
    loop
        execute 'revoke all on tenancy_versions.tenancy_versions from ' || role_name;
    end loop;
end
$do$";

/// Fails unless the tenant's data has the version that a service needs. A version that is not recorded is not known to be one.
///
/// What is not taken of the branches is not planned, so neither table has to be there. It is volatile, so that it sees what is
/// committed when it runs, as the function of the fence does.
const REQUIRE_BODY: &str = "
declare
    found bigint;
begin
    if entering <> '' and to_regclass('tenancy_fence.tenancy_places') is not null then
        select p.version into found from tenancy_fence.tenancy_places p where p.tenant = entering;
    else
        select v.version into found from tenancy_versions.tenancy_versions v where v.tenant = entering;
    end if;
    if found is null or found < minimum then
        raise exception 'the data of the tenant is behind' using errcode = 'TN006';
    end if;
end ";

/// Everybody may call it: it tells no more than the catalogs do, which everybody reads.
fn function() -> String {
    format!(
        "create or replace function tenancy_versions.tenancy_require(entering text, minimum bigint) returns void
        language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $${REQUIRE_BODY}$$;
        grant usage on schema tenancy_versions to public;
        grant execute on function tenancy_versions.tenancy_require(text, bigint) to public"
    )
}

/// The name of the function that is there, if it is as this version makes it: it runs as its owner, and shows nobody's rows.
pub(in crate::postgres) async fn function_as_made(tx: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    let sql = "select p.oid::pg_catalog.regprocedure::text from pg_catalog.pg_proc p
        join pg_catalog.pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'tenancy_versions' and p.proname = 'tenancy_require' and p.prosecdef and p.prosrc = $1
            and p.proconfig = array['search_path=pg_catalog, pg_temp']";
    let name = sqlx::query_scalar(sql).persistent(false).bind(REQUIRE_BODY);
    name.fetch_optional(tx).await
}

/// Where versions are recorded in a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) is_fenced: bool,
    pub(super) is_on_citus: bool,
    pub(super) has_table: bool,
    /// Whether the function is as this version makes it.
    is_as_made: bool,
}

/// The columns of [`Found`]. Where all was there before, no more is looked at than what may go or come.
pub(in crate::postgres) fn look_columns(was_made: bool) -> String {
    const PLACES: &str = "pg_catalog.to_regclass('tenancy_fence.tenancy_places') is not null";
    const TABLE: &str = "pg_catalog.to_regclass('tenancy_versions.tenancy_versions') is not null";
    if was_made {
        return format!("{PLACES}, false, {TABLE}, true");
    }
    format!(
        "{PLACES}, exists (select from pg_catalog.pg_extension where extname = 'citus'), {TABLE}, exists (
        select from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'tenancy_versions' and p.proname = 'tenancy_require' and p.prosecdef and p.prosrc = {}
            and p.proconfig = array['search_path=pg_catalog, pg_temp']
            and pg_catalog.has_schema_privilege('public', n.oid, 'usage')
            and pg_catalog.has_function_privilege('public', p.oid, 'execute')
    )",
        Literal(REQUIRE_BODY)
    )
}

fn look_sql() -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("select {}", look_columns(false)))
}

impl Found {
    pub(super) fn of_row(row: &PgRow, first: usize) -> Result<Self, sqlx::Error> {
        Ok(Self {
            is_fenced: row.try_get(first)?,
            is_on_citus: row.try_get(first + 1)?,
            has_table: row.try_get(first + 2)?,
            is_as_made: row.try_get(first + 3)?,
        })
    }

    pub(super) const fn is_made(self) -> bool {
        self.has_table && self.is_as_made
    }
}

/// Looks, as the administrator.
pub(super) async fn look(connection: &mut PgConnection) -> Result<Found, sqlx::Error> {
    // Prepared: a connection that migrates one tenant after the other runs it again.
    Found::of_row(&sqlx::query(look_sql()).fetch_one(connection).await?, 0)
}

/// As [`look`], in one round trip, on a connection that does not look again.
pub(super) async fn look_once(connection: &mut PgConnection) -> Result<Found, sqlx::Error> {
    Found::of_row(&sqlx::raw_sql(look_sql()).fetch_one(connection).await?, 0)
}

/// Makes the table and the function, or what is missing of them, on a connection in which no transaction is open. If nothing is missing,
/// nothing is written.
pub(in crate::postgres) async fn enable(connection: &mut PgConnection) -> Result<(), StrategyError> {
    let mut tx = begin_lent(connection, Some(BEGIN_WITH_LOCK_TIMEOUT)).await?;
    let found = look(&mut tx).await?;
    if found.is_on_citus {
        return Err(on_citus());
    }
    make(found, &mut tx).await?;
    Ok(tx.commit().await?)
}

/// Refuses a database in which nothing looks at versions, as the application sees it.
pub(in crate::postgres) async fn require_enabled(connection: &mut PgConnection) -> Result<(), StrategyError> {
    if sqlx::raw_sql(IS_ENABLED).fetch_one(connection).await?.try_get(0)? {
        return Ok(());
    }
    Err(StrategyError::other(
        "the database has no record of tenants' versions: open the strategy once as the administrator, with a minimum version",
    ))
}

const IS_ENABLED: &str = "
select exists (
    select from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where n.nspname = 'tenancy_versions' and p.proname = 'tenancy_require'
        and pg_catalog.has_schema_privilege(n.oid, 'usage') and pg_catalog.has_function_privilege(p.oid, 'execute')
)";

/// Makes what is missing, inside the caller's transaction. Nothing on a Citus cluster, which would bring the function to the workers.
pub(super) async fn make(found: Found, tx: &mut PgConnection) -> Result<(), StrategyError> {
    if found.is_on_citus || found.is_made() {
        return Ok(());
    }
    execute(tx, ONE_AT_A_TIME.to_owned()).await?;
    // Another process may have made it meanwhile.
    let found = look(tx).await?;
    if !found.has_table {
        execute(tx, TABLE.to_owned()).await?;
    }
    if !found.is_as_made {
        execute(tx, function()).await?;
    }
    Ok(())
}

/// Takes the versions of tenants to their places, inside the transaction that has made the table of places. A tenant without a place
/// gets one, as of a tenant that never moved.
pub(in crate::postgres) async fn carry_over(tx: &mut PgConnection) -> Result<(), StrategyError> {
    if !look(tx).await?.has_table {
        return Ok(());
    }
    let sql = "
insert into tenancy_fence.tenancy_places as p (tenant, epoch, revision, state, version)
select v.tenant, 0, 0, 'open', v.version from tenancy_versions.tenancy_versions v where v.tenant <> ''
on conflict (tenant) do update set version = excluded.version
where p.version is null or p.version < excluded.version";
    Ok(execute(tx, sql.to_owned()).await?)
}

pub(in crate::postgres) fn on_citus() -> StrategyError {
    StrategyError::other("a Citus cluster has no record of tenants' versions, and so no minimum version")
}
