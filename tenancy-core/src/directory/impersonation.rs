//! Who is let into a tenant for a while without being its member.

use core::error::Error;
use core::future::Future;

use crate::names::GrantId;
use crate::request::Claims;

/// Knows the sessions of impersonation: of people who are let into one tenant for a short while, to read.
///
/// A directory of `tenancy-sqlx` does. The adapters query it about requests that present such a session, and about no others.
#[doc(alias = "support access")]
pub trait Impersonations: Send + Sync {
    /// Why it could not be queried.
    type Error: Error + Send + Sync + 'static;

    /// What all secrets of sessions begin with, by which a session is known from a token without a query.
    fn session_prefix(&self) -> &str;

    /// The claims of the session with this secret, while it lasts: they name an actor with a
    /// [grant](crate::request::Actor::grant), and speak for its tenant alone. `None` if there is none, or none any more.
    ///
    /// # Errors
    ///
    /// If it cannot tell.
    fn session(&self, secret: &str) -> impl Future<Output = Result<Option<Claims>, Self::Error>> + Send;

    /// Whether a session of the grant lasts. A request that was admitted a while ago, such as a WebSocket, has no secret any more.
    ///
    /// # Errors
    ///
    /// If it cannot tell.
    fn lasts(&self, grant: &GrantId) -> impl Future<Output = Result<bool, Self::Error>> + Send;
}

impl<I: Impersonations + ?Sized> Impersonations for std::sync::Arc<I> {
    type Error = I::Error;

    fn session_prefix(&self) -> &str {
        (**self).session_prefix()
    }

    fn session(&self, secret: &str) -> impl Future<Output = Result<Option<Claims>, Self::Error>> + Send {
        (**self).session(secret)
    }

    fn lasts(&self, grant: &GrantId) -> impl Future<Output = Result<bool, Self::Error>> + Send {
        (**self).lasts(grant)
    }
}
