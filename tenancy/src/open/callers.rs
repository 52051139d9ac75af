//! Who verifies callers: what code gives, or the issuers of the file.

#[cfg(feature = "jwt")]
use std::sync::Arc;

use super::database::{OpenDatabase, Opens};
use super::lookups::Authenticates;
#[cfg(feature = "jwt")]
use super::lookups::Issuers;
use crate::file::{Check, refuse_unused};

/// What code says of who verifies callers.
pub(super) struct Callers<DB: OpenDatabase> {
    pub(super) authenticator: Option<Box<dyn Authenticates<DB>>>,
    /// Whether the authenticator stands in place of the file's issuers, and may be there beside them.
    pub(super) replaces_table: bool,
    /// Whether the busiest tenants are a label of metrics.
    #[cfg(feature = "metrics")]
    pub(super) labels_tenants: bool,
    /// Whether those are let in who have redeemed a grant of impersonation.
    pub(super) impersonation: bool,
    #[cfg(feature = "jwt")]
    pub(super) payload: Option<crate::file::WithPayload>,
}

impl<DB: OpenDatabase> Default for Callers<DB> {
    fn default() -> Self {
        Self {
            authenticator: None,
            replaces_table: false,
            #[cfg(feature = "metrics")]
            labels_tenants: false,
            impersonation: false,
            #[cfg(feature = "jwt")]
            payload: None,
        }
    }
}

/// The one of the two that there is.
pub(super) fn authenticator_of<DB: OpenDatabase>(
    callers: Callers<DB>,
    config: &<DB as Opens>::Config,
    check: &mut Check,
) -> Option<Box<dyn Authenticates<DB>>> {
    let table = DB::jwt(config);
    if let Some(authenticator) = callers.authenticator {
        if callers.replaces_table {
            check_table::<DB>(config, check);
            return Some(authenticator);
        }
        refuse_unused(table, check);
        #[cfg(feature = "jwt")]
        if callers.payload.is_some() {
            check.missing(
                "jwt",
                "`with_payload` is about tokens of the table `[jwt]`, and `with_authenticator` verifies callers: remove one of \
                the two; an authenticator of your own supplies payloads by `Claims::with_payload`",
            );
        }
        return Some(authenticator);
    }
    #[cfg(feature = "jwt")]
    if let Some(table) = table {
        let verifier = crate::file::build_verifier(table, &DB::tenancy(config), callers.payload, check)?;
        return Some(Box::new(Issuers(Arc::new(verifier))));
    }
    check.missing(
        "jwt",
        "nothing says who callers are: add a table `[jwt]`, or call `with_authenticator`; a process without HTTP calls \
        `without_http`",
    );
    None
}

/// Notes what is wrong with the issuers of the file, which are not used.
fn check_table<DB: OpenDatabase>(config: &<DB as Opens>::Config, check: &mut Check) {
    #[cfg(feature = "jwt")]
    if let Some(table) = DB::jwt(config) {
        crate::file::build_verifier(table, &DB::tenancy(config), None, check);
    }
    #[cfg(not(feature = "jwt"))]
    let _ = (config, check);
}
