//! The layer: a request is authenticated, decided on, and served in the scope of the tenant that it is bound to.

mod admit;
mod binding;
mod body;
mod future;
mod guard;
mod layer;
mod limiting;
mod log;
#[cfg(feature = "metrics")]
mod metrics;
mod observation;

pub use admit::Admission;
pub(crate) use admit::{Engine, EngineParts, Vary};
pub(crate) use binding::{Binding, EngineId};
pub use binding::{SavedBinding, bound};
pub use body::TenancyBody;
pub use future::TenancyFuture;
pub use guard::RequestGuard;
pub use layer::{TenancyLayer, TenancyService};
pub(crate) use limiting::Limiting;
#[cfg(feature = "metrics")]
pub use metrics::describe_metrics;
