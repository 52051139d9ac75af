//! The tests of `tenancy-http`, in one binary.

#[cfg(feature = "jwt")]
#[path = "../../../tenancy-jwt/tests/it/jwks_support/mod.rs"]
mod jwks_support;
#[path = "../../../tenancy-jwt/tests/it/log/mod.rs"]
mod log;
#[cfg(feature = "jwt")]
mod providers_support;
#[cfg(feature = "jwt")]
#[path = "../../../tenancy-jwt/tests/it/token_support/mod.rs"]
mod token_support;

mod authenticator;
mod available;
mod bearer;
mod cached_directory;
mod explained;
mod grpc;
mod hyper;
mod impersonation;
mod issuer_bound;
#[cfg(feature = "testing")]
mod leak_check;
#[cfg(feature = "limits")]
mod limits;
mod payload;
mod providers;
mod providers_entra;
mod service;
mod staff;
mod tenure;
