//! Pools whose connections carry nothing over from an earlier transaction.

use std::time::Duration;

use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{AssertSqlSafe, Row, SqlSafeStr, Sqlite, SqliteConnection, SqlitePool};

use super::clean::is_clean;
use super::fence::{self, FenceWatch};
use super::versions;
use crate::PoolSettings;

/// The table of one row that holds the tenant of the running transaction, and where something is looked at what it is looked at by.
const CREATE_BOUND: &str = "create temp table tenancy_bound (tenant text not null)";
const CREATE_ENTERING_BOUND: &str =
    "create temp table tenancy_bound (tenant text not null, epoch integer not null, purpose text not null)";

/// The longest that a statement can wait: SQLite counts milliseconds in 31 bits, and sqlx panics beyond.
const LONGEST_WAIT: Duration = Duration::from_millis(i32::MAX as u64);

/// `file`, whose statements wait so long for another writer.
pub(super) fn with_busy_timeout(file: SqliteConnectOptions, timeout: Duration) -> SqliteConnectOptions {
    file.busy_timeout(timeout.min(LONGEST_WAIT))
}

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
        let file = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .foreign_keys(true)
            // What queries put aside stays off the disk, where other tenants' files are.
            .pragma("temp_store", "memory");
        with_busy_timeout(file, self.busy_timeout)
    }

    /// A pool on a file that one tenant, or an administrator of all tenants, has to themselves.
    pub(super) fn pool(self, connect: SqliteConnectOptions) -> SqlitePool {
        self.options()
            .after_connect(|connection, _| Box::pin(async move { remember(connection, false, None).await.map(drop) }))
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
                    // No transaction begins on one that differs, whatever trigger it has.
                    watch.see(remember(connection, watch.is_fenced, watch.minimum_version).await?);
                    Ok(())
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

/// Makes the temporary tables that the hooks read: which tenant is bound, which versions the schemas have. Returns whether the
/// file is fenced.
///
/// It is one turn to the connection's thread, so that a file that is opened again is soon of use. The version is read first:
/// what changes behind it shows that the connection is from before.
pub(super) async fn remember(
    connection: &mut SqliteConnection,
    is_fenced: bool,
    minimum_version: Option<i64>,
) -> Result<bool, sqlx::Error> {
    let (create_bound, made) = if is_fenced || minimum_version.is_some() {
        let requirement = match minimum_version {
            Some(minimum) => versions::requirement(connection, is_fenced, minimum).await?,
            None => String::new(),
        };
        let trigger = fence::create_trigger(is_fenced, &requirement);
        (format!("{CREATE_ENTERING_BOUND}; {trigger}"), 3)
    } else {
        (CREATE_BOUND.to_owned(), 2)
    };
    let sql = format!(
        "{create_bound}; create temp table tenancy_installed (main integer not null, temp integer not null);
        insert into temp.tenancy_installed select schema_version, {made} from pragma_schema_version;
        pragma temp.schema_version; {}",
        fence::IS_FENCED
    );
    let numbers = numbers(connection, AssertSqlSafe(sql)).await?;
    let &[temp, is_file_fenced] = numbers.as_slice() else {
        return Err(sqlx::Error::RowNotFound);
    };
    // Views were made before.
    if temp != made {
        let update = sqlx::query("update temp.tenancy_installed set temp = ?").bind(temp);
        update.execute(connection).await?;
    }
    Ok(is_file_fenced == 1)
}

/// Whether the schema is the same still. A migration elsewhere makes the connection be replaced.
async fn is_current(connection: &mut SqliteConnection) -> bool {
    let asked = "pragma main.schema_version; select main from temp.tenancy_installed";
    matches!(numbers(connection, asked).await.as_deref(), Ok([now, then]) if now == then)
}

async fn numbers(connection: &mut SqliteConnection, sql: impl SqlSafeStr) -> Result<Vec<i64>, sqlx::Error> {
    let rows = sqlx::raw_sql(sql).fetch_all(connection).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}
