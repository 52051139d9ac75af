//! Work that is run once more: after another process has changed a table, and after losing against another transaction.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::across::AcrossTenants as _;
use crate::transparent::Transparent;
use sqlx::{AssertSqlSafe, ConnectOptions, Postgres};
use tenancy_core::enforce::Admitted;
use tenancy_sqlx::{ErrorKind, PoolSettings, StrategyRegistry, TenantDb, TenantTransaction, TransactionError};
use tokio::sync::Barrier;

use crate::postgres::support::server::{TestDatabase, code, tenant};
use crate::postgres::support::{database_server, schema_server};

#[derive(Debug, thiserror::Error)]
pub(super) enum NotesError {
    #[error("failed to reach the notes")]
    Transaction(#[from] TransactionError),
    #[error("failed to query the notes")]
    Query(#[from] sqlx::Error),
}

/// Keeps nothing of a `TransactionError`.
#[derive(Debug, thiserror::Error)]
pub(super) enum Forgetful {
    #[error("failed to reach the notes")]
    Transaction,
    #[error("failed to query the notes")]
    Query(#[from] sqlx::Error),
}

impl From<TransactionError> for Forgetful {
    fn from(_: TransactionError) -> Self {
        Self::Transaction
    }
}

const CONNECTIONS: usize = 3;

/// The three strategies, each with a tenant `acme` that has one note.
pub(super) async fn open(database: &TestDatabase) -> (TenantDb<Postgres>, [Admitted; 3]) {
    let row = database
        .row()
        .with_pool(PoolSettings::new().with_max_connections(CONNECTIONS))
        .open()
        .await
        .unwrap();
    let schema = schema_server::options(database).with_pool(PoolSettings::new().with_max_connections(CONNECTIONS));
    let registry = StrategyRegistry::new()
        .with(row)
        .unwrap()
        .with(schema.open().await.unwrap())
        .unwrap()
        .with(database_server::options(database).open().await.unwrap())
        .unwrap();
    let db = TenantDb::new(registry);
    let members = [
        tenant("acme"),
        schema_server::member("acme"),
        database_server::member("acme"),
    ];
    for member in &members {
        db.provision(member.tenant()).await.unwrap();
        let added = db
            .run(member, async |tx| {
                sqlx::query("insert into notes (name) values ('first')")
                    .execute(&mut **tx)
                    .await?;
                Ok::<_, NotesError>(())
            })
            .await;
        added.unwrap();
    }
    (db, members)
}

/// What another process does to the tenant's table.
async fn alter(database: &TestDatabase, member: &Admitted, change: &str) {
    let (options, table) = match member.tenant().strategy.as_str() {
        "row" => (database.administrator(), "notes"),
        "schema" => (database.administrator(), "tenant_acme.notes"),
        _ => (
            database.administrator().database(&format!("{}acme", database.prefix())),
            "notes",
        ),
    };
    let sql = AssertSqlSafe(format!("alter table {table} {change}"));
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
}

pub(super) async fn read(tx: &mut TenantTransaction<Postgres>) -> Result<usize, sqlx::Error> {
    Ok(sqlx::query("select * from notes").fetch_all(&mut **tx).await?.len())
}

/// Each connection of the pool has the statement prepared.
async fn warm(db: &TenantDb<Postgres>, member: &Admitted) {
    let all = Arc::new(Barrier::new(CONNECTIONS));
    let one = async || {
        let mut tx = db.begin(member).await.unwrap();
        read(&mut tx).await.unwrap();
        all.wait().await;
        tx.commit().await.unwrap();
    };
    tokio::join!(one(), one(), one());
}

#[tokio::test]
async fn a_table_that_another_process_changes_costs_one_attempt() {
    let database = TestDatabase::new().await;
    let (db, members) = open(&database).await;
    for member in &members {
        for change in [
            "add column due date",
            "alter column body type varchar",
            "drop column due",
        ] {
            warm(&db, member).await;
            alter(&database, member, change).await;
            let attempts = AtomicUsize::new(0);
            let run = async || {
                db.run(member, async |tx| {
                    attempts.fetch_add(1, Ordering::Relaxed);
                    Ok::<_, NotesError>(read(tx).await?)
                })
                .await
            };
            assert_eq!(run().await.unwrap(), 1, "{change}");
            assert_eq!(attempts.load(Ordering::Relaxed), 2, "{change}: {member:?}");
            // No other connection is left that refuses.
            for _ in 0..2 * CONNECTIONS {
                let mut tx = db.begin(member).await.unwrap();
                assert_eq!(read(&mut tx).await.unwrap(), 1);
            }
            warm(&db, member).await;
            assert_eq!(run().await.unwrap(), 1);
            assert_eq!(attempts.load(Ordering::Relaxed), 3);
        }
    }
}

#[tokio::test]
async fn a_plain_transaction_heals_after_a_refresh() {
    let database = TestDatabase::new().await;
    let (db, members) = open(&database).await;
    for member in &members {
        warm(&db, member).await;
        alter(&database, member, "add column due date").await;
        // On each connection, and for ever.
        for _ in 0..2 * CONNECTIONS {
            let mut tx = db.begin(member).await.unwrap();
            let refused = read(&mut tx).await;
            assert_eq!(ErrorKind::of(refused.as_ref().unwrap_err()), ErrorKind::Retryable);
            assert_eq!(code(refused), "0A000");
        }
        db.refresh();
        warm(&db, member).await;
    }
}

#[tokio::test]
async fn connections_across_tenants_are_replaced_too() {
    let database = TestDatabase::new().await;
    let (db, [row, ..]) = open(&database).await;
    let across = async || read(&mut db.across_tenants().await.unwrap()).await;
    assert_eq!(across().await.unwrap(), 1);
    alter(&database, &row, "add column due date").await;
    assert_eq!(code(across().await), "0A000");
    db.refresh();
    assert_eq!(across().await.unwrap(), 1);
}

#[tokio::test]
async fn each_form_of_error_is_looked_into() {
    let database = TestDatabase::new().await;
    let (db, [row, ..]) = open(&database).await;
    macro_rules! heals {
        ($($change:literal: $Error:ty),*) => {$(
            warm(&db, &row).await;
            alter(&database, &row, $change).await;
            let found = db.run_read(&row, async |tx| Ok::<_, $Error>(read(tx).await?)).await;
            assert_eq!(found.unwrap(), 1, $change);
        )*};
    }
    heals!(
        "add column a date": NotesError,
        "add column b date": Transparent,
        "add column c date": Forgetful,
        "add column d date": sqlx_or_transaction::Either,
        "add column e date": anyhow::Error,
        "add column f date": Box<dyn Error + Send + Sync>
    );
    // Wrapped by hand, twice.
    warm(&db, &row).await;
    alter(&database, &row, "add column g date").await;
    let nested = db.run_read(&row, async |tx| {
        let found = read(tx).await.map_err(NotesError::from);
        found.map_err(|error| anyhow::Error::new(error).context("list the notes"))
    });
    assert_eq!(nested.await.unwrap(), 1);
}

/// An error that shows the database's own error and nothing of sqlx around it.
mod sqlx_or_transaction {
    use sqlx::postgres::PgDatabaseError;
    use tenancy_sqlx::TransactionError;

    #[derive(Debug, thiserror::Error)]
    pub(super) enum Either {
        #[error("failed to reach the notes")]
        Transaction(#[from] TransactionError),
        #[error("the database refused")]
        Refused(#[source] Box<PgDatabaseError>),
        #[error("failed to query")]
        Other,
    }

    impl From<sqlx::Error> for Either {
        fn from(error: sqlx::Error) -> Self {
            match error.into_database_error().map(|error| error.try_downcast()) {
                Some(Ok(error)) => Self::Refused(error),
                _ => Self::Other,
            }
        }
    }
}

/// A function's author may raise the same code; it says nothing of the connection, nor that it helps to try again.
#[tokio::test]
async fn the_code_alone_is_no_reason() {
    let database = TestDatabase::new().await;
    let (db, [row, ..]) = open(&database).await;
    for (sql, expected) in [
        (
            "do $$ begin raise exception using errcode = '0A000',
                message = 'cached plan must not change result type'; end $$",
            ErrorKind::Internal,
        ),
        (
            "do $$ begin raise exception using errcode = '23505'; end $$",
            ErrorKind::Conflict,
        ),
        ("select 1 / 0", ErrorKind::Internal),
    ] {
        let attempts = AtomicUsize::new(0);
        let failed = db.run(&row, async |tx| {
            attempts.fetch_add(1, Ordering::Relaxed);
            sqlx::raw_sql(sql).execute(&mut **tx).await?;
            Ok::<_, NotesError>(())
        });
        assert_eq!(ErrorKind::of(&failed.await.unwrap_err()), expected, "{sql}");
        assert_eq!(attempts.into_inner(), 1, "{sql}");
    }
}
