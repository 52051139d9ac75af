//! Which tenant does a request belong to, and may its caller act there?
//!
//! This crate decides both, and does nothing else: it is `no_std`, allocates nothing, performs no
//! I/O, reads no clock and cannot panic on a request. An adapter (or your own server) shows it a
//! [`RequestView`]; it answers with a [`Step`], and each step owns what comes next.
//!
//! A server of your own, without any framework, needs no more than this:
//!
//! ```
//! use tenancy_core::directory::TenantRecord;
//! use tenancy_core::enforce::{Access, Enforcer, Outcome, Step};
//! use tenancy_core::names::{Subject, TenantKey};
//! use tenancy_core::request::{Credentials, HeaderList, HttpVersion, RequestView, Target, VerifiedClaims};
//! use tenancy_core::resolve::{HeaderResolver, PathResolver, ResolverChain};
//!
//! /// What your authentication knows of a caller.
//! struct Session {
//!     user: Subject,
//!     organisation: TenantKey,
//! }
//!
//! impl VerifiedClaims for Session {
//!     fn subject(&self) -> &Subject { &self.user }
//!     fn tenant(&self) -> Option<&TenantKey> { Some(&self.organisation) }
//!     fn lists(&self, _: &TenantRecord) -> bool { false }
//! }
//!
//! /// Answers with a status and what to say.
//! fn answer(enforcer: &Enforcer, request: &RequestView<'_>, tenants: &[TenantRecord]) -> (u16, String) {
//!     let mut key = None;
//!     let mut step = enforcer.begin(request, Access::Scoped, &mut key);
//!     loop {
//!         step = match step {
//!             Step::Lookup(lookup) => match tenants.iter().find(|tenant| tenant.answers_to(lookup.key())) {
//!                 Some(tenant) => lookup.found(tenant),
//!                 None => lookup.missing(),
//!             },
//!             Step::Authorize(authorize) => match authorize.claims().names(authorize.tenant()) {
//!                 true => authorize.allow(),
//!                 false => authorize.deny(),
//!             },
//!             Step::Done(Outcome::Admitted(admitted)) => break (200, format!("notes of {}", admitted.id())),
//!             Step::Done(_) => break (200, "no tenant".into()),
//!             Step::Reject(rejection) => break (rejection.status(), rejection.body().into()),
//!         }
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let chain = ResolverChain::new()
//!     .then(HeaderResolver::new("x-tenant-id".parse()?))?
//!     .then(PathResolver::new("/t/{tenant}".parse()?))?;
//! let enforcer = Enforcer::new(chain);
//! let tenants = [
//!     TenantRecord::new("acme".parse()?, "row".parse()?),
//!     TenantRecord::new("globex".parse()?, "row".parse()?),
//! ];
//!
//! let session = Session { user: "alice".parse()?, organisation: TenantKey::Id("acme".parse()?) };
//! let fields = [("x-tenant-id", b"acme".as_slice())];
//! let headers = HeaderList::new(&fields);
//! let mut request = RequestView {
//!     version: HttpVersion::Http11,
//!     target: Target::path("/notes"),
//!     headers: &headers,
//!     credentials: Credentials::Verified(&session),
//! };
//! assert_eq!(answer(&enforcer, &request, &tenants), (200, "notes of acme".into()));
//!
//! // Another's tenant, and no credentials.
//! let headers = HeaderList::new(&[]);
//! request = RequestView { target: Target::path("/t/globex/notes"), headers: &headers, ..request };
//! assert_eq!(answer(&enforcer, &request, &tenants).0, 403);
//! request = RequestView { credentials: Credentials::Absent, ..request };
//! assert_eq!(answer(&enforcer, &request, &tenants).0, 401);
//! # Ok(()) }
//! ```
//!
//! With the feature `std`, the page `custom_servers` describes what else a server must do.
//!
//! # The way of a request
//!
//! 1. [`Enforcer::begin`] reads the credentials' result, runs the [`ResolverChain`] and hands out
//!    a [`Lookup`] for the key that the request names.
//! 2. The look-up is answered from a [`Directory`]; an active tenant leads to [`Authorize`].
//! 3. An [`Authorizer`] allows or denies; only [`Authorize::allow`] makes an [`Admitted`].
//!
//! [`drive`] walks these steps over any directory and authorizer; [`drive_now`] does as much as
//! needs no waiting.
//!
//! # Features
//!
//! - `std`: the task-scoped [`context`], the in-memory directory, owned claims, changes that invalidate
//!   cached answers, the clocks that these expire by, the stub for tests.
//! - `serde` (with `std`): the configuration, see `config`.
//! - `testing` (with `std`): tenants for the tests of applications, see [`testing`]. Turn it on under `[dev-dependencies]` alone.
//!
//! [`Directory`]: directory::Directory
//! [`Authorizer`]: directory::Authorizer
//! [`Admitted`]: enforce::Admitted
//! [`Authorize`]: enforce::Authorize
//! [`Authorize::allow`]: enforce::Authorize::allow
//! [`Enforcer::begin`]: enforce::Enforcer::begin
//! [`Lookup`]: enforce::Lookup
//! [`Step`]: enforce::Step
//! [`drive`]: enforce::drive
//! [`drive_now`]: enforce::drive_now
//! [`RequestView`]: request::RequestView
//! [`ResolverChain`]: resolve::ResolverChain

#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(feature = "std", test))]
extern crate std;

#[cfg(feature = "std")]
pub mod clock;
pub mod directory;
pub mod enforce;
pub mod lifecycle;
pub mod names;
pub mod request;
pub mod resolve;

#[cfg(feature = "serde")]
pub mod config;
#[cfg(feature = "std")]
pub mod context;
#[cfg(all(feature = "std", any(doc, doctest)))]
#[doc = include_str!("../docs/custom-servers.md")]
pub mod custom_servers {}
#[cfg(feature = "std")]
pub mod testing;

/// The example of the package's README, as a doc test.
#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
mod readme {}
