//! Pools whose connections carry nothing over from an earlier transaction.

use std::time::Duration;

use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{AssertSqlSafe, Row, Sqlite, SqliteConnection, SqlitePool};

use super::clean::is_clean;
use super::fence::{self, FenceWatch};
use super::versions;
use crate::PoolSettings;

/// The table of one row that holds the tenant of the running transaction, and where something is looked at what it is looked at by.
const CREATE_BOUND: &str = "create temp table tenancy_bound (tenant text not null)";
const CREATE_ENTERING_BOUND: &str =
    "create temp table tenancy_bound (tenant text not null, epoch integer not null, purpose text not null)";

/// How files are opened, and how many connections each has.
#[derive(Clone, Copy, Debug)]
pub(super) struct FilePlan {
    pub(super) settings: PoolSettings,
    /// How long a statement waits for another writer.
    pub(super) busy_timeout: Duration,
}

impl FilePlan {
    pub(super) const fn new(settings: PoolSettings) -> Self {
        Self {
            settings,
            busy_timeout: Duration::from_secs(5),
        }
    }

    /// How a file is opened. Opening never creates it.
    pub(super) fn connect_options(self, file: &std::path::Path) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .foreign_keys(true)
            .busy_timeout(self.busy_timeout)
            // What queries put aside stays off the disk, where other tenants' files are.
            .pragma("temp_store", "memory")
    }

    /// A pool on a file that one tenant, or an administrator of all tenants, has to themselves.
    pub(super) fn pool(self, connect: SqliteConnectOptions) -> SqlitePool {
        self.options()
            .after_connect(|connection, _| Box::pin(remember(connection, false, None)))
            .before_acquire(|connection, _| Box::pin(async move { Ok(is_current(connection).await) }))
            .connect_lazy_with(connect)
    }

    /// The same for a tenant's transactions, on a file that is to be fenced or not.
    pub(super) fn watched_pool(self, connect: SqliteConnectOptions, watch: &FenceWatch) -> SqlitePool {
        let watch = watch.clone();
        self.options()
            .after_connect(move |connection, _| {
                let watch = watch.clone();
                Box::pin(async move {
                    let is_same = watch.see(fence::is_fenced(connection).await?);
                    remember(connection, is_same && watch.is_fenced, watch.minimum_version).await
                })
            })
            .connect_lazy_with(connect)
    }

    /// What all pools have in common. They connect when a connection is needed.
    pub(super) fn options(self) -> PoolOptions<Sqlite> {
        self.settings
            .pool_options()
            // What begins a transaction asks the connection something.
            .test_before_acquire(false)
            .after_release(|connection, _| Box::pin(async move { Ok(is_clean(connection).await) }))
    }
}

/// Makes the temporary tables that the hooks read: which tenant is bound, which versions the schemas have.
pub(super) async fn remember(
    connection: &mut SqliteConnection,
    is_fenced: bool,
    minimum_version: Option<i64>,
) -> Result<(), sqlx::Error> {
    if is_fenced || minimum_version.is_some() {
        let requirement = match minimum_version {
            Some(minimum) => versions::requirement(connection, is_fenced, minimum).await?,
            None => String::new(),
        };
        let trigger = fence::create_trigger(is_fenced, &requirement);
        sqlx::raw_sql(CREATE_ENTERING_BOUND).execute(&mut *connection).await?;
        sqlx::raw_sql(AssertSqlSafe(trigger)).execute(&mut *connection).await?;
    } else {
        sqlx::raw_sql(CREATE_BOUND).execute(&mut *connection).await?;
    }
    sqlx::raw_sql("create temp table tenancy_installed (main integer not null, temp integer not null)")
        .execute(&mut *connection)
        .await?;
    let main: i64 = sqlx::query_scalar("pragma main.schema_version")
        .fetch_one(&mut *connection)
        .await?;
    let temp: i64 = sqlx::query_scalar("pragma temp.schema_version")
        .fetch_one(&mut *connection)
        .await?;
    sqlx::query("insert into temp.tenancy_installed values (?, ?)")
        .bind(main)
        .bind(temp)
        .execute(connection)
        .await?;
    Ok(())
}

/// Whether the schema is the same still. A migration elsewhere makes the connection be replaced.
async fn is_current(connection: &mut SqliteConnection) -> bool {
    let asked = "pragma main.schema_version; select main from temp.tenancy_installed";
    matches!(numbers(connection, asked).await.as_deref(), Ok([now, then]) if now == then)
}

async fn numbers(connection: &mut SqliteConnection, sql: &'static str) -> Result<Vec<i64>, sqlx::Error> {
    let rows = sqlx::raw_sql(sql).fetch_all(connection).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}
