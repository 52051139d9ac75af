//! Members of tenants.

use sqlx::AssertSqlSafe;
use tenancy_core::directory::{Authorizer, Decision, Member, Roles};
use tenancy_core::enforce::Authorize;
use tenancy_core::names::{Role, Subject, TenantId};

use super::error::DirectoryError;
use super::events::{EventKind, PendingEvent};
use super::sql_directory::SqlDirectory;
use crate::directory::store::database::{DirectoryDatabase, Writers, changes, is_found};
use crate::directory::store::rows::roles_of;
use crate::directory::tenants::change::DirectoryChange;

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// Makes a subject a member of a tenant, or sets the roles of one. Returns `false` if nothing changes.
    ///
    /// # Errors
    ///
    /// If there is no such tenant, or the directory cannot be changed.
    pub async fn add_member(&self, id: &TenantId, member: &Member) -> Result<bool, DirectoryError> {
        let mut change = self.begin(Writers::OfTheSameRows).await?;
        let has_changed = match write_member(&mut change, id, member).await {
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => {
                return Err(DirectoryError::UnknownTenant { id: id.clone() });
            }
            done => done?,
        };
        change.commit().await?;
        Ok(has_changed)
    }

    /// Ends one membership: that of a subject of `issuer`, or with `None` that which names no issuer. Returns `false` if
    /// there is none.
    ///
    /// # Security
    ///
    /// Two issuers may each have a subject of the same name, so a membership of another issuer stays, and a membership
    /// without an issuer still admits the subject of that name by any of them. To end all of them call
    /// [`remove_member_of_every_issuer`](Self::remove_member_of_every_issuer).
    ///
    /// # Errors
    ///
    /// If the directory cannot be changed.
    pub async fn remove_member(
        &self,
        id: &TenantId,
        subject: &Subject,
        issuer: Option<&str>,
    ) -> Result<bool, DirectoryError> {
        // The empty text stands for any issuer in that column. An issuer that is the empty text is nobody's.
        if issuer == Some("") {
            return Ok(false);
        }
        self.end_memberships(id, subject, Some(issuer.unwrap_or_default()))
            .await
    }

    /// Ends all memberships of the subjects of that name, whichever their issuers. Returns `false` if there is none.
    ///
    /// # Errors
    ///
    /// If the directory cannot be changed.
    pub async fn remove_member_of_every_issuer(
        &self,
        id: &TenantId,
        subject: &Subject,
    ) -> Result<bool, DirectoryError> {
        self.end_memberships(id, subject, None).await
    }

    /// Ends those of one issuer, as the column has it, or of all.
    async fn end_memberships(
        &self,
        id: &TenantId,
        subject: &Subject,
        issuer: Option<&str>,
    ) -> Result<bool, DirectoryError> {
        let mut change = self.begin(Writers::OfTheSameRows).await?;
        let sql = format!(
            "select issuer, roles from tenancy_members
             where tenant = $1 and subject = $2 and issuer = coalesce($3, issuer) order by issuer{}",
            DB::FOR_UPDATE
        );
        let values = [id.as_str().into(), subject.as_str().into(), issuer.into()];
        let memberships = DB::fetch_all(change.connection_mut(), AssertSqlSafe(sql), &values).await?;
        for membership in &memberships {
            end_membership::<DB>(&mut change, id, subject, membership).await?;
        }
        change.commit().await?;
        Ok(!memberships.is_empty())
    }

    /// Whether a subject of `issuer` is a member of a tenant: by a membership that names that issuer, or by one that
    /// names none. With `None`, which is a caller whose credential names no issuer, only the latter counts.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried.
    pub async fn is_member(
        &self,
        id: &TenantId,
        subject: &Subject,
        issuer: Option<&str>,
    ) -> Result<bool, DirectoryError> {
        let sql = "select exists (select 1 from tenancy_members
             where tenant = $1 and subject = $2 and issuer in ('', $3)) as found";
        let values = [
            id.as_str().into(),
            subject.as_str().into(),
            issuer.unwrap_or_default().into(),
        ];
        let mut connection = self.pool.acquire().await?;
        Ok(is_found::<DB>(&mut connection, sql, &values).await?)
    }
}

impl<DB: DirectoryDatabase> Authorizer for SqlDirectory<DB> {
    type Error = DirectoryError;

    async fn authorize(&self, asked: &Authorize<'_>) -> Result<Decision, Self::Error> {
        let claims = asked.claims();
        let sql = "select roles from tenancy_members where tenant = $1 and subject = $2 and issuer in ('', $3)";
        let values = [
            asked.tenant().id.as_str().into(),
            claims.subject().as_str().into(),
            claims.issuer().unwrap_or_default().into(),
        ];
        let mut connection = self.pool.acquire().await?;
        let memberships = DB::fetch_all(&mut connection, sql, &values).await?;
        let mut allowed: Option<Roles> = None;
        for membership in &memberships {
            let roles = roles_of::<DB>(membership)?;
            allowed = Some(allowed.map_or(roles.clone(), |others| others.union(roles)));
        }
        Ok(allowed.map_or(Decision::Deny, Decision::Allow))
    }
}

