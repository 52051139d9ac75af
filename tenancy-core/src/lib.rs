//! Which tenant does a request belong to, and may its caller act there?
//!
//! This crate decides both, and does nothing else: it is `no_std`, allocates nothing, performs no
//! I/O, reads no clock and cannot panic on a request. An adapter (or your own server) shows it a
//! [`RequestView`]; it answers with a [`Step`], and each step owns what comes next.
//!
//! ```
//! use tenancy_core::{
//!     Access, Credentials, Enforcer, HeaderList, HeaderResolver, HttpVersion, RequestView,
//!     ResolverChain, Step, Target,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let chain = ResolverChain::new().then(HeaderResolver::new("x-tenant-id".parse()?))?;
//! let enforcer = Enforcer::new(chain);
//!
//! let headers = [("x-tenant-id", b"acme".as_slice())];
//! let headers = HeaderList::new(&headers);
//! let request = RequestView {
//!     version: HttpVersion::Http11,
//!     target: Target::path("/portal"),
//!     headers: &headers,
//!     credentials: Credentials::Absent,
//! };
//!
//! // A public route asks for nothing but a look-up. A scoped one wants credentials first.
//! let Step::Lookup(lookup) = enforcer.begin(&request, Access::Public) else { panic!() };
//! assert_eq!(lookup.key().as_str(), "acme");
//!
//! let Step::Reject(rejection) = enforcer.begin(&request, Access::Scoped) else { panic!() };
//! assert_eq!((rejection.status(), rejection.code()), (401, "credentials_required"));
//! # Ok(()) }
//! ```
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
//! - `std`: the task-scoped [`context`], the in-memory directory, owned claims, the stub for tests.
//! - `serde` (with `std`): the configuration, see `config`.

#![no_std]

#[cfg(any(feature = "std", test))]
extern crate std;

mod admitted;
mod authorizer;
mod bearer;
mod chain;
mod claims;
mod directory;
mod drive;
mod enforcer;
mod forwarded;
mod host;
mod key;
mod name;
mod percent;
mod rejection;
mod request;
mod reserved;
mod resolver;
mod steps;
mod tenant;

#[cfg(feature = "serde")]
pub mod config;
#[cfg(feature = "std")]
pub mod context;
#[cfg(feature = "std")]
mod memory;
#[cfg(feature = "std")]
pub mod testing;

pub use admitted::{Admitted, Outcome, Visit};
pub use authorizer::{Authorizer, ClaimMembership, Decision, Membership};
pub use bearer::{BearerCredential, bearer_credential};
pub use chain::{AnyResolver, BuildChainError, MAX_RESOLVERS, OnConflict, ResolverChain};
#[cfg(feature = "std")]
pub use claims::Claims;
pub use claims::{ClaimPath, ParseClaimPathError, VerifiedClaims};
pub use directory::{Directory, TenantEntry};
pub use drive::{Fault, Refused, drive, drive_now};
pub use enforcer::{Access, Disclosure, Enforcer};
pub use forwarded::{ForwardedField, HostSource};
pub use host::{Host, parse_authority};
pub use key::{KeyForm, TenantKey};
#[cfg(feature = "std")]
pub use memory::{MemoryDirectory, MemoryDirectoryError, MemoryEntry};
pub use name::{
    Domain, ExternalId, FieldName, NameProblem, ParseNameError, ResolverName, Slug, StrategyName, Subject, TenantId,
};
pub use rejection::{Cause, Rejection};
pub use request::{Credentials, HeaderList, Headers, HttpVersion, Occurrence, RequestView, Target};
pub use reserved::ReservedNames;
pub use resolver::{
    ClaimResolver, CookieResolver, DomainResolver, HeaderResolver, Malformed, ParameterName, ParsePathTemplateError,
    PathResolver, PathTemplate, QueryResolver, Resolver, SubdomainResolver,
};
pub use steps::{Authorize, Lookup, Step};
pub use tenant::{TenantRecord, TenantStatus, UnknownStatus};
