//! Tenancy beside other crates of axum. Each module is one application, and says what the other crate does, what tenancy
//! does, and where they meet.

pub mod login;
pub mod openapi;
pub mod openapi_by_aide;
pub mod sessions;

mod tenants;

pub use tenants::{SetUpError, Tenants, tenancy};
