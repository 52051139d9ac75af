//! Where the settings of tenants are stored.

use core::fmt;
use core::future::Future;
use std::boxed::Box;
use std::string::String;
use std::sync::Arc;

use crate::names::TenantId;

/// The settings of one tenant as they are stored: the text of a JSON object, and how often it was written.
///
/// Its `Debug` shows the revision alone, since settings may be secret.
#[derive(Clone, PartialEq, Eq)]
pub struct SettingsDocument {
    json: String,
    revision: u64,
}

impl SettingsDocument {
    /// A document of that revision. The text is not looked at here: it is the type of the application that parses it.
    #[must_use]
    pub fn new(json: impl Into<String>, revision: u64) -> Self {
        Self {
            json: json.into(),
            revision,
        }
    }

    /// The document of a tenant of whom no settings were ever written: an empty object of revision 0.
    #[must_use]
    pub fn empty() -> Self {
        Self::new("{}", 0)
    }

    /// The text of a JSON object.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// How often it was written: 0 if never.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }
}

impl fmt::Debug for SettingsDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettingsDocument")
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

/// A store of tenants' settings, such as a directory in a database.
///
/// It has three different answers: these settings, no such tenant, and the error, "I cannot tell". A tenant of whom no settings
/// were written has the [empty](SettingsDocument::empty) ones.
pub trait SettingsSource: Send + Sync {
    /// Why a query fails.
    type Error: core::error::Error + Send + Sync + 'static;

    /// The settings of a tenant, or `None` if there is no such tenant.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot tell.
    fn settings_of(
        &self,
        tenant: &TenantId,
    ) -> impl Future<Output = Result<Option<SettingsDocument>, Self::Error>> + Send;
}

macro_rules! forward_settings {
    ($($Pointer:ty),*) => {$(
        impl<S: SettingsSource + ?Sized> SettingsSource for $Pointer {
            type Error = S::Error;

            fn settings_of(
                &self,
                tenant: &TenantId,
            ) -> impl Future<Output = Result<Option<SettingsDocument>, Self::Error>> + Send {
                (**self).settings_of(tenant)
            }
        }
    )*};
}

forward_settings!(&S, Box<S>, Arc<S>);
