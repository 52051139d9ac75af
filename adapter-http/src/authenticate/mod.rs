//! Who the caller is: credentials are read and verified, by bearer tokens or by your own authentication.

mod authenticator;
#[cfg(feature = "jwt")]
mod bearer;
mod impersonation;
mod staff;

pub use authenticator::{Authenticator, ClaimsFromExtension, SharedClaims};
pub use impersonation::WithImpersonation;
pub use staff::PlatformStaff;
