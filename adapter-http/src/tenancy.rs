//! The set-up that an application makes once and marks its routes with.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, ready};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use tenancy_core::testing::InsecureTestStub;
use tenancy_core::{Access, Authorizer, ClaimMembership, Claims, Directory, Enforcer, FieldName};

use crate::layer::{Engine, EngineId, EngineParts};
use crate::{Authentication, Authenticator, TenancyLayer};

/// How requests are bound to tenants: what names them, who is asked, who is let in. Cheap to clone.
///
/// Make one, and mark routes with the layers that it hands out. Routes under no layer are central:
/// nothing is read there.
#[derive(Clone)]
pub struct Tenancy(pub(crate) Arc<dyn Engine>);

impl fmt::Debug for Tenancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenancy")
            .field("enforcer", self.0.enforcer())
            .finish_non_exhaustive()
    }
}

impl Tenancy {
    /// Begins a set-up. An authenticator and a directory must follow; without them it does not build.
    pub fn builder(enforcer: Enforcer) -> TenancyBuilder<Self, (), (), ClaimMembership> {
        TenancyBuilder::new(enforcer)
    }

    /// A stub for tests: the header `x-tenant-id` names the tenant, every tenant exists, and every
    /// caller is its member. No token, no directory.
    ///
    /// # Security
    ///
    /// This is no security at all. It logs a warning when it is made.
    #[must_use]
    pub fn insecure_test_stub() -> Self {
        tracing::warn!("the insecure test stub of tenancy is in use: every caller is admitted to every tenant");
        Self::builder(InsecureTestStub::enforcer())
            .with_authenticator(StubAuthenticator(Arc::new(InsecureTestStub::claims())))
            .with_directory(InsecureTestStub)
            .with_authorizer(InsecureTestStub)
            .build()
    }

    /// Marks routes that need a member of a tenant.
    #[must_use]
    pub fn scoped(&self) -> TenancyLayer {
        TenancyLayer::new(self.clone(), Access::Scoped)
    }

    /// Marks routes that take a member of a tenant, or a request that names none.
    #[must_use]
    pub fn optional(&self) -> TenancyLayer {
        TenancyLayer::new(self.clone(), Access::Optional)
    }

    /// Marks routes that show an active tenant to anyone. They get a visit, never a member's capability.
    #[must_use]
    pub fn public(&self) -> TenancyLayer {
        TenancyLayer::new(self.clone(), Access::Public)
    }
}

/// How long a directory and an authorizer may take together, unless set otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// A [`Tenancy`] in the making: of this crate, or an adapter's own `T`.
#[must_use]
pub struct TenancyBuilder<T, N, D, A> {
    enforcer: Enforcer,
    authenticator: N,
    directory: D,
    authorizer: A,
    timeout: Duration,
    built: PhantomData<fn() -> T>,
}

impl<T> TenancyBuilder<T, (), (), ClaimMembership> {
    /// Begins a set-up that ends in a `T`.
    pub fn new(enforcer: Enforcer) -> Self {
        Self {
            enforcer,
            authenticator: (),
            directory: (),
            authorizer: ClaimMembership,
            timeout: DEFAULT_TIMEOUT,
            built: PhantomData,
        }
    }
}

impl<T, N, D, A> TenancyBuilder<T, N, D, A> {
    /// Sets who verifies credentials. Required.
    pub fn with_authenticator<M: Authenticator + 'static>(self, authenticator: M) -> TenancyBuilder<T, M, D, A> {
        let Self {
            enforcer,
            directory,
            authorizer,
            timeout,
            built,
            ..
        } = self;
        TenancyBuilder {
            enforcer,
            authenticator,
            directory,
            authorizer,
            timeout,
            built,
        }
    }

    /// Sets where tenants are looked up. Required.
    pub fn with_directory<E: Directory + 'static>(self, directory: E) -> TenancyBuilder<T, N, E, A> {
        let Self {
            enforcer,
            authenticator,
            authorizer,
            timeout,
            built,
            ..
        } = self;
        TenancyBuilder {
            enforcer,
            authenticator,
            directory,
            authorizer,
            timeout,
            built,
        }
    }

    /// Sets who decides on membership. Default: [`ClaimMembership`].
    pub fn with_authorizer<B: Authorizer + 'static>(self, authorizer: B) -> TenancyBuilder<T, N, D, B> {
        let Self {
            enforcer,
            authenticator,
            directory,
            timeout,
            built,
            ..
        } = self;
        TenancyBuilder {
            enforcer,
            authenticator,
            directory,
            authorizer,
            timeout,
            built,
        }
    }

    /// Sets how long credentials, look-up and membership may take together; then the request is refused with 503.
    /// Default: 5 s.
    ///
    /// The time is tokio's: answers that must be waited for need a tokio runtime with its timer on.
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }
}

impl<T, N, D, A> TenancyBuilder<T, N, D, A>
where
    T: From<Tenancy>,
    N: Authenticator + 'static,
    D: Directory + 'static,
    A: Authorizer + 'static,
{
    /// Ends the set-up.
    #[must_use]
    pub fn build(self) -> T {
        let Self {
            enforcer,
            authenticator,
            directory,
            authorizer,
            timeout,
            ..
        } = self;
        let vary =
            [Access::Public, Access::Optional, Access::Scoped].map(|access| vary(&enforcer, &authenticator, access));
        Tenancy(Arc::new(EngineParts {
            id: EngineId::next(),
            names: names(&enforcer),
            enforcer,
            authenticator,
            directory,
            authorizer,
            timeout,
            vary,
        }))
        .into()
    }
}

impl<T, N, D, A> fmt::Debug for TenancyBuilder<T, N, D, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenancyBuilder")
            .field("enforcer", &self.enforcer)
            .finish_non_exhaustive()
    }
}

/// The value of `Vary` for routes of a mark; `None` where nothing of the request's fields is read.
fn vary(enforcer: &Enforcer, authenticator: &impl Authenticator, access: Access) -> Option<HeaderValue> {
    let mut fields: Vec<String> = Vec::new();
    let mut add = |field: &FieldName| {
        if field.as_str() != "host" && !fields.iter().any(|other| other == field.as_str()) {
            fields.push(field.to_string());
        }
    };
    enforcer.each_field(&mut add);
    if enforcer.reads_credentials(access) {
        authenticator.each_field(&mut add);
    }
    if fields.is_empty() {
        None
    } else {
        // Leaked once per `Tenancy`, a few bytes, so that threads do not contend for a reference count.
        HeaderValue::from_maybe_shared(Bytes::from_static(fields.join(", ").leak().as_bytes())).ok()
    }
}

/// The fields that resolvers read, `Host` included, ready for the map.
fn names(enforcer: &Enforcer) -> Vec<HeaderName> {
    let mut names = vec![HOST];
    enforcer.each_field(&mut |field| names.extend(HeaderName::try_from(field.as_str())));
    names
}

/// Takes everybody for the stub's one caller.
struct StubAuthenticator(Arc<Claims>);

impl Authenticator for StubAuthenticator {
    type Error = Infallible;

    fn authenticate(&self, _: &Parts) -> impl Future<Output = Result<Authentication, Infallible>> + Send {
        ready(Ok(Authentication::Verified(Arc::clone(&self.0) as _)))
    }

    fn authenticate_now(&self, _: &Parts) -> Option<Authentication> {
        Some(Authentication::Verified(Arc::clone(&self.0) as _))
    }
}
