//! Multi-tenancy for warp.
//!
//! [`Tenancy`] puts access policies around routes; filters hand a [`Tenant`] to handlers; [`service()`] takes the place of
//! [`warp::service`].
//!
//! ```
//! use tenancy_warp::{Caller, Tenancy, Tenant, Visitor, caller, optional_tenant, tenant, visitor};
//! use warp::{Filter, Rejection, Reply};
//!
//! async fn notes(tenant: Tenant) -> String {
//!     format!("notes of {}, shown to {}", tenant.id(), tenant.subject())
//! }
//!
//! async fn portal(visit: Visitor) -> String {
//!     format!("welcome to {}", visit.slug())
//! }
//!
//! async fn hello(tenant: Option<Tenant>) -> String {
//!     tenant.map_or("hello".into(), |tenant| format!("hello, {}", tenant.id()))
//! }
//!
//! async fn account(caller: Caller) -> String {
//!     format!("the account of {}", caller.subject())
//! }
//!
//! fn routes(tenancy: Tenancy) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone {
//!     // Path and method, then the tenant, then what else the handler takes.
//!     let notes = warp::path!("notes").and(warp::get()).and(tenant()).then(notes);
//!     let portal = warp::path!("portal").and(warp::get()).and(visitor()).then(portal);
//!     let hello = warp::path!("hello").and(warp::get()).and(optional_tenant()).then(hello);
//!     let account = warp::path!("account").and(warp::get()).and(caller()).then(account);
//!     let healthz = warp::path!("healthz").map(|| "ok");
//!     let of_tenants = tenancy.scoped(notes).or(tenancy.public(portal)).or(tenancy.optional(hello));
//!     of_tenants.or(tenancy.authenticated(account)).or(healthz)
//! }
//!
//! use hyper_util::rt::{TokioExecutor, TokioIo};
//! use hyper_util::server::conn::auto::Builder;
//! use hyper_util::service::TowerToHyperService;
//!
//! async fn serve(listener: tokio::net::TcpListener, tenancy: Tenancy) -> std::io::Result<()> {
//!     let service = TowerToHyperService::new(tenancy_warp::service(routes(tenancy)));
//!     loop {
//!         let (stream, _) = listener.accept().await?;
//!         let service = service.clone();
//!         tokio::spawn(async move {
//!             let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
//!         });
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! # use http::Request;
//! # use tower::ServiceExt;
//! // The stub is for tests: see `Tenancy::builder` for the real thing.
//! let service = tenancy_warp::service(routes(Tenancy::insecure_test_stub()));
//! let request = Request::get("/notes").header("x-tenant-id", "acme").body(String::new()).unwrap();
//! assert_eq!(service.clone().oneshot(request).await.unwrap().status(), 200);
//! let request = Request::get("/notes").body(String::new()).unwrap();
//! assert_eq!(service.oneshot(request).await.unwrap().status(), 401);
//! # }
//! ```
//!
//! The stub is no security at all.
//!
//! # A whole service
//!
//! The crate `tenancy` makes a [`Tenancy`] from one file, with tokens, a directory and a database. Its page
//! `getting_started::warp` says how to run this program, from `cargo new` on:
//!
//! ```ignore
//! //! A whole service: who the caller is, which tenant they act for, and that tenant's rows.
//!
//! use hyper_util::{rt::TokioExecutor, rt::TokioIo, server::conn::auto::Builder, service::TowerToHyperService};
//! use tenancy::Sqlite as Database;
//! use tenancy::sql::{ErrorKind, TenantDb};
//! use tenancy::warp::{Tenancy, Tenant, problem, tenant};
//! use warp::{Filter, http::StatusCode, reply::Response};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let opened = tenancy::open::<Database>("tenancy.toml").await?;
//!     let (tenancy, db) = (Tenancy::from(opened.tenancy.clone()), opened.db.clone());
//!     let notes = warp::path!("notes").and(tenant());
//!     let notes = notes.and(warp::any().map(move || db.clone()));
//!     let list = notes.clone().and(warp::get()).then(list);
//!     let note = warp::body::content_length_limit(65_536).and(warp::body::bytes());
//!     let add = notes.and(warp::post()).and(note).then(add);
//!     let service = TowerToHyperService::new(tenancy::warp::service(tenancy.scoped(list.or(add))));
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
//! async fn list(tenant: Tenant, db: TenantDb<Database>) -> Result<String, Response> {
//!     let mut tx = db.begin_read(&tenant).await.map_err(refuse)?;
//!     let select = sqlx::query_scalar("select body from notes order by body");
//!     let notes: Vec<String> = select.fetch_all(&mut *tx).await.map_err(refuse)?;
//!     Ok(notes.join("\n"))
//! }
//!
//! async fn add(tenant: Tenant, db: TenantDb<Database>, note: impl AsRef<[u8]>) -> Result<StatusCode, Response> {
//!     let mut tx = db.begin(&tenant).await.map_err(refuse)?;
//!     let insert = sqlx::query("insert into notes (body) values ($1)").bind(String::from_utf8_lossy(note.as_ref()));
//!     insert.execute(&mut *tx).await.map_err(refuse)?;
//!     tx.commit().await.map_err(refuse)?;
//!     Ok(StatusCode::CREATED)
//! }
//!
//! fn refuse(error: impl std::error::Error + 'static) -> Response {
//!     let kind = ErrorKind::of(&error);
//!     problem(kind.status(), kind.code(), kind.retry_after())
//! }
//! ```
//!
//! # Other paths and methods
//!
//! An access policy is decided on where its routes ask for the tenant, so a request with another path or method is not
//! refused, and goes on to the siblings. To enforce a 405 or a 404 too, extract the tenant before the
//! method, and in a last route of any path.
//!
//! A handler runs in the scope of its access policy, and so do the filters between [`tenant`] and the handler, and
//! the response's body. What stands outside of the access policy does not. A WebSocket is refused before the 101
//! where `warp::ws()` stands behind [`tenant`]; `on_upgrade` spawns a task of its own. Enter the scope in
//! it: `ws.on_upgrade(move |socket| context::scope(tenant.0, chat(socket)))`, with the
//! [`context`](tenancy_core::context).
//!
//! A connection is decided on once, and goes on after its tenant was suspended, unless it takes a [`Tenure`].
//!
//! Your own authentication, with [`ClaimsFromExtension`](tenancy_http::ClaimsFromExtension), is a tower layer
//! around the [`service()`]: a filter cannot put an extension on a request. A
//! [`TenancyLayer`](tenancy_http::TenancyLayer) may stand there too; access policies inside of it confirm and narrow.
//!
//! # One access policy for all routes
//!
//! Where all routes have one access policy, a [`TenancyLayer`](tenancy_http::TenancyLayer) around the [`service()`] costs less
//! than a policy around the routes: `tenancy.scoped().layer(tenancy_warp::service(routes))`, where `tenancy` is the
//! [`tenancy_http::Tenancy`] that a [`Tenancy`] is made from. The filters extract what they do under a policy. A request is
//! decided on before any route has matched, so that one of an unknown path is refused too.
//!
//! # CORS
//!
//! Put tower-http's `CorsLayer` around the [`service()`]. warp's own `cors` inside of it answers
//! preflights, but adds nothing to a refusal, which ends all filters: a script of another origin could not
//! read the status.
//!
//! # CONNECT
//!
//! warp's own `path::full`, `path::tail` and `path::peek` panic on a CONNECT request, which has no path. Put a filter
//! that refuses CONNECT before them.
//!
//! # Features
//!
//! - `cache`: [`tenancy_http`]'s caches of directories and authorizers.
//! - `config`: the types of the configuration, such as `TenancyConfig`, which reads the tables `[resolution]` and
//!   `[enforcement]`.
//! - `jwks`: key sets of issuers, fetched over HTTPS. Includes `jwt`.
//! - `jwt`: verification of bearer tokens.
//! - `limits`: limits of each tenant's requests, with [`TenancyBuilder::with_limits`](tenancy_http::TenancyBuilder).
//! - `metrics`, `spans`: what happens, for `metrics` and `tracing`: see [`tenancy_http`].
//! - `testing`: made-up tenants and a check for leaks, for the tests of applications: see
//!   [`tenancy_http`]. Turn it on under `[dev-dependencies]` alone.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
mod extract;
mod policy;
mod problem;
mod service;
mod slot;
mod tenancy;

pub use body::ResponseBody;
pub use extract::{
    Caller, Payload, Tenant, TenantRejection, Tenure, Visitor, caller, enforce, optional_tenant, payload, tenant,
    tenure, visitor,
};
pub use problem::problem;
pub use service::{TenancyService, service};
pub use tenancy::Tenancy;
pub use tenancy_http;
#[cfg(feature = "testing")]
pub use tenancy_http::testing;
#[cfg(feature = "config")]
pub use tenancy_http::{
    ClaimName, ConfigError, ConfigVersion, EnforcementConfig, MembershipKind, ResolutionConfig, TenancyConfig,
};
#[cfg(feature = "jwt")]
pub use tenancy_http::{JwtConfig, JwtConfigError, JwtIssuerConfig, JwtKeyConfig, JwtTokenCacheConfig};

/// The example of the package's README, as a doc test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
