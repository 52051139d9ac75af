use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Extensions;
use tenancy_core::context::TenantScope;
use tenancy_core::enforce::{Cause, Outcome, Rejection};
use tokio::time::Instant;

use super::credential::Credential;
use super::schedule::Schedule;
use crate::layer::{Binding, BoxFuture, Engine, Entry, engine_of};

/// The right of an admitted request to go on, for connections that outlast the decision: WebSockets, server-sent events,
/// streamed bodies.
///
/// A request is decided on once. This decides again while its connection is open: whether the tenant is active, its data is
/// where it was, and not [behind](crate::TenancyBuilder::with_data_check) if that is asked, the caller is still a member with each role of then, and the credential has not expired. The resolvers do not
/// run again, and the credential is not verified again.
///
/// It comes from a request that a layer has bound to a tenant, by [`tenure`] or the extractor of a framework. Take one per
/// connection. Where layers stand inside each other, it is the outermost one that has bound the request to what it is bound to
/// now which decides again.
///
/// - [`while_admitted`](Self::while_admitted) and [`while_admitted_or`](Self::while_admitted_or) end a stream, and
///   [`while_admitted_body`](Self::while_admitted_body) a body.
/// - [`ended`](Self::ended) is for `select!`, as in the loop of a WebSocket.
/// - [`recheck`](Self::recheck) decides at once, such as before something that cannot be undone.
///
/// # When it is checked
///
/// When it is first waited for, then at least once in the [interval](Self::with_interval), and at once after a change of the
/// tenant or of the member, where `Tenancy` is notified of changes as the caches are. A check is a look-up as a request makes
/// it, by the caches. Connections of all tenants share no lock but when they open, close, or are notified.
///
/// If the directory or the authorizer cannot be queried, the connection goes on until it has not been confirmed for the
/// [tolerance](Self::with_outage_tolerance). Then it ends.
///
/// # Security
///
/// A check is as fresh as the caches: without notifications a suspension takes effect within the cache's time to live and an
/// interval. A connection that does not use this goes on for as long as its peer likes.
///
/// Staff of the platform is checked as at its entry, and logged each time.
#[must_use = "a connection that does not wait for the end of its tenure goes on"]
#[doc(alias = "WebSocket")]
#[doc(alias = "SSE")]
#[doc(alias = "revalidate")]
#[doc(alias = "revocation")]
#[doc(alias = "long-lived")]
pub struct Tenure {
    engine: Arc<dyn Engine>,
    scope: TenantScope,
    credential: Credential,
    outlives_credential: bool,
    entry: Entry,
    schedule: Schedule,
    /// The check that is under way, and when it began.
    checking: Option<(Instant, Checking)>,
    ended: Option<Rejection>,
}

/// It is polled by its owner alone, and never locked: the mutex makes it `Sync`, which some frameworks ask of a stream.
type Checking = Mutex<BoxFuture<Result<(), Rejection>>>;

/// How often a connection is checked, unless set otherwise.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);
/// How long a connection goes on that cannot be checked, unless set otherwise.
const DEFAULT_TOLERANCE: Duration = Duration::from_secs(120);

/// The right to go on of a request that a layer has bound to a tenant, as a member or as a visitor.
///
/// # Errors
///
/// Under no layer, and under [`authenticated`](crate::Tenancy::authenticated): a 500 whose cause says what to add. On an
/// optional route, if the request names no tenant: a 401.
#[doc(alias = "extractor")]
pub fn tenure(extensions: &Extensions) -> Result<Tenure, Rejection> {
    let binding = Binding::of(extensions).ok_or(Rejection::new(Cause::NoLayer))?;
    let (visit, caller) = match binding.scope.outcome() {
        Outcome::Admitted(admitted) => (&**admitted, Some(admitted.caller())),
        Outcome::Visit(visit) => (visit, None),
        Outcome::Authenticated(_) => return Err(Rejection::new(Cause::CallerOnly)),
        _ => return Err(Rejection::new(Cause::NoTenantNamed)),
    };
    let engine = binding
        .outcome_by
        .and_then(engine_of)
        .ok_or(Rejection::new(Cause::NoLayer))?;
    let credential = Credential::of(binding, extensions, &*engine);
    if caller.is_some() && credential.claims.is_none() {
        return Err(Rejection::new(Cause::NoCaller));
    }
    Ok(Tenure {
        entry: engine.roll().enter(visit.id(), caller),
        scope: binding.scope.clone(),
        engine,
        credential,
        outlives_credential: false,
        schedule: Schedule::new(DEFAULT_INTERVAL, DEFAULT_TOLERANCE),
        checking: None,
        ended: None,
    })
}

impl Tenure {
    /// Sets how often the connection is checked, at least: each check comes after three quarters of the interval up to all of
    /// it, so that connections which were made at once spread. Default: 30 s. It is no less than a millisecond.
    pub const fn with_interval(mut self, interval: Duration) -> Self {
        self.schedule.interval = interval;
        self
    }

