//! Who the caller is: credentials are read and verified, by bearer tokens or by an your own authentication.

mod authenticator;
#[cfg(feature = "jwt")]
mod bearer;
mod staff;

pub use authenticator::{Authenticator, ClaimsFromExtension, SharedClaims};
pub use staff::PlatformStaff;
