//! Multi-tenancy for axum.
//!
//! A layer around routes or whole routers sets their access policy; handlers take a [`Tenant`].
//!
//! ```
//! use axum::{Router, routing::get};
//! use tenancy_axum::{Caller, Tenancy, Tenant, Visitor};
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
//! fn app(tenancy: &Tenancy) -> Router {
//!     let scoped = Router::new().route("/notes", get(notes)).layer(tenancy.scoped());
//!     let public = Router::new().route("/portal", get(portal)).layer(tenancy.public());
//!     let optional = Router::new().route("/hello", get(hello)).layer(tenancy.optional());
//!     let account = Router::new().route("/account", get(account)).layer(tenancy.authenticated());
//!     let central = Router::new().route("/healthz", get(|| async { "ok" }));
//!     central.merge(scoped).merge(public).merge(optional).merge(account)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! # use axum::{body::Body, http::Request};
//! # use tower::ServiceExt;
//! // The stub is for tests: see `Tenancy::builder` for the real thing.
//! let app = app(&Tenancy::insecure_test_stub());
//! let request = Request::get("/notes").header("x-tenant-id", "acme").body(Body::empty()).unwrap();
//! assert_eq!(app.clone().oneshot(request).await.unwrap().status(), 200);
//! let request = Request::get("/notes").body(Body::empty()).unwrap();
//! assert_eq!(app.oneshot(request).await.unwrap().status(), 401);
//! # }
//! ```
//!
//! The stub is no security at all.
//!
//! # A whole service
//!
//! The crate `tenancy` makes a [`Tenancy`] from one file, with tokens, a directory and a database. Its page
//! `getting_started::axum` says how to run this program, from `cargo new` on:
//!
//! ```ignore
//! //! A whole service: who the caller is, which tenant they act for, and that tenant's rows.
//!
//! use axum::extract::State;
//! use axum::{Router, http::StatusCode, response::Response, routing::get};
//! use tenancy::Sqlite as Database;
//! use tenancy::axum::{Tenancy, Tenant, problem};
//! use tenancy::sql::{ErrorKind, TenantDb};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let opened = tenancy::open::<Database>("tenancy.toml").await?;
//!     let tenancy = Tenancy::from(opened.tenancy.clone());
//!     let notes = Router::new()
//!         .route("/notes", get(list).post(add))
//!         .layer(tenancy.scoped());
//!     let address = std::env::var("LISTEN").unwrap_or("127.0.0.1:3000".into());
//!     let listener = tokio::net::TcpListener::bind(address).await?;
//!     println!("listening on {}", listener.local_addr()?);
//!     Ok(axum::serve(listener, notes.with_state(opened.db.clone())).await?)
//! }
//!
//! async fn list(tenant: Tenant, State(db): State<TenantDb<Database>>) -> Result<String, Response> {
//!     let mut tx = db.begin_read(&tenant).await.map_err(refuse)?;
//!     let select = sqlx::query_scalar("select body from notes order by body");
//!     let notes: Vec<String> = select.fetch_all(&mut *tx).await.map_err(refuse)?;
//!     Ok(notes.join("\n"))
//! }
//!
//! async fn add(tenant: Tenant, State(db): State<TenantDb<Database>>, note: String) -> Result<StatusCode, Response> {
//!     let mut tx = db.begin(&tenant).await.map_err(refuse)?;
//!     let insert = sqlx::query("insert into notes (body) values ($1)").bind(note);
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
//! # What the layer reads
//!
//! The resolver `path` reads the path that the client sent, also inside a nested router. A service
//! around the router that rewrites paths (such as `NormalizePath`) hides it: the rewritten path is read.
//!
//! # CORS
//!
//! Put tower-http's `CorsLayer` outside of the access policies: the layer that is added last to the whole `Router`. There it
//! answers preflights, which carry no credentials and would be refused with 401 further in, and it adds its fields to
//! refusals, so that a script of another origin can read their status. Allow the fields that name the caller and the tenant:
//!
//! ```
//! use axum::http::{HeaderName, HeaderValue, Method, header::AUTHORIZATION};
//! use axum::{Router, routing::get};
//! use tenancy_axum::{Tenancy, Tenant};
//! use tower_http::cors::CorsLayer;
//!
//! async fn notes(tenant: Tenant) -> String {
//!     format!("notes of {}", tenant.id())
//! }
//!
//! fn app(tenancy: &Tenancy) -> Router {
//!     let cors = CorsLayer::new()
//!         .allow_origin([HeaderValue::from_static("https://app.example.com")])
//!         .allow_methods([Method::GET, Method::POST])
//!         .allow_headers([AUTHORIZATION, HeaderName::from_static("x-tenant-id")]);
//!     Router::new().route("/notes", get(notes)).layer(tenancy.scoped()).layer(cors)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! # use axum::{body::Body, http::Request};
//! # use tower::ServiceExt;
//! # let app = app(&Tenancy::insecure_test_stub());
//! # let preflight = Request::options("/notes")
//! #     .header("origin", "https://app.example.com")
//! #     .header("access-control-request-method", "GET");
//! # let answer = app.clone().oneshot(preflight.body(Body::empty()).unwrap()).await.unwrap();
//! # assert_eq!(answer.status(), 200);
//! # let refused = Request::get("/notes").header("origin", "https://app.example.com").body(Body::empty()).unwrap();
//! # let answer = app.oneshot(refused).await.unwrap();
//! # assert_eq!(answer.status(), 401);
//! # assert_eq!(answer.headers()["access-control-allow-origin"], "https://app.example.com");
//! # }
//! ```
//!
//! # What runs outside of the handler
//!
//! A WebSocket is refused before the 101. `on_upgrade` spawns a task of its own. Enter the scope in it:
//! `ws.on_upgrade(move |socket| context::scope(tenant.0, chat(socket)))`, with the
//! [`context`](tenancy_core::context).
//!
//! A connection is decided on once, and goes on after its tenant was suspended, unless it takes a [`Tenure`].
//!
//! axum adds `Allow` to every answer to a method that a path does not take, also to a refusal, and does so outside
//! of all layers. So strangers learn the methods of a path, and nothing of tenants. If that is too much, begin such
//! routes with `any` and a 405 of your own: `any(not_allowed).get(notes)`.
//!
//! # Features
//!
//! - `aide`: the extractors in handlers that [aide](https://docs.rs/aide) documents.
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

#[cfg(feature = "aide")]
mod documented;
mod extract;
mod problem;
mod tenancy;

pub use extract::{Caller, Payload, Tenant, TenantRejection, Tenure, Visitor};
pub use problem::problem;
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
