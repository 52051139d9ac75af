//! What errors of PostgreSQL mean for the answer to a client.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Postgres};
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::{
    ErrorKind, PoolSettings, StrategyError, StrategyRegistry, TenantDb, TenantTransaction, TransactionError,
};

use crate::across::AcrossTenants as _;
use crate::polling::at_last;
use crate::postgres::support::schema_server;
use crate::postgres::support::server::{TestDatabase, migrations, tenant};

const TABLES: &str = "create table notes (
        id text primary key, body text not null check (body <> 'bad'), due date, size int4range,
        exclude using gist (size with &&) deferrable initially immediate);
    create table replies (id text primary key, note text not null references notes deferrable,
        kept text references notes on delete restrict);
    insert into notes (id, body, size) values ('1', 'x', '[1,5]'), ('2', 'x', null);
    insert into replies values ('1', '1', '2')";

async fn open(database: &TestDatabase) -> (TenantDb<Postgres>, Admitted) {
    let options = schema_server::options(database).with_migrations(migrations(&[TABLES]));
    let (db, _) = schema_server::open(options).await;
    let member = schema_server::member("acme");
    db.provision(member.tenant()).await.unwrap();
    (db, member)
}

#[tokio::test]
async fn a_statement_s_error_is_the_client_s_or_the_service_s() {
    let database = TestDatabase::new().await;
    let (db, member) = open(&database).await;
    for (sql, expected) in [
        ("select 'x'::date", ErrorKind::Invalid),
        ("select 99999999999::int4", ErrorKind::Invalid),
        ("select '{'::json", ErrorKind::Invalid),
        ("select 'x' ~ '('", ErrorKind::Invalid),
        ("insert into notes (id) values ('3')", ErrorKind::Invalid),
        ("insert into notes (id, body) values ('3', 'bad')", ErrorKind::Invalid),
        (
            "insert into notes (id, body) values ((select string_agg(md5(n::text), '') from generate_series(1, 999) n), 'x')",
            ErrorKind::Invalid,
        ),
        ("insert into notes (id, body) values ('1', 'x')", ErrorKind::Conflict),
        (
            "insert into notes (id, body, size) values ('3', 'x', '[2,3]')",
            ErrorKind::Conflict,
        ),
        ("insert into replies values ('2', 'none')", ErrorKind::Conflict),
        ("delete from notes where id = '1'", ErrorKind::Conflict),
        ("delete from notes where id = '2'", ErrorKind::Conflict),
        (
            "do $$ begin raise exception using errcode = '40001'; end $$",
            ErrorKind::Retryable,
        ),
        (
            "do $$ begin raise exception using errcode = '40P01'; end $$",
            ErrorKind::Retryable,
        ),
        (
            "do $$ begin raise exception using errcode = '53100'; end $$",
            ErrorKind::Unavailable,
        ),
        (
            "do $$ begin perform pg_terminate_backend(pg_backend_pid()); end $$",
            ErrorKind::Unavailable,
        ),
        ("select 1 / 0", ErrorKind::Internal),
        ("create table other ()", ErrorKind::Internal),
        ("truncate notes", ErrorKind::Internal),
        ("select * from nothing", ErrorKind::Internal),
        ("not sql", ErrorKind::Internal),
        ("do $$ begin raise exception 'x'; end $$", ErrorKind::Internal),
    ] {
        let mut tx = db.begin(&member).await.unwrap();
        let error = sqlx::raw_sql(sql).execute(&mut *tx).await.unwrap_err();
        assert_eq!(ErrorKind::of(&error), expected, "{sql}: {error:?}");
    }
    let mut tx = db.begin(&member).await.unwrap();
    let nul = sqlx::query("select * from notes where id = $1").bind("1\0");
    let error = nul.fetch_all(&mut *tx).await.unwrap_err();
    assert_eq!(ErrorKind::of(&error), ErrorKind::Invalid, "{error:?}");
}

