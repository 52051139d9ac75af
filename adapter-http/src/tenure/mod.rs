//! Connections that outlast their admission: WebSockets, server-sent events, streamed bodies.

mod credential;
mod schedule;
mod tenure;
mod while_admitted;

pub use tenure::{Tenure, tenure};
pub use while_admitted::{BodyWhileAdmitted, StreamWhileAdmitted};
