//! Grants: made by an operator, listed, and not redeemed yet.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::AssertSqlSafe;
use tenancy_core::directory::{Member, TenantStatus};
use tenancy_core::names::{GrantId, Subject, TenantId};

use super::error::ImpersonateError;
use super::secret::ImpersonationSecret;
use crate::directory::error::DirectoryError;
use crate::directory::events::{Attribution, EventKind, PendingEvent, Reason};
use crate::directory::lifecycle::removal::locked_status;
use crate::directory::sql_directory::SqlDirectory;
use crate::directory::store::database::{DirectoryDatabase, Queries, Writers, is_found};

/// A grant of impersonation that is to be made: who is let into which tenant, why and for how long.
///
/// ```
/// use std::time::Duration;
///
/// use tenancy_sqlx::NewImpersonation;
///
/// let grant = NewImpersonation::new("acme".parse()?, "support:carol".parse()?, "ticket 4711".parse()?)
///     .lasting(Duration::from_secs(300))
///     .in_place_of("alice".parse()?);
/// # drop(grant);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "support access")]
pub struct NewImpersonation {
    tenant: TenantId,
    actor: Subject,
    reason: Reason,
    lifetime: Duration,
    member: Option<Member>,
}

impl NewImpersonation {
    /// How long a grant lasts if nothing else is said: 10 minutes.
    pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(10 * 60);
    /// How long a grant lasts at most: an hour.
    pub const MAX_LIFETIME: Duration = Duration::from_secs(60 * 60);

    /// Lets `actor` into `tenant`, as nobody but themselves and in no roles.
    #[must_use]
    pub const fn new(tenant: TenantId, actor: Subject, reason: Reason) -> Self {
        Self {
            tenant,
            actor,
            reason,
            lifetime: Self::DEFAULT_LIFETIME,
            member: None,
        }
    }

    /// Sets how long it lasts, from when it is made: the session that it is redeemed for ends then, too. Whole seconds count.
    #[must_use]
    pub fn lasting(self, lifetime: Duration) -> Self {
        Self { lifetime, ..self }
    }

    /// Lets the actor see what this member sees: as the member's subject, in the member's roles. The roles are those of the membership,
    /// and not of this value.
    #[must_use]
    pub fn in_place_of(self, member: Member) -> Self {
        Self {
            member: Some(member),
            ..self
        }
    }
}

/// A grant that was made. Its secret is here and nowhere else.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GrantedImpersonation {
    /// The grant, as events name it.
    pub id: GrantId,
    /// What the actor presents to [`redeem`](SqlDirectory::redeem_impersonation) it, once.
    pub secret: ImpersonationSecret,
    /// When it ends, redeemed or not, by the clock of the directory's database.
    pub expires_at: SystemTime,
}

