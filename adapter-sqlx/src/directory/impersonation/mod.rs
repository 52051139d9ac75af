//! Who is let into a tenant for a while without being its member: grants that are redeemed once, and the sessions that come of them.

mod end;
mod error;
mod grant;
mod redeem;
mod secret;

pub(in crate::directory) use end::end_with_tenant;
pub use error::ImpersonateError;
pub use grant::{GrantedImpersonation, Impersonation, NewImpersonation};
pub use redeem::ImpersonationSession;
pub use secret::ImpersonationSecret;
