//! The directory of tenants in a database.

use std::borrow::Cow;
use std::path::Path;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow};
use sqlx::{AssertSqlSafe, Row, SqlSafeStr, SqliteConnection, SqlitePool};
use tenancy_core::{
    Authorize, Authorizer, Decision, Directory, Member, ParseNameError, ReservedNames, Roles, Subject, TenantId,
    TenantKey, TenantRecord, TenantStatus, UnknownStatus,
};
use thiserror::Error;

use super::migrate;
use super::tenant::{DirectoryEntry, NewTenant};
use super::upsert::{self, UpsertAllError, UpsertError};
use crate::StrategyError;

/// The tenants, their domains and their members, in a database. Cheap to clone.
///
/// It is a [`Directory`] and an [`Authorizer`]: a caller is a member where the directory lists the
/// token's subject for the tenant, with the roles that it lists.
///
/// Its tables start with `tenancy_`, and its migrations are counted in `_tenancy_migrations`, so it
/// can live in a file with your own tables.
///
/// # Security
///
/// Best give it a file of its own. In the file that tenants share, a transaction of one tenant can
/// read the directory by naming its tables.
#[derive(Clone, Debug)]
pub struct SqliteDirectory {
    pool: SqlitePool,
    reserved: ReservedNames,
}