/// As a coordinator of Citus 13 wrote them, while a worker restarted and shards were split and moved: its own session
/// lives on, and nothing is committed before the commit.
#[tokio::test]
async fn what_a_worker_did_not_do_can_be_done_again() {
    let database = TestDatabase::new().await;
    let (db, member) = with_faults(&database).await;
    for (code, message, expected, at_commit) in [
        (
            "08006",
            "connection to the remote node app@127.0.0.1:5433 failed with the following error: connection not open",
            ErrorKind::Retryable,
            ErrorKind::Unconfirmed,
        ),
        (
            "XX000",
            "could not find valid entry for shard 102008",
            ErrorKind::Retryable,
            ErrorKind::Unconfirmed,
        ),
        (
            "40001",
            "shard for the given value does not exist",
            ErrorKind::Retryable,
            ErrorKind::Retryable,
        ),
        (
            "XX000",
            "could not commit transaction for shard 102020 on at least one active node",
            ErrorKind::Retryable,
            ErrorKind::Unconfirmed,
        ),
        (
            "08006",
            "could not establish any connections to the node 127.0.0.1:5433 after 30000 ms",
            ErrorKind::Retryable,
            ErrorKind::Unconfirmed,
        ),
        (
            "58030",
            "failed to COPY to shard 102008 on 127.0.0.1:5433",
            ErrorKind::Retryable,
            ErrorKind::Unconfirmed,
        ),
        // The server's own, and other faults of a cluster.
        (
            "08006",
            "connection failure",
            ErrorKind::Unavailable,
            ErrorKind::Unconfirmed,
        ),
        (
            "XX000",
            "cache lookup failed for relation 1",
            ErrorKind::Internal,
            ErrorKind::Internal,
        ),
    ] {
        let insert = format!("insert into faults values ('{code}', '{message}')");
        assert_kinds(&db, &member, &insert, expected, at_commit).await;
    }
}

/// `libpq` has no code for a connection that is lost, so a coordinator reports an internal error, in the context of a
/// command on a worker. Seen as the answer to commits while a worker restarted.
#[tokio::test]
async fn a_worker_that_is_lost_without_a_code_can_be_asked_again() {
    let database = TestDatabase::new().await;
    let (db, member) = with_faults(&database).await;
    for message in [
        "SSL SYSCALL error: EOF detected\ninvalid socket",
        "SSL SYSCALL error: Connection reset by peer",
        "SSL connection has been closed unexpectedly",
        "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally",
        "could not receive data from server: Connection reset by peer",
        "could not send data to server: Broken pipe",
        "no connection to the server",
        "connection not open",
        "invalid socket",
    ] {
        let insert = format!("insert into worker_faults values ('XX000', '{message}')");
        assert_kinds(&db, &member, &insert, ErrorKind::Retryable, ErrorKind::Unconfirmed).await;
    }
    // A fault of the worker itself is there again the next time. A commit may have been done before it.
    let fault = "insert into worker_faults values ('XX000', 'cache lookup failed for relation 1')";
    assert_kinds(&db, &member, fault, ErrorKind::Internal, ErrorKind::Unconfirmed).await;
}

/// Tables whose rows are errors: of the commit, unless the statement wants them at once. The context of an error names
/// the functions that it came through.
const FAULTS: &str = r#"create table faults (code text, message text);
    create table worker_faults (code text, message text);
    create function fail() returns trigger language plpgsql as $$ begin
        raise exception using errcode = new.code, message = new.message;
    end $$;
    create function "while executing command on 127.0.0.1:5433"() returns trigger language plpgsql as $$ begin
        raise exception using errcode = new.code, message = new.message;
    end $$;
    create constraint trigger fail after insert on faults deferrable initially deferred
        for each row execute function fail();
    create constraint trigger fail after insert on worker_faults deferrable initially deferred
        for each row execute function "while executing command on 127.0.0.1:5433"()"#;

async fn with_faults(database: &TestDatabase) -> (TenantDb<Postgres>, Admitted) {
    let options = schema_server::options(database).with_migrations(migrations(&[FAULTS]));
    let (db, _) = schema_server::open(options).await;
    let member = schema_server::member("acme");
    db.provision(member.tenant()).await.unwrap();
    (db, member)
}

/// Of a row that is inserted: its error as the statement's, and as the commit's.
async fn assert_kinds(
    db: &TenantDb<Postgres>,
    member: &Admitted,
    insert: &str,
    expected: ErrorKind,
    at_commit: ErrorKind,
) {
    let calls = AtomicUsize::new(0);
    let done: Result<(), sqlx::Error> = run_fault(db, member, insert, &calls).await;
    let error = done.unwrap_err();
    assert_eq!(ErrorKind::of(&error), expected, "{insert}");
    let expected_calls = if expected == ErrorKind::Retryable { 2 } else { 1 };
    assert_eq!(calls.load(Ordering::Relaxed), expected_calls, "{insert}");
    let mut tx = db.begin(member).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(insert.to_owned()))
        .execute(&mut *tx)
        .await
        .unwrap();
    let error = tx.commit().await.unwrap_err();
    assert_eq!(ErrorKind::of(&error), at_commit, "{insert}");
}

/// The fault comes of a statement, and not of the commit.
async fn run_fault(
    db: &TenantDb<Postgres>,
    member: &Admitted,
    insert: &str,
    calls: &AtomicUsize,
) -> Result<(), sqlx::Error> {
    let work = async |tx: &mut TenantTransaction<Postgres>| {
        calls.fetch_add(1, Ordering::Relaxed);
        let sql = format!("{insert}; set constraints all immediate");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut **tx).await?;
        Ok::<_, Failed>(())
    };
    db.run(member, work).await.map_err(|Failed(error)| error)
}

