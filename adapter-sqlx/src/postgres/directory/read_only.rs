//! The directory for processes that only read it, and the rights that they need.

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres};

use super::functions::FUNCTIONS;
use super::migrations::leave_transaction;
use super::postgres_directory::{LOCK_TIMEOUT, migrations};
use crate::directory::SqlDirectory;
use crate::postgres::identifier::{Literal, PgIdentifier};
use crate::{DirectoryError, StrategyError};

/// What a reader selects: never the digests of creation keys, which would let it continue a creation.
const TENANT_COLUMNS: &str = "id, slug, external_id, name, status, strategy, placement, epoch, revision";

/// What a reader selects of the ledger, to see whether it knows these tables.
const LEDGER_COLUMNS: &str = "version, success, checksum";

/// The tables, each with the columns that are read; all of them if none is named.
const READ: &[(&str, Option<&str>)] = &[
    ("tenancy_tenants", Some(TENANT_COLUMNS)),
    ("tenancy_domains", None),
    ("tenancy_members", None),
    ("tenancy_metadata", None),
    ("tenancy_settings", None),
    ("_tenancy_migrations", Some(LEDGER_COLUMNS)),
];

impl SqlDirectory<Postgres> {
    /// Opens the directory as a role that may only read it, for a process that only serves.
    ///
    /// Nothing is migrated. What would change the directory fails with [`DirectoryError::ReadOnly`], and
    /// [`PgChanges`](crate::PgChanges) works as it does for the administrator: to listen needs no right.
    ///
    /// The administrator lets the role read by [`allow_reading`](Self::allow_reading), or by the statements of
    /// [`reading_sql`](Self::reading_sql).
    ///
    /// # Security
    ///
    /// Who may read the directory sees the names, members and settings of all tenants. If tenants' SQL is not trusted, read it as a
    /// role of its own, and not as the application's, in whose transactions that SQL runs.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached; [`DirectoryNotSetUp`](StrategyError::DirectoryNotSetUp) if its tables are
    /// missing, or of another version; [`DirectoryUnreadable`](StrategyError::DirectoryUnreadable) if the role lacks a
    /// right.
    pub async fn open_read_only(options: PgConnectOptions) -> Result<Self, StrategyError> {
        Self::read_only_from_pool(PgPoolOptions::new().connect_lazy_with(options)).await
    }

    /// As [`open_read_only`](Self::open_read_only), in a database that you have a pool of already.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn read_only_from_pool(pool: PgPool) -> Result<Self, StrategyError> {
        let mut connection = pool.acquire().await?;
        leave_transaction(&mut connection).await?;
        require_readable(&mut connection, &migrations()).await?;
        drop(connection);
        Ok(Self::new(pool, LOCK_TIMEOUT).read_only())
    }

    /// The statements that let a role read the directory, for the administrator to run where the directory is: the use of
    /// its schema, `SELECT` on the columns that are read, and `EXECUTE` on the functions by which a
    /// [grant of impersonation](Self::impersonate) is redeemed and its session found. Nothing else is granted.
    ///
    /// ```
    /// use tenancy_sqlx::PgDirectory;
    ///
    /// let sql = PgDirectory::reading_sql(&"app".parse()?);
    /// assert!(sql.contains(r#"grant select on table tenancy_members to "app""#));
    /// # Ok::<(), tenancy_sqlx::ParseIdentifierError>(())
    /// ```
    #[must_use]
    pub fn reading_sql(role: &PgIdentifier) -> String {
        let usage = format!(
            "do {}",
            Literal(&format!(
                "begin
    execute pg_catalog.format('grant usage on schema %s to %s', (select c.relnamespace::pg_catalog.regnamespace
        from pg_catalog.pg_class c where c.oid = 'tenancy_tenants'::pg_catalog.regclass), {});
end",
                Literal(&role.to_string())
            ))
        );
        let tables = READ.iter().map(|(table, columns)| {
            let columns = columns.map(|columns| format!(" ({columns})")).unwrap_or_default();
            format!("grant select{columns} on table {table} to {role}")
        });
        let functions = FUNCTIONS
            .iter()
            .map(|function| format!("grant execute on function {function} to {role}"));
        let grants = [usage].into_iter().chain(tables).chain(functions);
        grants.collect::<Vec<String>>().join(";\n")
    }

    /// Lets a role read the directory, and nothing else. If it may already, nothing is written and no lock taken.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::ReadOnly`] if the directory itself was opened by a reader, and if the database refuses it, which
    /// it does if there is no such role.
    pub async fn allow_reading(&self, role: &PgIdentifier) -> Result<(), DirectoryError> {
        if may_read(&mut *self.acquire().await?, role).await? {
            return Ok(());
        }
        let mut tx = self.begin_change_of_rights().await?;
        let sql = Self::reading_sql(role);
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(tx.connection_mut()).await?;
        Ok(tx.commit().await?)
    }
}

/// Whether the role has every right of [`READ`] and [`FUNCTIONS`].
async fn may_read(connection: &mut PgConnection, role: &PgIdentifier) -> Result<bool, sqlx::Error> {
    let mut rights = Vec::new();
    for (table, columns) in READ {
        let table = format!("{}::pg_catalog.regclass", Literal(table));
        let role = Literal(role.as_str());
        match columns {
            None => rights.push(format!("pg_catalog.has_table_privilege({role}, {table}, 'select')")),
            Some(columns) => rights.extend(columns.split(", ").map(|column| {
                let column = Literal(column);
                format!("pg_catalog.has_column_privilege({role}, {table}, {column}, 'select')")
            })),
        }
    }
    rights.extend(FUNCTIONS.iter().map(|function| {
        let (role, function) = (Literal(role.as_str()), Literal(function));
        format!("pg_catalog.has_function_privilege({role}, {function}::pg_catalog.regprocedure, 'execute')")
    }));
    rights.push(format!(
        "pg_catalog.has_schema_privilege({}, (select relnamespace from pg_catalog.pg_class
            where oid = 'tenancy_tenants'::pg_catalog.regclass), 'usage')",
        Literal(role.as_str())
    ));
    let sql = format!("select {}", rights.join("\n    and "));
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await
}

async fn require_readable(connection: &mut PgConnection, migrations: &Migrator) -> Result<(), StrategyError> {
    let found: (bool, String) = sqlx::query_as(
        "select to_regclass('tenancy_tenants') is not null and to_regclass('tenancy_domains') is not null
            and to_regclass('tenancy_members') is not null and to_regclass('tenancy_metadata') is not null
            and to_regclass('tenancy_settings') is not null and to_regclass('tenancy_impersonations') is not null and to_regclass('_tenancy_migrations') is not null,
            current_user::text",
    )
    .fetch_one(&mut *connection)
    .await?;
    let (is_there, role) = found;
    if !is_there {
        return Err(StrategyError::DirectoryNotSetUp);
    }
    let role: PgIdentifier = role.parse().map_err(StrategyError::other)?;
    if !may_read(connection, &role).await? {
        return Err(StrategyError::DirectoryUnreadable {
            grants: SqlDirectory::<Postgres>::reading_sql(&role),
            role: role.to_string(),
        });
    }
    let applied: Vec<(i64, bool, Vec<u8>)> =
        sqlx::query_as("select version, success, checksum from _tenancy_migrations order by version")
            .fetch_all(connection)
            .await?;
    let known = migrations
        .iter()
        .map(|known| (known.version, true, known.checksum.to_vec()));
    if known.eq(applied) {
        Ok(())
    } else {
        Err(StrategyError::DirectoryNotSetUp)
    }
}