    /// Sets for how long the connection goes on while the directory or the authorizer cannot be queried, since it was
    /// confirmed last. Default: 120 s. With zero it ends at the first failure.
    pub const fn with_outage_tolerance(mut self, tolerance: Duration) -> Self {
        self.schedule.tolerance = tolerance;
        self
    }

    /// Lets the connection go on after its credential has expired.
    ///
    /// # Security
    ///
    /// A token that expires is how an identity provider ends a session. The connection then ends by a change of tenant or
    /// member alone; where claims decide on membership
    /// ([`ClaimMembership`](tenancy_core::directory::ClaimMembership)), a member who was removed stays for good.
    pub const fn dangerously_outlive_credential(mut self) -> Self {
        self.outlives_credential = true;
        self
    }

    /// What the request is bound to, for the [`scope`](tenancy_core::context::scope) of a task that serves the connection.
    #[must_use]
    pub const fn scope(&self) -> &TenantScope {
        &self.scope
    }

    /// Decides again, now.
    ///
    /// # Errors
    ///
    /// If the connection may not go on, or if that cannot be found out: the status of the refusal is 503 then.
    pub async fn recheck(&self) -> Result<(), Rejection> {
        self.check_credential()?;
        let claims = self.credential.claims.as_ref();
        match self.engine.recheck_now(&self.scope, claims) {
            Some(decided) => decided,
            None => {
                let again = Arc::clone(&self.engine).recheck(self.scope.clone(), claims.cloned());
                again.await
            }
        }
    }

    /// Waits until the connection may not go on, and returns why not. It is cancel safe: in a loop with `select!`, a check that
    /// is under way goes on with the next call.
    ///
    /// Tell the peer of a WebSocket by the close code 1008, which stands for a violated policy (RFC 6455 §7.4.1), with the
    /// rejection's [`code`](Rejection::code) as the reason.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with its timer enabled.
    pub async fn ended(&mut self) -> Rejection {
        poll_fn(|cx| self.poll_ended(cx)).await
    }

    /// As [`ended`](Self::ended), for futures that are written by hand.
    pub fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Rejection> {
        loop {
            if let Some(ended) = self.ended {
                return Poll::Ready(ended);
            }
            if let Some((begun, checking)) = &mut self.checking {
                let checking = checking.get_mut().unwrap_or_else(PoisonError::into_inner);
                let (begun, decided) = (*begun, ready!(checking.as_mut().poll(cx)));
                self.checking = None;
                self.checked(begun, decided);
                continue;
            }
            if !self.entry.has_rung(cx.waker()) {
                ready!(self.schedule.poll_due(cx));
            }
            self.check();
        }
    }

    fn check_credential(&self) -> Result<(), Rejection> {
        if !self.outlives_credential && self.credential.has_expired() {
            return Err(Rejection::new(Cause::ExpiredCredentials));
        }
        Ok(())
    }

    /// Begins a check, and ends it if its answers are available.
    fn check(&mut self) {
        let begun = Instant::now();
        if let Err(expired) = self.check_credential() {
            return self.checked(begun, Err(expired));
        }
        let claims = self.credential.claims.as_ref();
        match self.engine.recheck_now(&self.scope, claims) {
            Some(decided) => self.checked(begun, decided),
            None => {
                let again = Arc::clone(&self.engine).recheck(self.scope.clone(), claims.cloned());
                self.checking = Some((begun, Mutex::new(again)));
            }
        }
    }

    fn checked(&mut self, begun: Instant, decided: Result<(), Rejection>) {
        let expires = self.credential.deadline().filter(|_| !self.outlives_credential);
        match decided {
            Ok(()) => {
                self.schedule.confirm(begun);
                self.schedule.rest(expires);
            }
            Err(rejection) if is_unknown(&rejection) && !self.schedule.is_overdue() => {
                let overdue = self.schedule.overdue_at();
                self.schedule.rest(expires.into_iter().chain([overdue]));
            }
            Err(rejection) => {
                let tenant = self.scope.visit();
                tracing::info!(
                    tenant = tenant.as_ref().map(|visit| visit.id().as_str()),
                    code = rejection.code(),
                    "a connection ends: {rejection}"
                );
                self.ended = Some(rejection);
            }
        }
    }
}

/// Whether it is not known if the connection may go on.
const fn is_unknown(rejection: &Rejection) -> bool {
    matches!(
        rejection.cause(),
        Cause::DirectoryUnavailable
            | Cause::DirectoryAnsweredAnotherTenant
            | Cause::AuthorizerUnavailable
            | Cause::TimedOut
    )
}

impl fmt::Debug for Tenure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenure")
            .field("scope", &self.scope)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
