//! Tenancy as an application builds it once, and from which it takes the layers for its routes.

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
use tenancy_core::directory::{Authorizer, Change, ClaimMembership, Directory, Invalidate};
use tenancy_core::enforce::{Access, Enforcer, Visit};
use tenancy_core::names::FieldName;
use tenancy_core::request::{Claims, Credentials};
use tenancy_core::testing::InsecureTestStub;

#[cfg(feature = "metrics")]
use crate::layer::ByTenant;
#[cfg(feature = "limits")]
use crate::layer::Limiting;
use crate::layer::{Counting, Engine, EngineId, EngineParts, Roll, Vary, register};
use crate::{Authenticator, SharedClaims, TenancyLayer};

/// How requests are bound to tenants: how a tenant is named, who verifies callers, who is let in. Cheap to clone.
///
/// Build one, and put its layers around routes: each layer sets an access policy. Routes under no layer are central:
/// nothing of the request is read there.
#[derive(Clone)]
#[doc(alias = "middleware")]
pub struct Tenancy(Arc<dyn Engine>);

impl fmt::Debug for Tenancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenancy")
            .field("enforcer", self.0.enforcer())
            .finish_non_exhaustive()
    }
}

impl Tenancy {
    /// Begins to build from what is required: the rules of resolution and refusal, who verifies credentials, and where
    /// tenants are looked up.
    ///
    /// - The [`Enforcer`] has a chain of resolvers: here the header `x-tenant-id` alone.
    /// - The [`Authenticator`] says who the caller is. With the feature `jwt` a `TokenVerifier` is one, for bearer tokens.
    ///   [`ClaimsFromExtension`](crate::ClaimsFromExtension) takes what a middleware of yours has found out.
    /// - The [`Directory`] knows the tenants. `tenancy-sqlx` has one in a database.
    ///
    /// Unless [`with_authorizer`](TenancyBuilder::with_authorizer) says otherwise, a caller is a member of the tenants that
    /// their verified token names. Here the directory lists each tenant's members:
    ///
    /// ```
    /// use tenancy_core::directory::{Member, MemoryDirectory, MemoryEntry, TenantRecord};
    /// use tenancy_core::enforce::Enforcer;
    /// use tenancy_core::names::StrategyName;
    /// use tenancy_core::request::Claims;
    /// use tenancy_core::resolve::{HeaderResolver, ResolverChain};
    /// use tenancy_http::{ClaimsFromExtension, Tenancy};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let chain = ResolverChain::new().then(HeaderResolver::new("x-tenant-id".parse()?))?;
    /// let acme = TenantRecord::new("acme".parse()?, StrategyName::from_static("row"));
    /// let acme = MemoryEntry::new(acme).with_member(Member::new("alice".parse()?));
    /// let directory = MemoryDirectory::new([acme])?;
    /// let authenticator = ClaimsFromExtension::<Claims>::new();
    /// let tenancy = Tenancy::builder(Enforcer::new(chain), authenticator, directory.clone())
    ///     .with_authorizer(directory)
    ///     .with_timeout(std::time::Duration::from_secs(2))
    ///     .build();
    /// # let tenancy: Tenancy = tenancy;
    /// # let _ = tenancy.scoped();
    /// # Ok(()) }
    /// ```
    pub fn builder<N, D>(enforcer: Enforcer, authenticator: N, directory: D) -> TenancyBuilder<Self, N, D>
    where
        N: Authenticator + 'static,
        D: Directory + 'static,
    {
        TenancyBuilder::new(enforcer, authenticator, directory)
    }

    /// A stub for tests: the header `x-tenant-id` names the tenant, every tenant exists, and every
    /// caller is its member. No token, no directory.
    ///
    /// # Security
    ///
    /// This is no security at all. It logs a warning when it is built.
    #[must_use]
    pub fn insecure_test_stub() -> Self {
        tracing::warn!("the insecure test stub of tenancy is in use: every caller is admitted to every tenant");
        let authenticator = StubAuthenticator(Arc::new(InsecureTestStub::claims()));
        Self::builder(InsecureTestStub::enforcer(), authenticator, InsecureTestStub)
            .with_authorizer(InsecureTestStub)
            .build()
    }

    /// The layer for routes that need a member of a tenant.
    #[must_use]
    pub fn scoped(&self) -> TenancyLayer {
        TenancyLayer::new(Arc::clone(&self.0), Access::Scoped)
    }

