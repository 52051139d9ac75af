//! Who the caller is: credentials are read and verified, by bearer tokens or by an authentication of your own.

mod authenticator;
#[cfg(feature = "jwt")]
mod bearer;
mod staff;

pub use authenticator::{Authentication, Authenticator, ClaimsFromExtension};
pub use staff::PlatformStaff;
