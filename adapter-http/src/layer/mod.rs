//! The layer: a request is authenticated, decided on, and served in the scope of the tenant that it is bound to.

mod admit;
mod again;
mod binding;
mod body;
mod counting;
mod engines;
mod future;
mod guard;
#[cfg(any(feature = "metrics", feature = "spans"))]
mod labels;
mod layer;
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
#[cfg(feature = "metrics")]
pub(crate) use counting::ByTenant;
pub(crate) use counting::Counting;
#[cfg(feature = "limits")]
pub(crate) use counting::Limiting;
pub(crate) use engines::{engine_of, register};
pub use future::TenancyFuture;
pub use guard::RequestGuard;
pub use layer::{TenancyLayer, TenancyService};
#[cfg(feature = "metrics")]
pub use metrics::describe_metrics;
pub(crate) use parts::{BoxFuture, EngineParts, Vary};
pub(crate) use roll::{Entry, Roll};
