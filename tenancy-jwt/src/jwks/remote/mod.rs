//! Key sets that are fetched, and fetched again.

mod address;
mod builder;
mod connect;
mod fetch;
mod https;
mod jwks;
mod refresh;
mod shared;

pub use address::AddressError;
pub use builder::{RemoteJwksBuilder, RemoteJwksError};
pub use connect::ConnectJwksError;
pub use fetch::{FetchedJwks, JwksFetcher};
pub use https::{FetchJwksError, HttpsJwks, HttpsJwksBuilder, HttpsJwksError};
pub use jwks::RemoteJwks;