    /// The layer for routes that need a verified caller, and no tenant: an account, the choice of a tenant, the
    /// administration of a platform. Credentials are read, and nothing that names a tenant.
    ///
    /// Inside a layer that binds a tenant it demands a caller, and the tenant stays. Around one, the layer inside must
    /// verify the same caller: the same subject, of the same issuer.
    #[must_use]
    pub fn authenticated(&self) -> TenancyLayer {
        TenancyLayer::new(Arc::clone(&self.0), Access::Authenticated)
    }

    /// The layer for routes that take a member of a tenant, or a request that names no tenant.
    #[must_use]
    pub fn optional(&self) -> TenancyLayer {
        TenancyLayer::new(Arc::clone(&self.0), Access::Optional)
    }

    /// The layer for routes that show an active tenant to anyone. Their handlers get a visit, never a member's
    /// capability.
    #[must_use]
    pub fn public(&self) -> TenancyLayer {
        TenancyLayer::new(Arc::clone(&self.0), Access::Public)
    }
}

/// A change has the connections that it concerns checked at once, see [`Tenure`](crate::Tenure). Notify the caches first:
/// [`follow`](https://docs.rs/tenancy-cache/latest/tenancy_cache/fn.follow.html) does so in the order of a tuple, such as
/// `(directory, authorizer, tenancy)`.
impl Invalidate for Tenancy {
    fn invalidate(&self, change: &Change) {
        self.0.roll().ring(change);
    }
}

/// How long a request may wait for answers, unless set otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Builds a [`Tenancy`], or an adapter's own, which is `T`. See [`Tenancy::builder`].
#[must_use]
pub struct TenancyBuilder<T, N, D> {
    engine: EngineParts<N, D, ()>,
    erase: Erase<N, D>,
    built: PhantomData<fn() -> T>,
}

/// Adds the authorizer to an engine and erases its types.
type Erase<N, D> = Box<dyn FnOnce(EngineParts<N, D, ()>) -> Arc<dyn Engine> + Send + Sync>;

