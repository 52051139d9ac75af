//! A grant that is redeemed, and the session that comes of it.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use tenancy_core::directory::Impersonations;
use tenancy_core::names::{GrantId, TenantKey};
use tenancy_core::request::{Actor, Claims};

use super::grant::{Impersonation, parse};
use super::secret::{ImpersonationSecret, SESSION, digest_of_grant, digest_of_session};
use crate::directory::error::DirectoryError;
use crate::directory::events::{Attribution, EventKind, PendingEvent, Reason};
use crate::directory::sql_directory::SqlDirectory;
use crate::directory::store::database::{DirectoryDatabase, is_found};

/// What a grant was redeemed for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImpersonationSession {
    /// What each request presents as its bearer token.
    pub secret: ImpersonationSecret,
    /// Who is let into which tenant, and until when.
    pub impersonation: Impersonation,
}

impl<DB: DirectoryDatabase> SqlDirectory<DB> {
    /// Redeems a grant for a session, once: of two who redeem it at once, one has the session. It is committed with its event when
    /// this returns. Also a directory that is open for reading only can do it.
    ///
    /// `None` if this is no grant's secret, if the grant is redeemed or has ended, or if its tenant is not active. Which of them
    /// it is, nobody learns who guesses.
    ///
    /// # Errors
    ///
    /// If the directory cannot be queried or changed.
    pub async fn redeem_impersonation(&self, presented: &str) -> Result<Option<ImpersonationSession>, DirectoryError> {
        let Some(grant) = digest_of_grant(presented) else {
            return Ok(None);
        };
        let secret = ImpersonationSecret::of_session();
        let session = secret.digest();
        let mut change = self.begin_redeeming().await?;
        let row = DB::fetch_optional(
            change.connection_mut(),
            DB::REDEEM,
            &[(*grant).into(), (*session).into()],
        )
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let impersonation = parse::<DB>(&row)?;
        if !DB::REDEEMING_WRITES_EVENT {
            let started = PendingEvent::new(&impersonation.tenant, EventKind::IMPERSONATION_STARTED);
            change.record(impersonation.event(started.to(impersonation.id.as_str())));
        }
        change.commit().await?;
        Ok(Some(ImpersonationSession { secret, impersonation }))
    }
}

impl Impersonation {
    /// An event of it, whose actor is who was let in, and whose reason is the grant's.
    pub(super) fn event(&self, event: PendingEvent) -> PendingEvent {
        let event = event.by(self.attribution());
        match &self.member {
            Some(member) => event.of(member.subject(), member.issuer().unwrap_or_default()),
            None => event,
        }
    }

    fn attribution(&self) -> Attribution {
        let attribution = Attribution::new(self.actor.clone());
        match self.reason.parse::<Reason>() {
            Ok(reason) => attribution.with_reason(reason),
            Err(_) => attribution,
        }
    }

    /// What the session says of its holder: they speak for its tenant alone, and somebody acts, who reads.
    fn claims(&self) -> Claims {
        let tenant = TenantKey::Id(self.tenant.clone());
        let subject = self.member.as_ref().map_or(&self.actor, |member| member.subject());
        let expires_at = self.expires_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let claims = Claims::new(subject.clone())
            .with_tenant(tenant.clone())
            .with_issuer_tenants(Arc::new([tenant]))
            .with_actor(Actor::new(self.actor.clone()).with_grant(self.id.clone()))
            .with_expiry(expires_at.as_secs());
        match self.member.as_ref().and_then(|member| member.issuer()) {
            Some(issuer) => claims.with_issuer(issuer),
            None => claims,
        }
    }
}

impl<DB: DirectoryDatabase> Impersonations for SqlDirectory<DB> {
    type Error = DirectoryError;

    fn session_prefix(&self) -> &str {
        SESSION
    }

    async fn session(&self, secret: &str) -> Result<Option<Claims>, DirectoryError> {
        let Some(session) = digest_of_session(secret) else {
            return Ok(None);
        };
        let mut connection = self.pool.acquire().await?;
        let row = DB::fetch_optional(&mut connection, DB::IMPERSONATION_SESSION, &[(*session).into()]).await?;
        let session = row.as_ref().map(parse::<DB>).transpose()?;
        Ok(session.map(|session| session.claims()))
    }

    async fn lasts(&self, grant: &GrantId) -> Result<bool, DirectoryError> {
        let mut connection = self.pool.acquire().await?;
        Ok(is_found::<DB>(&mut connection, DB::IMPERSONATION_LASTS, &[grant.as_str().into()]).await?)
    }
}
