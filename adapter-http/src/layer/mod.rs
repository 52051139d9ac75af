//! The layer: a request is authenticated, decided on, and served in the scope of the tenant that it is bound to.

mod admit;
mod binding;
mod body;
mod counting;
mod future;
mod guard;
mod layer;
mod log;
#[cfg(feature = "metrics")]
mod metrics;
mod observation;

pub use admit::Admission;
pub(crate) use admit::{Engine, EngineParts, Vary};
pub(crate) use binding::{Binding, EngineId};
pub use binding::{SavedBinding, bound};
pub use body::TenancyBody;
#[cfg(feature = "metrics")]
pub(crate) use counting::ByTenant;
pub(crate) use counting::Counting;
#[cfg(feature = "limits")]
pub(crate) use counting::Limiting;
pub use future::TenancyFuture;
pub use guard::RequestGuard;
pub use layer::{TenancyLayer, TenancyService};
#[cfg(feature = "metrics")]
pub use metrics::describe_metrics;