impl SqliteDirectory {
    /// Opens the directory in a file, and makes the file where it is missing.
    ///
    /// # Errors
    ///
    /// Where the file cannot be opened or migrated.
    pub async fn open(file: impl AsRef<Path>) -> Result<Self, StrategyError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .foreign_keys(true);
        Self::from_pool(PoolOptions::new().connect_lazy_with(options)).await
    }

    /// Opens the directory in a database that you have a pool of already.
    ///
    /// # Errors
    ///
    /// Where the database cannot be reached or migrated.
    pub async fn from_pool(pool: SqlitePool) -> Result<Self, StrategyError> {
        let mut connection = pool.acquire().await?;
        migrate::run(&mut connection, &migrations()).await?;
        drop(connection);
        Ok(Self {
            pool,
            reserved: ReservedNames::default(),
        })
    }

    /// Replaces the names that no new tenant may have as its id or slug.
    #[must_use]
    pub fn with_reserved_names(self, reserved: ReservedNames) -> Self {
        Self { reserved, ..self }
    }

    /// Puts a tenant into the directory, or changes the one of that id. All of it or nothing.
    ///
    /// The external id and the domains become those that are given; members are added, or
    /// replaced where [`NewTenant::with_members`] says so. The id and
    /// the strategy never change: a tenant's data would be left behind.
    ///
    /// # Errors
    ///
    /// A name that is reserved or another tenant's, another strategy, or the database's refusal.
    pub async fn upsert(&self, tenant: &NewTenant) -> Result<DirectoryEntry, UpsertError> {
        let mut tx = self.pool.begin_with("begin immediate").await?;
        let entry = self.upsert_in(&mut tx, tenant).await?;
        tx.commit().await?;
        Ok(entry)
    }

    /// Puts several tenants into the directory: all of them or none.
    ///
    /// # Errors
    ///
    /// As [`upsert`](Self::upsert), with the place of the tenant that was refused.
    pub async fn upsert_all(&self, tenants: &[NewTenant]) -> Result<Vec<DirectoryEntry>, UpsertAllError> {
        let at = |index| move |source: UpsertError| UpsertAllError { index, source };
        let mut tx = self
            .pool
            .begin_with("begin immediate")
            .await
            .map_err(|error| at(0)(error.into()))?;
        let mut entries = Vec::with_capacity(tenants.len());
        for (index, tenant) in tenants.iter().enumerate() {
            entries.push(self.upsert_in(&mut tx, tenant).await.map_err(at(index))?);
        }
        tx.commit().await.map_err(|error| at(0)(error.into()))?;
        Ok(entries)
    }

    async fn upsert_in(
        &self,
        connection: &mut SqliteConnection,
        tenant: &NewTenant,
    ) -> Result<DirectoryEntry, UpsertError> {
        upsert::upsert(connection, tenant, &self.reserved).await?;
        let row = sqlx::query(AssertSqlSafe(select("t.id = ?")))
            .bind(tenant.id.as_str())
            .fetch_one(connection)
            .await?;
        Ok(parse(&row)?)
    }

    /// Sets a tenant's status. `false` where there is no such tenant.
    ///
    /// # Errors
    ///
    /// Where the database cannot tell.
    pub async fn set_status(&self, id: &TenantId, status: TenantStatus) -> Result<bool, DirectoryError> {
        self.changes(
            "update tenancy_tenants set status = ?2 where id = ?1",
            id,
            status.as_str(),
        )
        .await
    }

    /// Makes a subject a member of a tenant, or sets the roles of one. `false` where nothing changes.
    ///
    /// # Errors
    ///
    /// Where there is no such tenant, or the database cannot tell.
    pub async fn add_member(&self, id: &TenantId, member: &Member) -> Result<bool, DirectoryError> {
        match upsert::write_member(&self.pool, id, member).await {
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                Err(DirectoryError::UnknownTenant { id: id.clone() })
            }
            done => Ok(done?),
        }
    }

    /// Ends a subject's membership, whoever its issuer is. `false` where there is none.
    ///
    /// # Errors
    ///
    /// Where the database cannot tell.
    pub async fn remove_member(&self, id: &TenantId, subject: &Subject) -> Result<bool, DirectoryError> {
        let sql = "delete from tenancy_members where tenant = ? and subject = ?";
        self.changes(sql, id, subject.as_str()).await
    }

    /// Whether a subject is a member of a tenant, by any issuer.
    ///
    /// # Errors
    ///
    /// Where the database cannot tell.
    pub async fn is_member(&self, id: &TenantId, subject: &Subject) -> Result<bool, DirectoryError> {
        let sql = "select exists (select 1 from tenancy_members where tenant = ? and subject = ?)";
        let asked = sqlx::query_scalar(sql).bind(id.as_str()).bind(subject.as_str());
        Ok(asked.fetch_one(&self.pool).await?)
    }

    /// Looks a tenant up by its id, whatever its status.
    ///
    /// # Errors
    ///
    /// Where the database cannot tell.
    pub async fn find_by_id(&self, id: &TenantId) -> Result<Option<DirectoryEntry>, DirectoryError> {
        self.one("t.id = ?", id.as_str()).await
    }

    /// All tenants, whatever their status, by id.
    ///
    /// # Errors
    ///
    /// Where the database cannot tell.
    pub async fn list(&self) -> Result<Vec<DirectoryEntry>, DirectoryError> {
        let sql = select("1 order by t.id");
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&self.pool).await?;
        rows.iter().map(parse).collect()
    }

    /// Closes the pool.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn one(&self, condition: &'static str, name: &str) -> Result<Option<DirectoryEntry>, DirectoryError> {
        let row = sqlx::query(AssertSqlSafe(select(condition)))
            .bind(name)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(parse).transpose()
    }

    async fn changes(&self, sql: &'static str, id: &TenantId, value: &str) -> Result<bool, DirectoryError> {
        let done = sqlx::query(sql)
            .bind(id.as_str())
            .bind(value)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }
}

impl Directory for SqliteDirectory {
    type Entry = DirectoryEntry;
    type Error = DirectoryError;

    async fn find(&self, key: &TenantKey) -> Result<Option<Self::Entry>, Self::Error> {
        let condition = match key {
            TenantKey::Id(_) => "t.id = ?",
            TenantKey::Slug(_) => "t.slug = ?",
            TenantKey::External(_) => "t.external_id = ?",
            TenantKey::Domain(_) => "t.id = (select tenant from tenancy_domains where domain = ?)",
        };
        self.one(condition, key.as_str()).await
    }
}

