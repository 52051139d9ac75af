//! The application's own data of a tenant: a small JSON object beside the record, which no request loads by itself.

mod document;
mod metadata_error;
pub(super) mod store;

pub use document::TenantMetadata;
pub use metadata_error::MetadataError;
