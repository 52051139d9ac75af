//! Statements that a handler should not send, and what they leave for the next transaction.

use super::tenants::Tenant;

/// One kind each. `{other}` is another tenant's id, `{schema}` its schema, `{mark}` the sender's own mark, `{huge}` a
/// megabyte, `{nul}` the byte that no text may have.
///
/// None writes a row under another tenant: that a handler can do so within its own transaction is known. None forges
/// the mark by which a commit knows its transaction, or statements under the names that sqlx gives its own.
pub(super) const KINDS: [&str; 119] = [
    // The transaction's end, behind sqlx's back.
    "commit",
    "end",
    "rollback",
    "abort",
    "begin",
    "commit; begin",
    "rollback; begin",
    "commit and chain",
    "rollback and chain",
    "rollback; begin read write; select 1/0",
    "commit; start transaction isolation level serializable",
    "prepare transaction 'mine'",
    "do $$ begin commit; end $$",
    "savepoint mine",
    "savepoint tenancy_commit",
    "savepoint mine; select 1/0",
    "savepoint mine; savepoint mine; release mine",
    "release savepoint nothing",
    "rollback to savepoint nothing",
    "set transaction read only",
    "set transaction isolation level serializable",
    // Another tenant, and what the session remembers of it.
    "set app.tenant_id = '{other}'",
    "set local app.tenant_id = '{other}'",
    "commit; set app.tenant_id = '{other}'",
    "rollback; set app.tenant_id = '{other}'",
    "commit; begin; set local app.tenant_id = '{other}'; select 1/0",
    "select set_config('app.tenant_id', '{other}', false)",
    "commit; select set_config('app.tenant_id', '{other}', false)",
    "set app.tenant_id = ''",
    "reset app.tenant_id",
    "commit; set search_path = \"{schema}\", pg_temp",
    "set search_path = pg_catalog",
    "set search_path = pg_temp, public",
    "commit; set row_security = off",
    "set row_security = off; select * from notes",
    "set role none",
    "set role postgres",
    "commit; set session authorization default",
    // Other settings of the session.
    "reset all",
    "commit; reset all",
    "discard all",
    "commit; discard all",
    "commit; discard plans",
    "set session characteristics as transaction read only",
    "commit; set default_transaction_read_only = on",
    "commit; set default_transaction_isolation = 'serializable'",
    "commit; set default_transaction_deferrable = on",
    "set statement_timeout = '1ms'",
    "commit; set statement_timeout = '1ms'",
    "commit; set lock_timeout = '1ms'",
    "commit; set idle_in_transaction_session_timeout = '5ms'",
    "commit; set idle_session_timeout = '1ms'",
    "commit; set standard_conforming_strings = off",
    "commit; set client_min_messages = debug5",
    "commit; set timezone = 'Asia/Tokyo'; set datestyle = 'German'",
    "commit; set bytea_output = 'escape'; set extra_float_digits = -15",
    "commit; set transform_null_equals = on",
    "commit; set plan_cache_mode = force_generic_plan",
    "commit; set synchronous_commit = off",
    // Prepared statements.
    "deallocate all",
    "commit; deallocate all",
    "deallocate tenancy_unlock",
    "prepare mine as select '{mark}'::int; execute mine",
    "deallocate tenancy_unlock; prepare tenancy_unlock as select 1",
    "deallocate tenancy_unlock; prepare tenancy_unlock (text) as select ('{mark}' || coalesce($1, ''))::int",
    "deallocate tenancy_unlock; prepare tenancy_unlock (text) as select (coalesce($1, '') || 'nobody')::regnamespace",
    "deallocate tenancy_unlock; prepare tenancy_unlock (text) as select pg_sleep(0.1)",
    "prepare tenancy_unlock (text) as select '{mark}'",
    "execute tenancy_unlock(null)",
    "execute tenancy_unlock('{mark}')",
    // Cursors, temporary objects, sequences, channels, locks.
    "declare mine cursor with hold for select '{mark}', * from notes",
    "declare mine cursor with hold for select '{mark}', * from notes; commit",
    "declare mine cursor for select * from notes; fetch 1 from mine",
    "close all; fetch 1 from nothing",
    "create temp table notes as select 0::bigint as number, '{mark}'::text as mark, ''::text as body",
    "commit; create temp table notes as select 0::bigint as number, '{mark}'::text as mark, ''::text as body",
    "create temp view notes as select 0::bigint as number, '{mark}'::text as mark",
    "commit; create temp table pg_class (mark text); create temp table pg_namespace (mark text)",
    "create function pg_temp.starts_with(text, text) returns boolean language sql as 'select true'",
    "create temp sequence mine; select nextval('mine')",
    "create temp table mine on commit drop as select generate_series(1, 10000)",
    "listen stress; notify stress, '{mark}'",
    "commit; listen stress",
    "select pg_notify('tenancy_changes', '{mark}')",
    "select pg_try_advisory_lock(42)",
    "select pg_try_advisory_lock_shared(43)",
    "commit; select pg_try_advisory_lock(44)",
    "select pg_advisory_xact_lock_shared(45)",
    "lock table notes in access exclusive mode",
    "lock table notes in share mode",
    "select * from notes limit 3 for update",
    // Errors, with the sender's data in them.
    "select 1/0",
    "select no_such_column",
    "select '{mark}'::int",
    "select '{mark}'::int from pg_sleep(0.002)",
    "do $$ begin raise exception '{mark}'; end $$",
    "do $$ begin raise warning '{mark}'; end $$",
    "insert into notes (number, mark) values (null, '{mark}')",
    "not sql, but {mark}",
    "select '{mark}",
    "/* {mark}",
    "",
    ";;;",
    "select $1",
    "select '{nul}'",
    "select '{mark}' /* {huge} */",
    "select repeat('{mark}', 100000)",
    "select '{mark}' from generate_series(1, 20000)",
    // What the application's role may not do.
    "truncate notes",
    "drop table notes",
    "alter table notes disable row level security",
    "create policy mine on notes using (true)",
    "drop schema \"{schema}\" cascade",
    "create table public.mine (mark text)",
    "vacuum notes",
    // A long wait, copies, and the session's own end.
    "select pg_sleep(0.05)",
    "copy (select '{mark}') to stdout",
    "select pg_terminate_backend(pg_backend_pid())",
    "select pg_cancel_backend(pid) from pg_stat_activity where usename = current_user",
];

/// Those after which a connection is away for a while. One in a while is enough.
pub(super) const SLOW: [&str; 4] = [
    "select pg_sleep(2), '{mark}'::int",
    "copy notes to stdout",
    "create temp table copied (mark text); copy copied from stdin",
    "commit; set idle_in_transaction_session_timeout = 0; select pg_sleep(1)",
];

/// How many there are.
pub(super) const fn kinds() -> u64 {
    (KINDS.len() + SLOW.len()) as u64
}

/// The statement as `sender` sends it.
pub(super) fn text(kind: &str, sender: &Tenant, other: &Tenant) -> String {
    let other = other.id();
    let huge = if kind.contains("{huge}") {
        "x".repeat(1 << 20)
    } else {
        String::new()
    };
    kind.replace("{other}", other)
        .replace("{schema}", &format!("tenant_{other}"))
        .replace("{mark}", &sender.mark)
        .replace("{huge}", &huge)
        .replace("{nul}", "\0")
}

/// Whether what the transaction did before may be committed by this, or undone, without anybody hearing of it.
pub(super) fn may_end(kind: &str) -> bool {
    ["commit", "end", "abort", "rollback", "prepare transaction"]
        .iter()
        .any(|word| kind.contains(word))
}
