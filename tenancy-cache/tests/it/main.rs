//! The tests of `tenancy-cache`, in one binary.

mod cache_support;

mod cached_authorizer;
mod cached_directory;
mod invalidation;
#[cfg(feature = "metrics")]
mod metrics;
mod resident;
#[cfg(feature = "settings")]
mod settings;
mod thread_local_cache;
mod under_way;