/// Makes a subject a member, or sets the roles of one. Returns `false` if nothing changes.
pub(super) async fn write_member<DB: DirectoryDatabase>(
    change: &mut DirectoryChange<'_, DB>,
    tenant: &TenantId,
    member: &Member,
) -> Result<bool, sqlx::Error> {
    // The empty text stands for any issuer in that column. A member of an issuer that is the empty text is nobody's.
    if member.issuer() == Some("") {
        return Err(sqlx::Error::Encode("a member's issuer is empty".into()));
    }
    let (subject, issuer) = (member.subject(), member.issuer().unwrap_or_default());
    // No role has an end of line.
    let roles: Vec<&str> = member.roles().iter().map(Role::as_str).collect();
    let roles = roles.join("\n");
    let values = [
        tenant.as_str().into(),
        subject.as_str().into(),
        issuer.into(),
        (*roles).into(),
    ];
    // First, since there is no row to lock before there is a membership: of two who add it at once, one does.
    let sql = "insert into tenancy_members (tenant, subject, issuer, roles) values ($1, $2, $3, $4)
         on conflict (tenant, subject, issuer) do nothing";
    if changes::<DB>(change.connection_mut(), sql, &values).await? {
        let event = PendingEvent::new(tenant, EventKind::MEMBER_ADDED);
        change.record(event.to(roles).of(subject, issuer));
        return Ok(true);
    }
    let Some(before) = locked_roles(change, tenant, subject, issuer).await? else {
        // It has ended since, and the next attempt adds it.
        return Box::pin(write_member(change, tenant, member)).await;
    };
    let sql = "update tenancy_members set roles = $4
         where tenant = $1 and subject = $2 and issuer = $3 and roles <> $4";
    let has_changed = changes::<DB>(change.connection_mut(), sql, &values).await?;
    if has_changed {
        let event = PendingEvent::new(tenant, EventKind::MEMBER_CHANGED);
        change.record(event.from(before).to(roles).of(subject, issuer));
    }
    Ok(has_changed)
}

/// The roles of a membership as its row has them, if there is one.
async fn locked_roles<DB: DirectoryDatabase>(
    change: &mut DirectoryChange<'_, DB>,
    tenant: &TenantId,
    subject: &Subject,
    issuer: &str,
) -> Result<Option<String>, sqlx::Error> {
    let sql = format!(
        "select roles from tenancy_members where tenant = $1 and subject = $2 and issuer = $3{}",
        DB::FOR_UPDATE
    );
    let values = [tenant.as_str().into(), subject.as_str().into(), issuer.into()];
    let row = DB::fetch_optional(change.connection_mut(), AssertSqlSafe(sql), &values).await?;
    let roles = row.as_ref().map(|row| DB::text(row, "roles")).transpose()?.flatten();
    Ok(roles.map(str::to_owned))
}

/// Ends the memberships of a tenant that are not in the list.
pub(super) async fn remove_unlisted<DB: DirectoryDatabase>(
    change: &mut DirectoryChange<'_, DB>,
    tenant: &TenantId,
    listed: &[Member],
) -> Result<(), DirectoryError> {
    let sql = "select subject, issuer, roles from tenancy_members where tenant = $1 order by subject, issuer";
    for membership in DB::fetch_all(change.connection_mut(), sql, &[tenant.as_str().into()]).await? {
        let text = |column| DB::text(&membership, column).map(Option::unwrap_or_default);
        let (subject, issuer) = (text("subject")?, text("issuer")?);
        let is_listed = |member: &Member| member.subject() == subject && member.issuer().unwrap_or_default() == issuer;
        if !listed.iter().any(is_listed) {
            let subject = subject.parse().map_err(|source| DirectoryError::Corrupt {
                column: "subject",
                source,
            })?;
            end_membership::<DB>(change, tenant, &subject, &membership).await?;
        }
    }
    Ok(())
}

/// Ends one membership, whose issuer and roles are in `row`.
async fn end_membership<DB: DirectoryDatabase>(
    change: &mut DirectoryChange<'_, DB>,
    tenant: &TenantId,
    subject: &Subject,
    row: &DB::Row,
) -> Result<(), sqlx::Error> {
    let text = |column| DB::text(row, column).map(Option::unwrap_or_default);
    let (issuer, roles) = (text("issuer")?, text("roles")?);
    let sql = "delete from tenancy_members where tenant = $1 and subject = $2 and issuer = $3";
    let values = [tenant.as_str().into(), subject.as_str().into(), issuer.into()];
    if changes::<DB>(change.connection_mut(), sql, &values).await? {
        let event = PendingEvent::new(tenant, EventKind::MEMBER_REMOVED);
        change.record(event.from(roles).of(subject, issuer));
    }
    Ok(())
}
