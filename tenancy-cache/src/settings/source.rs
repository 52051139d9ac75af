//! A source of settings whose type is erased, so that a handler's state names the settings alone.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;

use tenancy_core::directory::{SettingsDocument, SettingsSource};
use tenancy_core::names::TenantId;

pub(super) type BoxError = Box<dyn Error + Send + Sync>;

pub(super) type DocumentFuture<'s> =
    Pin<Box<dyn Future<Output = Result<Option<SettingsDocument>, BoxError>> + Send + 's>>;

/// As [`SettingsSource`].
pub(super) trait ErasedSource: Send + Sync {
    fn settings_of<'s>(&'s self, tenant: &'s TenantId) -> DocumentFuture<'s>;
}

impl<S: SettingsSource> ErasedSource for S {
    fn settings_of<'s>(&'s self, tenant: &'s TenantId) -> DocumentFuture<'s> {
        Box::pin(async move { Ok(SettingsSource::settings_of(self, tenant).await?) })
    }
}
