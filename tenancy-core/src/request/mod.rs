//! What a request shows: its view, its credentials and their claims, and where its host is read.

mod actor;
mod bearer;
mod claim_path;
#[cfg(feature = "std")]
mod claims;
mod forwarded;
mod issuer_tenants;
mod payload;
pub(crate) mod percent;
mod verified_claims;
mod view;

pub use actor::Actor;
pub use bearer::bearer_token;
pub use claim_path::ClaimPath;
#[cfg(feature = "std")]
pub use claims::Claims;
pub use forwarded::{ForwardedField, HostSource};
pub use issuer_tenants::IssuerTenants;
pub use payload::SharedPayload;
pub use verified_claims::VerifiedClaims;
pub use view::{Credentials, HeaderList, Headers, HttpVersion, Occurrence, RequestView, Target};