#[derive(Debug, thiserror::Error)]
#[error("failed")]
struct Failed(#[source] sqlx::Error);

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self(error)
    }
}

impl From<TransactionError> for Failed {
    fn from(error: TransactionError) -> Self {
        panic!("{error:?}")
    }
}

/// What is judged at the commit is not the statement's: neither the client's fault, nor done.
#[tokio::test]
async fn a_commit_is_never_the_client_s_fault() {
    let database = TestDatabase::new().await;
    let (db, member) = open(&database).await;
    for (sql, code) in [
        (
            "set constraints all deferred; insert into replies values ('2', 'none')",
            "23503",
        ),
        (
            "set constraints all deferred; insert into notes (id, body, size) values ('3', 'x', '[2,3]')",
            "23P01",
        ),
    ] {
        let mut tx = db.begin(&member).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut *tx).await.unwrap();
        let error = tx.commit().await.unwrap_err();
        assert_eq!(
            (ErrorKind::of(&error), error.is_conflict()),
            (ErrorKind::Internal, false)
        );
        let TransactionError::Commit(error) = error else {
            panic!("{error:?}");
        };
        assert_eq!(error.as_database_error().unwrap().code().unwrap(), code);
    }
}

#[tokio::test]
async fn an_exhausted_pool_is_told_as_such() {
    let database = TestDatabase::new().await;
    let timeout = Duration::from_secs(1);
    let row = database.row().with_pool(
        PoolSettings::new()
            .with_max_connections(2)
            .with_acquire_timeout(timeout),
    );
    let schema = schema_server::options(&database).with_pool(
        PoolSettings::new()
            .with_max_connections(2)
            .with_acquire_timeout(timeout),
    );
    let registry = StrategyRegistry::new().with(row.open().await.unwrap()).unwrap();
    let db = TenantDb::new(registry.with(schema.open().await.unwrap()).unwrap());
    for member in [tenant("acme"), schema_server::member("acme")] {
        at_last(|| async { db.provision(member.tenant()).await }).await;
        for _ in 0..2 {
            // One as it comes, one that was used before.
            at_last(|| async { db.begin(&member).await?.commit().await }).await;
            let held = [
                at_last(|| async { db.begin(&member).await }).await,
                at_last(|| async { db.begin_read(&member).await }).await,
            ];
            let error = db.begin_read(&member).await.unwrap_err();
            let is_told = matches!(
                error,
                TransactionError::Begin {
                    source: StrategyError::TooManyInUse { max: 2 },
                    ..
                }
            );
            assert!(is_told, "{error:?}");
            assert!(error.is_exhausted() && error.is_unavailable() && !error.is_retryable());
            drop(held);
        }
    }
    let held = [
        at_last(|| async { db.across_tenants().await }).await,
        at_last(|| async { db.across_tenants().await }).await,
    ];
    assert!(db.across_tenants().await.unwrap_err().is_exhausted());
    drop(held);
}

/// The pool says the same of a server that lets nobody in, and nothing is in use then.
#[tokio::test]
async fn a_server_that_lets_nobody_in_is_not_exhausted() {
    let database = TestDatabase::new().await;
    let row = database
        .row()
        .with_pool(PoolSettings::new().with_acquire_timeout(Duration::from_millis(300)));
    let db = TenantDb::new(StrategyRegistry::new().with(row.open().await.unwrap()).unwrap());
    // The owner may change no role.
    let limit = format!("alter role {} connection limit 0", database.application_role());
    let mut superuser = database.superuser().await;
    sqlx::raw_sql(AssertSqlSafe(limit))
        .execute(&mut superuser)
        .await
        .unwrap();
    let error = db.begin(&tenant("acme")).await.unwrap_err();
    assert!(error.is_unavailable() && !error.is_exhausted(), "{error:?}");
    assert_eq!(error.kind().status(), 503);
}

/// As a server that fails over does, and what stands before it: the connection is made, and nobody speaks PostgreSQL on it. Where sqlx
/// is built with TLS it takes the end of the connection for an answer to its request.
#[tokio::test]
async fn a_server_that_goes_while_it_is_connected_to_is_unavailable() {
    // Of a kind that there is not: what is asked for to authenticate.
    let unknown = b"R\0\0\0\x08\0\0\0\x63";
    for answer in [
        &b""[..],
        b"\0",
        b"H",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"N",
        b"S",
        unknown,
    ] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            // All of the first message: what is not read would reset the connection.
            assert_ne!(client.read(&mut [0; 1024]).unwrap(), 0);
            client.write_all(answer).unwrap();
        });
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(port)
            .username("app");
        let error = options.connect().await.unwrap_err();
        server.join().unwrap();
        let kind = StrategyError::from(error).kind();
        assert_eq!(kind, ErrorKind::Unavailable, "{:?}", String::from_utf8_lossy(answer));
    }
}
