//! What an engine is made of.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use tenancy_core::enforce::{Enforcer, Visit};

use super::binding::EngineId;
use super::counting::Counting;
use super::roll::Roll;

pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Whether a tenant's data is behind the version that the service needs.
pub(crate) type IsBehind = Box<dyn Fn(Visit) -> BoxFuture<bool> + Send + Sync>;

/// The values of `Vary`, by what a route reads.
pub(crate) struct Vary {
    pub(crate) tenant: Option<HeaderValue>,
    pub(crate) credentials: Option<HeaderValue>,
    pub(crate) both: Option<HeaderValue>,
}

/// The implementation of [`Engine`](super::admit::Engine).
pub(crate) struct EngineParts<N, D, A> {
    pub(crate) id: EngineId,
    pub(crate) enforcer: Enforcer,
    pub(crate) authenticator: N,
    pub(crate) directory: D,
    pub(crate) authorizer: A,
    pub(crate) timeout: Duration,
    /// The names of the fields that resolvers read, ready for the map.
    pub(crate) names: Vec<HeaderName>,
    /// The values of `Vary`.
    pub(crate) vary: Vary,
    pub(crate) counting: Counting,
    /// The connections that outlast their admission, and wait for news of their tenant.
    pub(crate) roll: Arc<Roll>,
    /// What is asked of a tenant's data where such a connection is checked.
    pub(crate) is_behind: Option<IsBehind>,
}

impl<N, D> EngineParts<N, D, ()> {
    pub(crate) fn with_authorizer<A>(self, authorizer: A) -> EngineParts<N, D, A> {
        let Self {
            id,
            enforcer,
            authenticator,
            directory,
            authorizer: (),
            timeout,
            names,
            vary,
            counting,
            roll,
            is_behind,
        } = self;
        EngineParts {
            id,
            enforcer,
            authenticator,
            directory,
            authorizer,
            timeout,
            names,
            vary,
            counting,
            roll,
            is_behind,
        }
    }
}
