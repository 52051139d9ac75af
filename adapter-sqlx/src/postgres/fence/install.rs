//! The fence, made in a database.

use sqlx::PgConnection;

use super::standing::is_fenced;
use crate::StrategyError;
use crate::postgres::execute::execute;
use crate::postgres::identifier::PgIdentifier;

use crate::postgres::versions;
use crate::transaction::begin::{BEGIN_WITH_LOCK_TIMEOUT, begin_lent};

/// Two processes that make it at once wait for each other, and for those that record the version of a tenant.
const ONE_AT_A_TIME: &str = "select pg_catalog.pg_advisory_xact_lock(8389754676633367138)";

/// The application has no right on the tables: it reaches them by the functions alone, which run as the administrator.
const TABLES: &str = "
create schema if not exists tenancy_fence;
revoke all on schema tenancy_fence from public;
create table if not exists tenancy_fence.tenancy_places (
    tenant text collate \"C\" not null primary key,
    epoch bigint not null,
    revision bigint not null,
    state text not null check (state in ('open', 'closed', 'gone')),
    version bigint
);
create table if not exists tenancy_fence.tenancy_key (key bytea not null);
revoke all on tenancy_fence.tenancy_places, tenancy_fence.tenancy_key from public;
insert into tenancy_fence.tenancy_key
    select pg_catalog.decode(pg_catalog.replace(pg_catalog.gen_random_uuid()::text || pg_catalog.gen_random_uuid()::text, '-', ''),
        'hex')
    where not exists (select from tenancy_fence.tenancy_key)";

