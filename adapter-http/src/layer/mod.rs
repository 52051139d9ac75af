//! The layer: a request is authenticated, decided on, and served in the scope of the tenant that it is bound to.

mod admit;
mod binding;
mod body;
mod future;
mod layer;

pub use admit::Admission;
pub(crate) use admit::{Engine, EngineParts};
pub(crate) use binding::EngineId;
pub use binding::{SavedBinding, bound};
pub use body::TenancyBody;
pub use future::TenancyFuture;
pub use layer::{TenancyLayer, TenancyService};
