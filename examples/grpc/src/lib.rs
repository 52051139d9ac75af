//! A gRPC service under tenancy. The layer of `tenancy-http` stands around tonic's server; handlers take the tenant from
//! the request's extensions, and streams find it in the context.
//!
//! The service is the health check of gRPC, which has a unary and a streaming call, so that no code is generated here. A
//! tenant's members learn whether their tenant is served.

mod health;
mod server;

pub use health::{TenantHealth, refused};
pub use server::serve;
