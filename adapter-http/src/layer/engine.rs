//! One decision about one request, with the types of its parts erased.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::request::Parts;
use http::{HeaderName, HeaderValue, Uri};
use tenancy_core::context::Bound;
use tenancy_core::{
    Access, Authorizer, Cause, Directory, Enforcer, Fault, Refused, Rejection, RequestView, VerifiedClaims, drive,
    drive_now,
};

use crate::view::{HeaderFields, OriginalUri, request_view};
use crate::{Authentication, Authenticator};

pub(crate) type Decision = Result<Bound, Rejection>;

/// The id of an engine, unique in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EngineId(u64);

impl EngineId {
    pub(crate) fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What a [`Tenancy`](crate::Tenancy) does, with the types of its parts erased.
pub(crate) trait Engine: Send + Sync {
    fn id(&self) -> EngineId;

    fn enforcer(&self) -> &Enforcer;

    /// The names of the fields that are read, ready for the map.
    fn names(&self) -> &[HeaderName];

    /// The `Vary` of routes of a mark.
    fn vary(&self, access: Access) -> Option<&HeaderValue>;

    /// The verified claims that the request carries already, where the mark reads credentials.
    fn claims_in<'p>(&self, parts: &'p Parts, access: Access) -> Option<&'p dyn VerifiedClaims>;

    /// Reads the credentials, where the mark reads them and where that needs no waiting.
    fn authenticate_now(&self, parts: &Parts, access: Access) -> Option<Authentication>;

    /// Decides, if all answers are available without waiting.
    fn decide_now(&self, request: &RequestView<'_>, access: Access) -> Option<Decision>;

    /// Decides, and returns the request's parts. Without `authentication` the authenticator is called.
    fn decide(
        self: Arc<Self>,
        parts: Parts,
        original_uri: OriginalUri,
        authentication: Option<Authentication>,
        access: Access,
    ) -> BoxFuture<(Parts, Decision)>;
}

/// The engine's implementation.
pub(crate) struct EngineParts<N, D, A> {
    pub(crate) id: EngineId,
    pub(crate) enforcer: Enforcer,
    pub(crate) authenticator: N,
    pub(crate) directory: D,
    pub(crate) authorizer: A,
    pub(crate) timeout: Duration,
    /// The names of the fields that are read.
    pub(crate) names: Vec<HeaderName>,
    /// By access, from public to scoped.
    pub(crate) vary: [Option<HeaderValue>; 3],
}

impl<N, D, A> Engine for EngineParts<N, D, A>
where
    N: Authenticator + 'static,
    D: Directory + 'static,
    A: Authorizer + 'static,
{
    fn id(&self) -> EngineId {
        self.id
    }

    fn enforcer(&self) -> &Enforcer {
        &self.enforcer
    }

    fn names(&self) -> &[HeaderName] {
        &self.names
    }

    fn vary(&self, access: Access) -> Option<&HeaderValue> {
        let [public, optional, scoped] = &self.vary;
        match access {
            Access::Public => public,
            Access::Optional => optional,
            Access::Scoped => scoped,
        }
        .as_ref()
    }

    fn claims_in<'p>(&self, parts: &'p Parts, access: Access) -> Option<&'p dyn VerifiedClaims> {
        if self.enforcer.reads_credentials(access) {
            self.authenticator.claims_in(parts)
        } else {
            None
        }
    }

    fn authenticate_now(&self, parts: &Parts, access: Access) -> Option<Authentication> {
        if self.enforcer.reads_credentials(access) {
            self.authenticator.authenticate_now(parts)
        } else {
            Some(Authentication::Absent)
        }
    }

    fn decide_now(&self, request: &RequestView<'_>, access: Access) -> Option<Decision> {
        let mut key = None;
        let step = self.enforcer.begin(request, access, &mut key);
        let decided = drive_now(step, &self.directory, &self.authorizer);
        // Shared at once: an outcome is large to move.
        Some(decided.ok()?.map(Bound::from))
    }

    fn decide(
        self: Arc<Self>,
        parts: Parts,
        original_uri: OriginalUri,
        authentication: Option<Authentication>,
        access: Access,
    ) -> BoxFuture<(Parts, Decision)> {
        Box::pin(async move {
            let walk = self.walk(&parts, original_uri, authentication, access);
            let decision = tokio::time::timeout(self.timeout, walk).await;
            let decision = decision.unwrap_or(Err(Rejection::new(Cause::TimedOut)));
            (parts, decision)
        })
    }
}

impl<N: Authenticator, D: Directory, A: Authorizer> EngineParts<N, D, A> {
    async fn walk(
        &self,
        parts: &Parts,
        original_uri: OriginalUri,
        authentication: Option<Authentication>,
        access: Access,
    ) -> Decision {
        let authentication = match authentication {
            Some(authentication) => authentication,
            None => self.authenticator.authenticate(parts).await.map_err(|error| {
                tracing::error!(error = &error as &dyn Error, "failed to verify credentials");
                Rejection::new(Cause::AuthenticatorUnavailable)
            })?,
        };
        let fields = HeaderFields::new(&parts.headers).with_names(&self.names);
        let uri = client_uri(parts, original_uri);
        let request = request_view(parts, uri, &fields, authentication.credentials());
        let mut key = None;
        let step = self.enforcer.begin(&request, access, &mut key);
        let decided = drive(step, &self.directory, &self.authorizer).await;
        decided.map(Bound::from).map_err(report)
    }
}

/// The URI that the client sent.
pub(crate) fn client_uri(parts: &Parts, original_uri: OriginalUri) -> &Uri {
    original_uri(&parts.extensions).unwrap_or(&parts.uri)
}

/// Logs the fault behind a refusal; the client sees nothing of it.
fn report<E: Error + 'static, F: Error + 'static>(refused: Refused<E, F>) -> Rejection {
    match &refused.fault {
        Some(Fault::Directory(error)) => {
            tracing::error!(error = error as &dyn Error, "failed to query the directory")
        }
        Some(Fault::Authorizer(error)) => {
            tracing::error!(error = error as &dyn Error, "failed to query the authorizer")
        }
        None => {}
    }
    refused.rejection
}