impl Authorizer for SqliteDirectory {
    type Error = DirectoryError;

    async fn authorize(&self, asked: &Authorize<'_>) -> Result<Decision, Self::Error> {
        let claims = asked.claims();
        let sql = "select roles from tenancy_members where tenant = ? and subject = ? and issuer in ('', ?)";
        let memberships: Vec<String> = sqlx::query_scalar(sql)
            .bind(asked.tenant().id.as_str())
            .bind(claims.subject().as_str())
            .bind(claims.issuer().unwrap_or_default())
            .fetch_all(&self.pool)
            .await?;
        let roles: Result<Vec<Roles>, _> = memberships.iter().map(|roles| parse_roles(roles)).collect();
        let roles = roles.map_err(|source| DirectoryError::Corrupt {
            column: "roles",
            source,
        })?;
        Ok(roles
            .into_iter()
            .reduce(Roles::union)
            .map_or(Decision::Deny, Decision::Allow))
    }
}

fn parse_roles(lines: &str) -> Result<Roles, ParseNameError> {
    lines.lines().map(str::parse).collect()
}

fn migrations() -> Migrator {
    let tenants = include_str!("../../migrations/directory/0001_tenants.sql");
    let roles = include_str!("../../migrations/directory/0002_roles.sql");
    let migration = |version, name, sql: &'static str| {
        Migration::new(
            version,
            Cow::Borrowed(name),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    };
    let mut migrations =
        Migrator::with_migrations(vec![migration(1, "tenants", tenants), migration(2, "roles", roles)]);
    // From the first version on: the warning is about changing it later.
    migrations.dangerous_set_table_name("_tenancy_migrations");
    migrations
}

/// One statement, so that a tenant and its domains are of one moment. A domain has no comma.
fn select(condition: &'static str) -> String {
    format!(
        "select t.id, t.slug, t.external_id, t.name, t.status, t.strategy,
           (select group_concat(d.domain, ',') from tenancy_domains d where d.tenant = t.id) as domains
         from tenancy_tenants t where {condition}"
    )
}

fn parse(row: &SqliteRow) -> Result<DirectoryEntry, DirectoryError> {
    let text = |column| row.try_get::<Option<&str>, _>(column).map(Option::unwrap_or_default);
    let name = |column: &'static str| move |source| DirectoryError::Corrupt { column, source };
    let external_id: Option<&str> = row.try_get("external_id")?;
    let id = text("id")?.parse().map_err(name("id"))?;
    let mut record = TenantRecord::new(id, text("strategy")?.parse().map_err(name("strategy"))?)
        .with_slug(text("slug")?.parse().map_err(name("slug"))?)
        .with_status(text("status")?.parse()?);
    if let Some(external_id) = external_id {
        record = record.with_external_id(external_id.parse().map_err(name("external_id"))?);
    }
    let domains: Option<&str> = row.try_get("domains")?;
    let domains = domains.into_iter().flat_map(|domains| domains.split(','));
    Ok(DirectoryEntry {
        record,
        name: text("name")?.to_owned(),
        domains: domains
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(name("domain"))?,
    })
}

/// Why the directory cannot tell. It is never "no such tenant", and refuses the request.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// The database refused or could not be reached.
    #[error("ask the directory")]
    Database(#[from] sqlx::Error),
    /// A row holds a name that none can be.
    #[error("read `{column}` of a tenant from the directory")]
    Corrupt {
        /// The column.
        column: &'static str,
        /// What is wrong with it.
        source: ParseNameError,
    },
    /// A row holds a status that none is.
    #[error("read `status` of a tenant from the directory")]
    CorruptStatus(#[from] UnknownStatus),
    /// There is no such tenant to add a member to.
    #[error("no tenant `{id}` is in the directory")]
    UnknownTenant {
        /// The id.
        id: TenantId,
    },
}
