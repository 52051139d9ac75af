//! The layer: a request is authenticated, decided on, and served in the scope of the tenant that it is bound to.

mod admit;
mod again;
mod binding;
mod body;
mod engines;
mod future;
mod guard;
mod layer;
mod limiting;
mod log;
#[cfg(feature = "metrics")]
mod metrics;
mod observation;
mod parts;
mod roll;

pub use admit::Admission;
pub(crate) use admit::Engine;
pub(crate) use binding::{Binding, BoundPayload, EngineId};
pub use binding::{SavedBinding, bound};
pub use body::TenancyBody;
pub(crate) use engines::{engine_of, register};
pub use future::TenancyFuture;
pub use guard::RequestGuard;
pub use layer::{TenancyLayer, TenancyService};
pub(crate) use limiting::Limiting;
#[cfg(feature = "metrics")]
pub use metrics::describe_metrics;
pub(crate) use parts::{BoxFuture, EngineParts, Vary};
pub(crate) use roll::{Entry, Roll};
