//! What a request shows: its view, its credentials and their claims, and where its host is read.

mod actor;
mod bearer;
mod claims;
mod forwarded;
mod issuer_tenants;
mod payload;
pub(crate) mod percent;
mod view;

pub use actor::Actor;
pub use bearer::bearer_token;
#[cfg(feature = "std")]
pub use claims::Claims;
pub use claims::{ClaimPath, VerifiedClaims};
pub use forwarded::{ForwardedField, HostSource};
pub use issuer_tenants::IssuerTenants;
pub use payload::SharedPayload;
pub use view::{Credentials, HeaderList, Headers, HttpVersion, Occurrence, RequestView, Target};
