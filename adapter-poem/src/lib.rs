//! Multi-tenancy for poem.
//!
//! A middleware around endpoints or whole route tables sets their access policy; handlers take a [`Tenant`].
//!
//! ```
//! use poem::{EndpointExt, Route, get, handler};
//! use tenancy_poem::{Caller, MaybeTenant, Tenancy, Tenant, Visitor};
//!
//! #[handler]
//! async fn notes(tenant: Tenant) -> String {
//!     format!("notes of {}, shown to {}", tenant.id(), tenant.subject())
//! }
//!
//! #[handler]
//! async fn portal(visit: Visitor) -> String {
//!     format!("welcome to {}", visit.slug())
//! }
//!
//! #[handler]
//! async fn hello(MaybeTenant(tenant): MaybeTenant) -> String {
//!     tenant.map_or("hello".into(), |tenant| format!("hello, {}", tenant.id()))
//! }
//!
//! #[handler]
//! async fn account(caller: Caller) -> String {
//!     format!("the account of {}", caller.subject())
//! }
//!
//! #[handler]
//! async fn healthz() -> &'static str {
//!     "ok"
//! }
//!
//! fn app(tenancy: &Tenancy) -> Route {
//!     Route::new()
//!         .nest("/notes", Route::new().at("/", get(notes)).with(tenancy.scoped()))
//!         .at("/portal", get(portal).with(tenancy.public()))
//!         .at("/hello", get(hello).with(tenancy.optional()))
//!         .at("/account", get(account).with(tenancy.authenticated()))
//!         .at("/healthz", get(healthz))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! # use poem::{Endpoint, Request};
//! // The stub is for tests: see `Tenancy::builder` for the real thing.
//! let app = app(&Tenancy::insecure_test_stub());
//! let request = Request::builder().uri_str("/notes").header("x-tenant-id", "acme").finish();
//! assert_eq!(app.get_response(request).await.status(), 200);
//! let request = Request::builder().uri_str("/notes").finish();
//! assert_eq!(app.get_response(request).await.status(), 401);
//! # }
//! ```
//!
//! The stub is no security at all.
//!
//! # A whole service
//!
//! The crate `tenancy` makes a [`Tenancy`] from one file, with tokens, a directory and a database. Its page
//! `getting_started::poem` says how to run this program, from `cargo new` on:
//!
//! ```ignore
//! //! A whole service: who the caller is, which tenant they act for, and that tenant's rows.
//!
//! use poem::listener::{Acceptor, Listener, TcpListener};
//! use poem::{EndpointExt, Route, Server, get, handler, http::StatusCode, web::Data};
//! use tenancy::Sqlite as Database;
//! use tenancy::poem::{Tenancy, Tenant, problem};
//! use tenancy::sql::{ErrorKind, TenantDb};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let opened = tenancy::open::<Database>("tenancy.toml").await?;
//!     let tenancy = Tenancy::from(opened.tenancy.clone());
//!     let notes = Route::new().at("/notes", get(list).post(add)).with(tenancy.scoped());
//!     let address = std::env::var("LISTEN").unwrap_or("127.0.0.1:3000".into());
//!     let acceptor = TcpListener::bind(address).into_acceptor().await?;
//!     for address in acceptor.local_addr() {
//!         println!("listening on {address}");
//!     }
//!     Ok(Server::new_with_acceptor(acceptor)
//!         .run(notes.data(opened.db.clone()))
//!         .await?)
//! }
//!
//! #[handler]
//! async fn list(tenant: Tenant, Data(db): Data<&TenantDb<Database>>) -> poem::Result<String> {
//!     let mut tx = db.begin_read(&tenant).await.map_err(refuse)?;
//!     let select = sqlx::query_scalar("select body from notes order by body");
//!     let notes: Vec<String> = select.fetch_all(&mut *tx).await.map_err(refuse)?;
//!     Ok(notes.join("\n"))
//! }
//!
//! #[handler]
//! async fn add(tenant: Tenant, Data(db): Data<&TenantDb<Database>>, note: String) -> poem::Result<StatusCode> {
//!     let mut tx = db.begin(&tenant).await.map_err(refuse)?;
//!     let insert = sqlx::query("insert into notes (body) values ($1)").bind(note);
//!     insert.execute(&mut *tx).await.map_err(refuse)?;
//!     tx.commit().await.map_err(refuse)?;
//!     Ok(StatusCode::CREATED)
//! }
//!
//! fn refuse(error: impl std::error::Error + 'static) -> poem::Error {
//!     let kind = ErrorKind::of(&error);
//!     poem::Error::from_response(problem(kind.status(), kind.code(), kind.retry_after()))
//! }
//! ```
//!
//! # What stands inside an access policy
//!
//! Errors of the endpoints inside become responses there, so that they carry `Vary` too: `catch_error`
//! and the like belong inside the access policy. So does what poem itself answers: a `Route` under an access policy
//! answers 404 to members only.
//!
//! A WebSocket's `on_upgrade` runs in a task of its own, after the request. Enter the scope in it:
//! `ws.on_upgrade(move |socket| context::scope(tenant.0, chat(socket)))`, with the
//! [`context`](tenancy_core::context).
//!
//! A connection is decided on once, and goes on after its tenant was suspended, unless it takes a [`Tenure`].
//!
//! # CORS
//!
//! poem's `Cors` goes outside of the access policies, so that it answers preflights. List its origins: if it
//! allows all, or decides by a function or a wildcard, poem 3.1 replaces `Vary` with `Origin` alone, and a
//! shared cache may then serve a public page of one tenant to the visitor of another.
//!
//! # Where the client's path is read
//!
//! The resolvers read the URI that the client sent, [`Request::original_uri`](poem::Request::original_uri),
//! also under `nest` and `NormalizePath`. Requests from `Request::builder` and from poem's `TestClient` have
//! none, and read as `/`. To test a path resolver, build the request from parts:
//!
//! ```
//! use poem::http::{self, uri::Scheme};
//! use poem::web::{LocalAddr, RemoteAddr};
//! use poem::{Request, RequestParts};
//!
//! let (parts, ()) = http::Request::get("/t/acme/notes").body(()).unwrap().into_parts();
//! let parts = RequestParts::from((parts, LocalAddr::default(), RemoteAddr::default(), Scheme::HTTP));
//! let request = Request::from_parts(parts, ().into());
//! assert_eq!(request.original_uri().path(), "/t/acme/notes");
//! ```
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

mod extract;
mod middleware;
mod problem;
mod tenancy;

pub use extract::{Caller, MaybeTenant, Payload, Tenant, TenantRejection, Tenure, Visitor};
pub use middleware::{TenancyEndpoint, TenancyMiddleware};
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
