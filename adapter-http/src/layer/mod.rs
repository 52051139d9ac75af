//! The layer: a request is authenticated, decided about, and served in the scope of what it is bound to.

mod admission;
mod body;
mod engine;
mod future;
mod layer;

pub use admission::{Admission, OuterMark, bound};
pub use body::TenancyBody;
pub(crate) use engine::{Engine, EngineId, EngineParts};
pub use future::TenancyFuture;
pub use layer::{TenancyLayer, TenancyService};
