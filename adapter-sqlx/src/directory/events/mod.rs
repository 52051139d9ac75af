//! What has happened to tenants: written with each change, and read as an audit or an outbox.

mod attribution;
mod event;
mod reader;

pub use attribution::{Attribution, ParseReasonError, Reason};
pub use event::{EventKind, EventMember, TenantEvent};
pub(super) use event::{PendingEvent, unix_milliseconds};
pub use reader::{CursorName, EventReader, ParseCursorNameError};
