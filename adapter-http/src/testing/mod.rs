//! For the tests of applications: a tenancy of made-up tenants, and a check that a handler leaks nothing between them.
//!
//! It is the feature `testing`, which is off by default. Turn it on under `[dev-dependencies]` alone.
//!
//! ```
//! use http::{Request, Response};
//! use http_body_util::BodyExt;
//! use tenancy_core::context;
//! use tenancy_http::Tenancy;
//! use tenancy_http::testing::{TestTenant, tenancy_of};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! async fn hello(_: Request<String>) -> Result<Response<String>, std::convert::Infallible> {
//!     let tenant = context::current().expect("the layer binds a tenant");
//!     Ok(Response::new(format!("hello, {} of {}", tenant.subject(), tenant.id())))
//! }
//!
//! // The one line. On each framework `Tenancy` is that of its adapter.
//! let tenancy: Tenancy = tenancy_of([TestTenant::new("acme").with_subject("alice").with_role("editor")]);
//!
//! let service = ServiceBuilder::new().layer(tenancy.scoped()).service_fn(hello);
//! let answer = service.oneshot(Request::new(String::new())).await?;
//! let body = answer.into_body().collect().await?.to_bytes();
//! assert_eq!(body, "hello, alice of acme");
//! # Ok(()) }
//! ```

mod collect;
mod encoded;
mod leak;
mod leak_check;
mod mark;
mod pair;
mod side;
mod tenancy_of;

pub use collect::collect;
pub use leak::Leak;
pub use leak_check::LeakCheck;
pub use mark::Mark;
pub use tenancy_core::testing::{TestTenant, TestTenants};
#[cfg(feature = "jwt")]
pub use tenancy_jwt::testing::{TestIssuer, TestToken};
pub use tenancy_of::tenancy_of;