/// A grant or a session that lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Impersonation {
    /// The grant.
    pub id: GrantId,
    /// The tenant.
    pub tenant: TenantId,
    /// Who is let in.
    pub actor: Subject,
    /// The member in whose place they are there.
    pub member: Option<Member>,
    /// Why.
    pub reason: String,
    /// When it ends.
    pub expires_at: SystemTime,
    /// Whether it is redeemed.
    pub is_redeemed: bool,
}

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// Makes a grant by which one person enters one tenant for a while, to read. It is committed with its event when this returns:
    /// who has made it is what [`by`](Self::by) says, and why is the grant's own reason.
    ///
    /// Give the [secret](GrantedImpersonation::secret) to the actor. They [redeem](Self::redeem_impersonation) it once.
    ///
    /// # Security
    ///
    /// Nothing here asks whether the one who makes the grant may. Let nobody call this but those who operate the service, as the
    /// administrator of the directory; a process that only serves cannot.
    ///
    /// # Errors
    ///
    /// If the tenant is unknown or not active, if the lifetime is not possible, if the member to be there in place of is none, or
    /// if the directory cannot be changed.
    #[doc(alias = "support access")]
    pub async fn impersonate(&self, new: &NewImpersonation) -> Result<GrantedImpersonation, ImpersonateError> {
        let max = NewImpersonation::MAX_LIFETIME;
        if new.lifetime.as_secs() == 0 || new.lifetime > max {
            return Err(ImpersonateError::Lifetime { max });
        }
        let attribution = Attribution::new(self.attribution.actor().clone()).with_reason(new.reason.clone());
        let directory = self.by(attribution);
        directory.sweep_impersonations().await?;
        let mut change = directory.begin(Writers::OfATenant).await?;
        refuse_unless_possible::<DB>(change.connection_mut(), new).await?;
        let (id, secret) = (
            uuid::Uuid::new_v4().simple().to_string(),
            ImpersonationSecret::of_grant(),
        );
        let (subject, issuer) = member_columns(new.member.as_ref());
        let lifetime = i64::try_from(new.lifetime.as_secs()).unwrap_or(i64::MAX);
        let digest = secret.digest();
        let sql = format!(
            "insert into tenancy_impersonations (id, tenant, actor, subject, issuer, reason, grant_digest, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7, {} + $8) returning expires_at",
            DB::NOW
        );
        let values = [
            (*id).into(),
            new.tenant.as_str().into(),
            new.actor.as_str().into(),
            subject.into(),
            issuer.into(),
            new.reason.as_str().into(),
            (*digest).into(),
            lifetime.into(),
        ];
        let row = DB::fetch_optional(change.connection_mut(), AssertSqlSafe(sql), &values).await?;
        let expires_at = DB::number(&row.ok_or(sqlx::Error::RowNotFound)?, "expires_at")?;
        let event = PendingEvent::new(&new.tenant, EventKind::IMPERSONATION_GRANTED);
        let event = event.to(format!("{id}\n{}\n{expires_at}", new.actor));
        change.record(match &new.member {
            Some(member) => event.of(member.subject(), member.issuer().unwrap_or_default()),
            None => event,
        });
        change.commit().await?;
        Ok(GrantedImpersonation {
            id: id.parse().map_err(corrupt("id"))?,
            secret,
            expires_at: system_time(expires_at),
        })
    }

    /// The grants and sessions that last, of all tenants, by the time at which they end. None of them shows a secret.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried, which it cannot be by a role that only reads it.
    pub async fn impersonations(&self) -> Result<Vec<Impersonation>, DirectoryError> {
        let sql = format!(
            "select id, tenant, actor, subject, issuer, reason, expires_at, redeemed_at is not null as is_redeemed
             from tenancy_impersonations where expires_at > {} order by expires_at, id",
            DB::NOW
        );
        let mut connection = self.pool.acquire().await?;
        let rows = DB::fetch_all(&mut connection, AssertSqlSafe(sql), &[]).await?;
        let parse = |row| {
            Ok(Impersonation {
                is_redeemed: DB::boolean(row, "is_redeemed")?,
                ..parse::<DB>(row)?
            })
        };
        rows.iter().map(parse).collect()
    }
}

/// Whether the tenant is active, and the member is one. Who archives the tenant meanwhile waits until the grant is there, and ends it.
async fn refuse_unless_possible<DB: Queries>(
    connection: &mut DB::Connection,
    new: &NewImpersonation,
) -> Result<(), ImpersonateError> {
    let id = new.tenant.clone();
    match locked_status::<DB>(connection, &id).await?.as_deref() {
        None => return Err(DirectoryError::UnknownTenant { id }.into()),
        Some(status) if status == TenantStatus::Active.as_str() => {}
        Some(_) => return Err(ImpersonateError::NotActive { id }),
    }
    if let (Some(subject), issuer) = member_columns(new.member.as_ref()) {
        let sql = "select exists (select 1 from tenancy_members
             where tenant = $1 and subject = $2 and issuer in ('', $3)) as found";
        let values = [id.as_str().into(), subject.into(), issuer.into()];
        if !is_found::<DB>(connection, sql, &values).await? {
            return Err(ImpersonateError::NotAMember { id });
        }
    }
    Ok(())
}

/// The issuer is the empty text where the membership names none.
fn member_columns(member: Option<&Member>) -> (Option<&str>, Option<&str>) {
    match member {
        Some(member) => (
            Some(member.subject().as_str()),
            Some(member.issuer().unwrap_or_default()),
        ),
        None => (None, None),
    }
}

/// Reads a row of a session or a grant, without whether it is redeemed.
pub(super) fn parse<DB: Queries>(row: &DB::Row) -> Result<Impersonation, DirectoryError> {
    let text = |column| DB::text(row, column).map(Option::unwrap_or_default);
    let issuer = DB::text(row, "issuer")?.filter(|issuer| !issuer.is_empty());
    let subject = DB::text(row, "subject")?.map(str::parse::<Member>).transpose();
    let member = subject.map_err(corrupt("subject"))?.map(|member| match issuer {
        Some(issuer) => member.with_issuer(issuer),
        None => member,
    });
    Ok(Impersonation {
        id: text("id")?.parse().map_err(corrupt("id"))?,
        tenant: text("tenant")?.parse().map_err(corrupt("tenant"))?,
        actor: text("actor")?.parse().map_err(corrupt("actor"))?,
        member,
        reason: text("reason")?.to_owned(),
        expires_at: system_time(DB::number(row, "expires_at")?),
        is_redeemed: true,
    })
}

fn corrupt(column: &'static str) -> impl Fn(tenancy_core::names::ParseError) -> DirectoryError {
    move |source| DirectoryError::Corrupt { column, source }
}

fn system_time(seconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}
