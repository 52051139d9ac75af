//! A custom resolver: the tenant from a signed cookie session.
//!
//! A caller who signs in gets a cookie that holds a tenant, a subject and an end, signed by the server. Three parts read it:
//!
//! - [`session`]: the cookie itself, written and verified in one place.
//! - [`resolver`]: a [`Resolver`](tenancy_core::resolve::Resolver) that takes the tenant from it.
//! - [`authenticator`]: an [`Authenticator`](tenancy_http::Authenticator) that takes the caller from it.
//!
//! [`app`] puts them together: `POST /login`, and `GET /notes` for members alone.

pub mod app;
pub mod authenticator;
pub mod resolver;
pub mod session;
