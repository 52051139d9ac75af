//! The directory's queries, written once for every database.

/// Everything of a directory but how it is opened: the type has the fields `pool`, `reserved` and `quarantine`, and
/// two ways to begin a transaction on a connection on which no other is open. `begin_structural` waits for all other
/// writers, so that what is looked up stays true; `begin_change` is for what one statement decides.
///
/// It is a macro since what the queries need of a database is more to write down generically than the
/// queries are. The SQL is what SQLite and PostgreSQL both understand, but for what is given here.
macro_rules! sql_directory {
    ($Directory:ident on $Database:ident, aggregate: $aggregate:expr, for_update: $for_update:expr) => {
use sqlx::{AssertSqlSafe, Database, Row as _};
use tenancy_core::directory::{Authorizer, Decision, Directory, Member, Roles, TenantRecord, TenantStatus};
use tenancy_core::enforce::Authorize;
use tenancy_core::names::{Domain, ParseError, PlacementName, ReservedNames, Role, Subject, TenantId, TenantKey};

use crate::directory::{
    CreateError, CreationKey, DirectoryEntry, DirectoryError, ForgetError, NewTenant, UpsertAllError, UpsertError,
    unix_seconds,
};

crate::directory::sql_create!($Directory on $Database);
crate::directory::sql_upsert!($Directory);
crate::directory::sql_quarantine!($Directory);

type Connection = <$Database as Database>::Connection;
type Row = <$Database as Database>::Row;

impl $Directory {
    /// Replaces the names that no new tenant may have as its id or slug.
    #[must_use]
    pub fn with_reserved_names(self, reserved: ReservedNames) -> Self {
        Self { reserved, ..self }
    }

    /// Takes an archived tenant out of the directory, with its members and names, once its data is removed.
    /// `false` where there is no such tenant.
    ///
    /// Its id is never given again, and its other names not before their quarantine is over: a token or a link
    /// that still names it must not reach another tenant.
    ///
    /// # Errors
    ///
    /// Where the tenant is not archived, or the database cannot tell.
    pub async fn remove(&self, id: &TenantId) -> Result<bool, ForgetError> {
        let mut tx = self.begin_structural().await?;
        // Whoever adds a member meanwhile waits for this, or this for them.
        let sql = concat!("select status from tenancy_tenants where id = $1", $for_update);
        let status: Option<String> = sqlx::query_scalar(sql)
            .bind(id.as_str())
            .fetch_optional(tx.connection_mut())
            .await?;
        match status {
            None => return Ok(false),
            Some(status) if status == TenantStatus::Archived.as_str() => {}
            Some(_) => return Err(ForgetError::NotArchived { id: id.clone() }),
        }
        bury(tx.connection_mut(), id).await?;
        for sql in [
            "delete from tenancy_members where tenant = $1",
            "delete from tenancy_domains where tenant = $1",
            "delete from tenancy_tenants where id = $1",
        ] {
            sqlx::query(sql).bind(id.as_str()).execute(tx.connection_mut()).await?;
        }
        tx.commit().await.map_err(DirectoryError::from)?;
        Ok(true)
    }

    /// Sets a tenant's status. `false` where there is no such tenant.
    ///
    /// # Errors
    ///
    /// Where the database cannot tell.
    pub async fn set_status(&self, id: &TenantId, status: TenantStatus) -> Result<bool, DirectoryError> {
        self.changes(
            "update tenancy_tenants set status = $2 where id = $1",
            id.as_str(),
            Some(status.as_str()),
        )
        .await
    }

    /// Says where a tenant's data is from now on; `None` is the strategy's default. `false` where there is no such
    /// tenant.
    ///
    /// # Security
    ///
    /// It moves nothing: the data must be there already. Suspend the tenant while you move it.
    ///
    /// # Errors
    ///
    /// Where the database cannot tell.
    pub async fn dangerously_set_placement(
        &self,
        id: &TenantId,
        placement: Option<&PlacementName>,
    ) -> Result<bool, DirectoryError> {
        let sql = "update tenancy_tenants set placement = $2 where id = $1";
        self.changes(sql, id.as_str(), placement.map(PlacementName::as_str)).await
    }

    /// Makes a subject a member of a tenant, or sets the roles of one. `false` where nothing changes.
    ///
    /// # Errors
    ///
    /// Where there is no such tenant, or the database cannot tell.
    pub async fn add_member(&self, id: &TenantId, member: &Member) -> Result<bool, DirectoryError> {
        let mut tx = self.begin_change().await?;
        let has_changed = match write_member(tx.connection_mut(), id, member).await {
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                return Err(DirectoryError::UnknownTenant { id: id.clone() });
            }
            done => done?,
        };
        tx.commit().await?;
        Ok(has_changed)
    }

    /// Ends a subject's membership, whoever its issuer is. `false` where there is none.
    ///
    /// # Errors
    ///
    /// Where the database cannot tell.
    pub async fn remove_member(&self, id: &TenantId, subject: &Subject) -> Result<bool, DirectoryError> {
        let sql = "delete from tenancy_members where tenant = $1 and subject = $2";
        self.changes(sql, id.as_str(), Some(subject.as_str())).await
    }

    /// Whether a subject is a member of a tenant, by any issuer.
    ///
    /// # Errors
    ///
    /// Where the database cannot tell.
    pub async fn is_member(&self, id: &TenantId, subject: &Subject) -> Result<bool, DirectoryError> {
        let sql = "select exists (select 1 from tenancy_members where tenant = $1 and subject = $2)";
        let asked = sqlx::query_scalar(sql).bind(id.as_str()).bind(subject.as_str());
        Ok(asked.fetch_one(&self.pool).await?)
    }

    /// Looks a tenant up by its id, whatever its status.
    ///
    /// # Errors
    ///
    /// Where the database cannot tell.
    pub async fn find_by_id(&self, id: &TenantId) -> Result<Option<DirectoryEntry>, DirectoryError> {
        self.one("t.id = $1", id.as_str()).await
    }

    /// All tenants, whatever their status, by id.
    ///
    /// # Errors
    ///
    /// Where the database cannot tell.
    pub async fn list(&self) -> Result<Vec<DirectoryEntry>, DirectoryError> {
        let sql = select("true order by t.id");
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

    /// Makes a change that one statement decides. It is committed when this answers.
    async fn changes(&self, sql: &'static str, name: &str, value: Option<&str>) -> Result<bool, DirectoryError> {
        let mut tx = self.begin_change().await?;
        let done = sqlx::query(sql)
            .bind(name)
            .bind(value)
            .execute(tx.connection_mut())
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected() > 0)
    }
}

impl Directory for $Directory {
    type Entry = DirectoryEntry;
    type Error = DirectoryError;

    async fn find(&self, key: &TenantKey) -> Result<Option<Self::Entry>, Self::Error> {
        let condition = match key {
            TenantKey::Id(_) => "t.id = $1",
            TenantKey::Slug(_) => "t.slug = $1",
            TenantKey::External(_) => "t.external_id = $1",
            TenantKey::Domain(_) => "t.id = (select tenant from tenancy_domains where domain = $1)",
        };
        self.one(condition, key.as_str()).await
    }
}

impl Authorizer for $Directory {
    type Error = DirectoryError;

    async fn authorize(&self, asked: &Authorize<'_>) -> Result<Decision, Self::Error> {
        let claims = asked.claims();
        let sql = "select roles from tenancy_members where tenant = $1 and subject = $2 and issuer in ('', $3)";
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

async fn read_entry(connection: &mut Connection, id: &TenantId) -> Result<DirectoryEntry, DirectoryError> {
    let row = sqlx::query(AssertSqlSafe(select("t.id = $1")))
        .bind(id.as_str())
        .fetch_one(connection)
        .await?;
    parse(&row)
}

fn parse_roles(lines: &str) -> Result<Roles, ParseError> {
    lines.lines().map(str::parse).collect()
}

/// One statement, so that a tenant and its domains are of one moment. A domain has no comma.
fn select(condition: &'static str) -> String {
    format!(
        "select t.id, t.slug, t.external_id, t.name, t.status, t.strategy, t.placement,
           (select {}(d.domain, ',') from tenancy_domains d where d.tenant = t.id) as domains
         from tenancy_tenants t where {condition}",
        $aggregate,
    )
}

fn parse(row: &Row) -> Result<DirectoryEntry, DirectoryError> {
    let text = |column| row.try_get::<Option<&str>, _>(column).map(Option::unwrap_or_default);
    let name = |column: &'static str| move |source| DirectoryError::Corrupt { column, source };
    let external_id: Option<&str> = row.try_get("external_id")?;
    let id = text("id")?.parse().map_err(name("id"))?;
    let mut record = TenantRecord::new(id, text("strategy")?.parse().map_err(name("strategy"))?)
        .with_slug(text("slug")?.parse().map_err(name("slug"))?)
        .with_status(text("status")?.parse().map_err(DirectoryError::CorruptStatus)?);
    if let Some(external_id) = external_id {
        record = record.with_external_id(external_id.parse().map_err(name("external_id"))?);
    }
    let placement: Option<&str> = row.try_get("placement")?;
    if let Some(placement) = placement {
        record = record.with_placement(placement.parse().map_err(name("placement"))?);
    }
    let domains: Option<&str> = row.try_get("domains")?;
    let domains = domains.into_iter().flat_map(|domains| domains.split(','));
    Ok(DirectoryEntry {
        record: record.into(),
        name: text("name")?.to_owned(),
        domains: domains
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(name("domain"))?,
    })
}

/// Makes a subject a member, or sets the roles of one. `false` where nothing changes.
async fn write_member(
    connection: &mut Connection,
    tenant: &TenantId,
    member: &Member,
) -> Result<bool, sqlx::Error> {
    let sql = "insert into tenancy_members (tenant, subject, issuer, roles) values ($1, $2, $3, $4)
         on conflict (tenant, subject, issuer) do update set roles = excluded.roles where tenancy_members.roles <> excluded.roles";
    // The empty text is any issuer there. A member of an issuer that is the empty text is nobody's.
    if member.issuer() == Some("") {
        return Err(sqlx::Error::Encode("a member's issuer is empty".into()));
    }
    // No role has an end of line.
    let roles: Vec<&str> = member.roles().iter().map(Role::as_str).collect();
    let done = sqlx::query(sql)
        .bind(tenant.as_str())
        .bind(member.subject().as_str())
        .bind(member.issuer().unwrap_or_default())
        .bind(roles.join("\n"))
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}
    };
}

pub(crate) use sql_directory;