impl<T, N, D> TenancyBuilder<T, N, D>
where
    T: From<Tenancy>,
    N: Authenticator + 'static,
    D: Directory + 'static,
{
    /// Begins to build a `T`. Applications use its own `builder`, such as [`Tenancy::builder`].
    pub fn new(enforcer: Enforcer, authenticator: N, directory: D) -> Self {
        Self {
            engine: EngineParts {
                id: EngineId::next(),
                names: names(&enforcer),
                vary: Vary {
                    tenant: vary(|add| enforcer.each_field(add)),
                    credentials: vary(|add| authenticator.each_field(add)),
                    both: vary(|add| {
                        enforcer.each_field(add);
                        authenticator.each_field(add);
                    }),
                },
                enforcer,
                authenticator,
                directory,
                authorizer: (),
                timeout: DEFAULT_TIMEOUT,
                counting: Counting::nothing(),
                roll: Arc::new(Roll::default()),
                is_behind: None,
            },
            erase: erase_with(ClaimMembership),
            built: PhantomData,
        }
    }

    /// Sets which authorizer decides on membership. Default: [`ClaimMembership`].
    pub fn with_authorizer<A: Authorizer + 'static>(self, authorizer: A) -> Self {
        Self {
            erase: erase_with(authorizer),
            ..self
        }
    }

    /// Sets how long authentication, look-up and membership may take together before the request is refused with 503.
    /// Default: 5 s.
    ///
    /// The time is tokio's: answers that must be waited for need a tokio runtime with its timer on.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.engine.timeout = timeout;
        self
    }

    /// Has each check of a [`Tenure`](crate::Tenure) ask whether the tenant's data is behind the version that the service needs.
    /// The connection then ends with 503 `unavailable`, as a request of that tenant is refused until its migrations have run.
    /// Default: nobody is asked.
    ///
    /// With `tenancy-sqlx` the question is `TenantDb::is_behind`, and what is opened from a `tenancy.toml` asks it. It is asked once the tenant and the caller are confirmed, and never of a request. No answer within the
    /// [time](Self::with_timeout) stands for no.
    pub fn with_data_check<F, Fut>(mut self, is_behind: F) -> Self
    where
        F: Fn(Visit) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = bool> + Send + 'static,
    {
        self.engine.is_behind = Some(Box::new(move |visit| Box::pin(is_behind(visit))));
        self
    }

    /// Sets who counts the requests of each tenant's members, and refuses those beyond its limits with 429: `rate_limited`
    /// or `too_many_requests_under_way`, and when to try again (RFC 6585 §4). Default: nobody.
    ///
    /// A request is counted once, after its caller has been admitted, by the layer that binds it to its tenant: a stranger
    /// spends nothing of a tenant's, nor does a visitor of a public route or the platform's staff. It is under way until the
    /// response's body has been sent, or is dropped. A connection that is upgraded, as to WebSocket, is not counted from
    /// then on. A clone of the `Arc` counts work outside of requests too.
    ///
    /// ```
    /// # use tenancy_core::directory::MemoryDirectory;
    /// # use tenancy_core::enforce::Enforcer;
    /// # use tenancy_core::request::Claims;
    /// # use tenancy_core::resolve::{HeaderResolver, ResolverChain};
    /// # use tenancy_http::{ClaimsFromExtension, Tenancy};
    /// use tenancy_http::{Limits, Rate, TenantLimiter};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let chain = ResolverChain::new().then(HeaderResolver::new("x-tenant-id".parse()?))?;
    /// # let authenticator = ClaimsFromExtension::<Claims>::new();
    /// # let directory = MemoryDirectory::new([])?;
    /// let of_most = Limits::none().with_rate(Rate::per_second(50).ok_or("0")?).with_under_way(20);
    /// let of_large = Limits::none().with_rate(Rate::per_second(500).ok_or("0")?).with_under_way(200);
    /// let limiter = TenantLimiter::new(of_most)
    ///     .with_limits_of(move |tenant| (tenant.id.as_str() == "acme").then_some(of_large));
    /// let tenancy = Tenancy::builder(Enforcer::new(chain), authenticator, directory)
    ///     .with_limits(limiter)
    ///     .build();
    /// # let _ = tenancy.scoped();
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "limits")]
    #[doc(alias = "rate limit")]
    #[doc(alias = "429")]
    #[doc(alias = "throttle")]
    pub fn with_limits(mut self, limiter: impl Into<Arc<tenancy_limits::TenantLimiter>>) -> Self {
        self.engine.counting.limiting = Limiting(Some(limiter.into()));
        self
    }

    /// Counts the requests of each tenant's members in `tenancy_tenant_requests_total`, with the tenant as a label: the hundred
    /// busiest by their ids, and all others as `other`. Default: no metric has a tenant for a label.
    ///
    /// A tenant takes the label of the least busy once it has made twice as many requests, and no more than a thousand tenants ever get one
    /// in a process, since a recorder keeps what it has seen. A request is counted once, after its caller has been admitted: a stranger
    /// puts no tenant among the busiest, nor does a visitor. It takes a lock that all threads share.
    #[cfg(feature = "metrics")]
    #[doc(alias = "cardinality")]
    pub fn with_tenant_label(mut self) -> Self {
        self.engine.counting.by_tenant = ByTenant::everybody();
        self
    }

    /// Builds it.
    #[must_use]
    pub fn build(self) -> T {
        let engine = (self.erase)(self.engine);
        register(&engine);
        Tenancy(engine).into()
    }
}

impl<T, N, D> fmt::Debug for TenancyBuilder<T, N, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenancyBuilder")
            .field("enforcer", &self.engine.enforcer)
            .finish_non_exhaustive()
    }
}

fn erase_with<N, D, A>(authorizer: A) -> Erase<N, D>
where
    N: Authenticator + 'static,
    D: Directory + 'static,
    A: Authorizer + 'static,
{
    Box::new(|engine| Arc::new(engine.with_authorizer(authorizer)))
}

/// The value of `Vary` on routes where these fields are read; `None` if there are none.
fn vary(each_field: impl FnOnce(&mut dyn FnMut(&FieldName))) -> Option<HeaderValue> {
    let mut fields: Vec<String> = Vec::new();
    each_field(&mut |field| {
        if field.as_str() != "host" && !fields.iter().any(|other| other == field.as_str()) {
            fields.push(field.to_string());
        }
    });
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

/// Takes every caller for the stub's one caller.
struct StubAuthenticator(Arc<Claims>);

impl Authenticator for StubAuthenticator {
    type Error = Infallible;

    fn authenticate(&self, _: &Parts) -> impl Future<Output = Result<Credentials<SharedClaims>, Infallible>> + Send {
        ready(Ok(Credentials::Verified(Arc::clone(&self.0) as _)))
    }

    fn authenticate_now(&self, _: &Parts) -> Option<Credentials<SharedClaims>> {
        Some(Credentials::Verified(Arc::clone(&self.0) as _))
    }
}