/// What binds a seal to this transaction of this session, so that none is of use later or elsewhere: the key encloses it.
macro_rules! seal {
    ($tenant:literal) => {
        concat!(
            "encode(sha256(tenancy_fence.tenancy_secret() || int4send(pg_backend_pid())
        || timestamptz_send(transaction_timestamp()) || convert_to(",
            $tenant,
            ", 'UTF8') || tenancy_fence.tenancy_secret()), 'hex')"
        )
    };
}

/// The key, which never changes. Because it is `immutable`, a session reads it once, where it plans the expressions that seal: a look
/// at a table in each query would cost more than all else of the fence. Only its owner may call it, and so what runs as the owner.
const SECRET: &str = "
create or replace function tenancy_fence.tenancy_secret() returns bytea
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
    return (select k.key from tenancy_fence.tenancy_key k);
end $$;
revoke all on function tenancy_fence.tenancy_secret() from public";

/// Looks at the place of a tenant, and fails unless a transaction of this purpose may begin there. A transaction that is sealed is
/// the tenant's for the policies of the fence.
///
/// Each statement of it sees what is committed when it runs, at the level `read committed`: so the state is read after the lock is
/// taken, and in a statement of its own. At the other levels all of them see what was committed when the transaction began. What
/// has changed since is found by locking the row (40001), and a row that has come since by inserting it. One that only reads
/// begins when its snapshot was taken, and needs neither.
///
/// An assignment is evaluated as it is, and a `perform` would be a query of its own.
///
/// The lock is tried and not waited for: a caller who waits would occupy a connection.
const ENTER_BODY: &str = concat!(
    "
declare
    has_snapshot boolean := writes and current_setting('transaction_isolation') not in ('read committed', 'read uncommitted');
    here bigint;
    state text;
begin
    if writes and not pg_try_advisory_xact_lock_shared(hashtextextended(entering, 8389754676633367138)) then
        raise exception 'the place of the tenant is locked' using errcode = 'TN003';
    end if;
    if has_snapshot then
        select p.epoch, p.state into here, state from tenancy_fence.tenancy_places p where p.tenant = entering for share;
    else
        select p.epoch, p.state into here, state from tenancy_fence.tenancy_places p where p.tenant = entering;
    end if;
    if here is null then
        if known > 0 then
            raise exception 'the data of the tenant is not in this place' using errcode = 'TN001';
        elsif has_snapshot then
            insert into tenancy_fence.tenancy_places (tenant, epoch, revision, state) values (entering, 0, 0, 'open')
            on conflict do nothing;
        end if;
    elsif state = 'gone' then
        raise exception 'the data of the tenant is not in this place' using errcode = 'TN001';
    elsif here > known then
        raise exception 'the data of the tenant has moved' using errcode = 'TN004';
    elsif here < known then
        raise exception 'the place of the tenant is older than its record' using errcode = 'TN005';
    elsif state <> 'open' and purpose not in ('staff', 'administer') then
        raise exception 'the place of the tenant is closed' using errcode = 'TN002';
    end if;
    if seals then
        state := set_config('tenancy.seal', ",
    seal!("entering"),
    ", true);
    end if;
end "
);

/// Whether this transaction has entered as the tenant that its setting names.
const ENTERED_BODY: &str = concat!(
    "
begin
    return coalesce(current_setting('tenancy.seal', true) = ",
    seal!("tenant"),
    ", false);
end "
);

/// How both run: as their owner, and looking up names where nobody else can put one.
const AS_OWNER: &str = "security definer set search_path = pg_catalog, pg_temp";

fn functions() -> String {
    format!(
        "create or replace function tenancy_fence.tenancy_enter(
            entering text, known bigint, purpose text, writes boolean, seals boolean
        ) returns void language plpgsql volatile {AS_OWNER} as $${ENTER_BODY}$$;
        create or replace function tenancy_fence.tenancy_entered(tenant text) returns boolean
        language plpgsql stable {AS_OWNER} as $${ENTERED_BODY}$$"
    )
}

/// The functions of the fence that are there, and are as this version makes them: they run as their owner, and show nobody's rows.
const FUNCTIONS: &str = "
select p.oid::pg_catalog.regprocedure::text from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where n.nspname = 'tenancy_fence' and p.prosecdef and p.proconfig = array['search_path=pg_catalog, pg_temp']
    and (p.proname = 'tenancy_enter' and p.prosrc = $1 or p.proname = 'tenancy_entered' and p.prosrc = $2)";

/// The names of those functions.
pub(in crate::postgres) async fn functions_as_made(tx: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    let names = sqlx::query_scalar(FUNCTIONS).persistent(false);
    names.bind(ENTER_BODY).bind(ENTERED_BODY).fetch_all(tx).await
}

/// Makes the functions as this version has them, if another one has made the fence. Inside the caller's transaction.
pub(in crate::postgres) async fn renew(
    tx: &mut PgConnection,
    applications: &[PgIdentifier],
) -> Result<(), StrategyError> {
    if functions_as_made(tx).await?.len() == 2 {
        return Ok(());
    }
    install(tx, applications).await
}

/// Nobody else has them: a function is everybody's unless that is taken away.
const CLOSED: &str = "
revoke all on function tenancy_fence.tenancy_enter(text, bigint, text, boolean, boolean) from public;
revoke all on function tenancy_fence.tenancy_entered(text) from public";

/// Makes the fence, or what is missing of it, inside the caller's transaction. These roles of the application may enter.
pub(in crate::postgres) async fn install(
    tx: &mut PgConnection,
    applications: &[PgIdentifier],
) -> Result<(), StrategyError> {
    refuse_citus(tx).await?;
    execute(tx, ONE_AT_A_TIME.to_owned()).await?;
    let was_fenced = is_fenced(tx).await?;
    for sql in [TABLES, SECRET, &functions(), CLOSED] {
        execute(tx, sql.to_owned()).await?;
    }
    if !was_fenced {
        versions::carry_over(tx).await?;
    }
    for role in applications {
        let sql = format!(
            "grant usage on schema tenancy_fence to {role};
            grant execute on function tenancy_fence.tenancy_enter(text, bigint, text, boolean, boolean),
                tenancy_fence.tenancy_entered(text) to {role}"
        );
        execute(tx, sql).await?;
    }
    Ok(())
}

/// What a function sets does not reach the workers of a cluster.
async fn refuse_citus(tx: &mut PgConnection) -> Result<(), StrategyError> {
    let sql = "select exists (select from pg_catalog.pg_extension where extname operator(pg_catalog.=) 'citus')";
    if sqlx::query_scalar(sql).fetch_one(tx).await? {
        return Err(on_citus());
    }
    Ok(())
}

pub(in crate::postgres) fn on_citus() -> StrategyError {
    StrategyError::other("a Citus cluster has no fence: what its function sets does not reach the workers")
}

/// Makes the fence on a connection in whose database none of the callers' transactions is open.
pub(in crate::postgres) async fn enable(
    connection: &mut PgConnection,
    applications: &[PgIdentifier],
) -> Result<(), StrategyError> {
    let mut tx = begin_lent(connection, Some(BEGIN_WITH_LOCK_TIMEOUT)).await?;
    install(&mut tx, applications).await?;
    Ok(tx.commit().await?)
}
