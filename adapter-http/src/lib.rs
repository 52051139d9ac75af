//! Multi-tenancy for every server that speaks `http` types: hyper, tonic, anything in a tower stack.
//!
//! A [`Tenancy`] is built once. Its layers set the access policy of services; under a layer, every request is bound to
//! the tenant that it belongs to, or refused.
//!
//! ```
//! use http::{Request, Response};
//! use tenancy_core::context;
//! use tenancy_http::Tenancy;
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! async fn hello(_: Request<String>) -> Result<Response<String>, std::convert::Infallible> {
//!     let tenant = context::current().expect("the layer binds a tenant");
//!     Ok(Response::new(format!("hello, {}", tenant.id())))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! // The stub is for tests: see `Tenancy::builder` for the real thing.
//! let tenancy = Tenancy::insecure_test_stub();
//! let service = ServiceBuilder::new().layer(tenancy.scoped()).service_fn(hello);
//!
//! let request = Request::get("/").header("x-tenant-id", "acme").body(String::new()).unwrap();
//! assert_eq!(service.clone().oneshot(request).await.unwrap().status(), 200);
//!
//! let request = Request::get("/").body(String::new()).unwrap();
//! assert_eq!(service.oneshot(request).await.unwrap().status(), 401);
//! # }
//! ```
//!
//! The stub is no security at all.
//!
//! # A whole service
//!
//! The crate `tenancy` makes a [`Tenancy`] from one file, with tokens, a directory and a database. Its page
//! `getting_started::tower` says how to run this program, from `cargo new` on:
//!
//! ```ignore
//! //! A whole service: who the caller is, which tenant they act for, and that tenant's rows.
//!
//! use http_body_util::{BodyExt, Full, Limited};
//! use hyper::{Method, Request, Response, body::Bytes, body::Incoming};
//! use hyper_util::{rt::TokioExecutor, rt::TokioIo, server::conn::auto::Builder, service::TowerToHyperService};
//! use tenancy::sql::{ErrorKind, TenantDb};
//! use tenancy::{Sqlite as Database, http::problem};
//!
//! type Failure = Box<dyn std::error::Error + Send + Sync>;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Failure> {
//!     let opened = tenancy::open::<Database>("tenancy.toml").await?;
//!     let db = opened.db.clone();
//!     let notes = tower::service_fn(move |request| answer(request, db.clone()));
//!     let service = TowerToHyperService::new(tower::Layer::layer(&opened.tenancy.scoped(), notes));
//!     let address = std::env::var("LISTEN").unwrap_or("127.0.0.1:3000".into());
//!     let listener = tokio::net::TcpListener::bind(address).await?;
//!     println!("listening on {}", listener.local_addr()?);
//!     loop {
//!         let (stream, service) = (TokioIo::new(listener.accept().await?.0), service.clone());
//!         let http = Builder::new(TokioExecutor::new());
//!         tokio::spawn(async move { http.serve_connection(stream, service).await });
//!     }
//! }
//!
//! async fn answer(request: Request<Incoming>, db: TenantDb<Database>) -> Result<Response<Full<Bytes>>, Failure> {
//!     let answered = match (request.method(), request.uri().path()) {
//!         (&Method::GET, "/notes") => list(db).await,
//!         (&Method::POST, "/notes") => add(db, request.into_body()).await,
//!         _ => Ok(problem(404, "not_found", None)),
//!     };
//!     let response = answered.unwrap_or_else(|error| {
//!         let kind = ErrorKind::of(error.as_ref());
//!         problem(kind.status(), kind.code(), kind.retry_after())
//!     });
//!     Ok(response.map(Full::new))
//! }
//!
//! async fn list(db: TenantDb<Database>) -> Result<Response<Bytes>, Failure> {
//!     // The tenant is the one that the layer has bound the running task to.
//!     let mut tx = db.begin_read_current().await?;
//!     let select = sqlx::query_scalar("select body from notes order by body");
//!     let notes: Vec<String> = select.fetch_all(&mut *tx).await?;
//!     Ok(Response::new(notes.join("\n").into()))
//! }
//!
//! async fn add(db: TenantDb<Database>, body: Incoming) -> Result<Response<Bytes>, Failure> {
//!     let note = Limited::new(body, 65_536).collect().await?.to_bytes();
//!     let mut tx = db.begin_current().await?;
//!     let insert = sqlx::query("insert into notes (body) values ($1)").bind(String::from_utf8_lossy(&note));
//!     insert.execute(&mut *tx).await?;
//!     tx.commit().await?;
//!     Ok(Response::builder().status(201).body(Bytes::new())?)
//! }
//! ```
//!
//! # Features
//!
//! - `cache`: re-exports `tenancy-cache`: `CachedDirectory` and `CachedAuthorizer`, which cache the answers of others,
//!   and `follow`, by which they learn of changes.
//! - `config`: the types of the configuration, such as `TenancyConfig`, which reads the tables `[resolution]` and
//!   `[enforcement]`.
//! - `jwks`: `RemoteJwks`, the key sets of issuers, fetched over HTTPS. Includes `jwt`.
//! - `jwt`: re-exports `tenancy-jwt`: `TokenVerifier`, which is the authenticator for bearer tokens here, and its
//!   configuration. The page
//!   `identity_providers` has recipes for Auth0, Clerk, WorkOS, Microsoft Entra and Keycloak.
//! - `limits`: re-exports `tenancy-limits`: `TenantLimiter`, which counts each tenant's requests, and
//!   `TenancyBuilder::with_limits`, which refuses those beyond its limits.
//! - `metrics`: how long decisions take and what is refused, by the facade of the crate `metrics`: see `describe_metrics`.
//! - `spans`: the span `tenancy.request` (level info) around the code of each request that is bound to a tenant, with
//!   `tenant`, `strategy`, `placement` and `resolver`; and `tenancy.admit` (level debug) around each decision, with `access`,
//!   `outcome`, `code` and `tenant`. An attempt that finds that it must wait has a span without an outcome.
//! - `testing`: made-up tenants and a check for leaks, for the tests of applications. Turn it on under
//!   `[dev-dependencies]` alone.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod authenticate;
mod extract;
#[cfg(all(feature = "jwt", any(doc, doctest)))]
#[doc = include_str!("../docs/identity-providers.md")]
pub mod identity_providers {}
mod layer;
mod problem;
mod refusal_form;
mod response;
mod tenancy;
mod tenure;
#[cfg(feature = "testing")]
pub mod testing;
mod view;

pub use authenticate::{Authenticator, ClaimsFromExtension, PlatformStaff, SharedClaims, WithImpersonation};
pub use extract::{caller, optional_tenant, payload, tenant, visitor};
#[cfg(feature = "metrics")]
pub use layer::describe_metrics;
pub use layer::{
    Admission, RequestGuard, SavedBinding, TenancyBody, TenancyFuture, TenancyLayer, TenancyService, bound,
};
pub use problem::problem;
pub use refusal_form::RefusalForm;
pub use response::{add_vary, rejection_response};
pub use tenancy::{Tenancy, TenancyBuilder};
#[cfg(feature = "cache")]
pub use tenancy_cache::{
    CacheLimits, CachedAuthorizer, CachedAuthorizerBuilder, CachedDirectory, CachedDirectoryBuilder, CachedEntry,
    CoarseClock, LocalChangeFeed, LocalChanges, SharedError, follow,
};
pub use tenancy_core;
pub use tenancy_core::clock::{Clock, ManualClock, SystemClock};
#[cfg(feature = "config")]
pub use tenancy_core::config::{
    ClaimName, ConfigError, ConfigVersion, EnforcementConfig, MembershipKind, ResolutionConfig, TenancyConfig,
};
pub use tenancy_core::request::Credentials;
#[cfg(feature = "jwks")]
pub use tenancy_jwt::{
    AddressError, ConnectJwksError, FetchJwksError, FetchedJwks, HttpsJwks, HttpsJwksBuilder, HttpsJwksError,
    JwksFetcher, RemoteJwks, RemoteJwksBuilder, RemoteJwksError,
};
#[cfg(feature = "jwt")]
pub use tenancy_jwt::{
    AlgorithmsError, BuildVerifierError, ClaimProblem, JsonProblem, JwkProblem, JwksError, JwksFile, JwksFileBuilder,
    JwksFileError, JwtConfig, JwtConfigError, JwtIssuerConfig, JwtKeyConfig, JwtTokenCacheConfig, KeyAlgorithm,
    KeyError, KeyProblem, KeySource, KeysUnavailable, SecretSlice, SignTokenError, TenantsShape, TokenCacheLimits,
    TokenError, TokenSigner, TokenVerifier, TokenVerifierBuilder, TrustedIssuer, VerificationKey,
};
#[cfg(feature = "limits")]
pub use tenancy_limits::{LimitExceeded, Limits, Permit, Rate, TenantLimiter};
pub use tenure::{BodyWhileAdmitted, StreamWhileAdmitted, Tenure, tenure};
pub use view::{HeaderFields, OriginalUri, request_view};

/// The example of the package's README, as a doc test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
