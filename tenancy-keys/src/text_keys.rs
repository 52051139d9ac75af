//! Keys that are text.

use tenancy_core::enforce::Visit;
use tenancy_core::names::TenantId;

use crate::Namespace;

/// Makes keys of one kind that are text, for a store that all tenants share: `sessions:acme:alice`.
///
/// Two keys are equal only if their namespaces, tenants and own keys are: neither a namespace nor a tenant's id has the separator, so
/// what stands behind the second one is the own key, as it is. No key of one tenant begins as another's do.
///
/// With the feature `redis` it finds and deletes a tenant's keys.
///
/// ```
/// use tenancy_core::enforce::Visit;
/// use tenancy_keys::TextKeys;
///
/// # fn session(tenant: &Visit) -> Result<(), Box<dyn std::error::Error>> {
/// let sessions = TextKeys::new("sessions".parse()?);
/// let key: String = sessions.key(tenant, "alice");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "cache key")]
#[doc(alias = "prefix")]
pub struct TextKeys {
    namespace: Namespace,
}

/// What stands between namespace, tenant and key.
const SEPARATOR: char = ':';

impl TextKeys {
    /// Keys in this namespace.
    #[must_use]
    pub const fn new(namespace: Namespace) -> Self {
        Self { namespace }
    }

    /// A key of a tenant. The own key is any text, also one that a request names, and may be empty.
    #[must_use]
    pub fn key(&self, tenant: &Visit, key: &str) -> String {
        let mut text = self.prefix_of(tenant.id());
        text.push_str(key);
        text
    }

    /// What all keys of a tenant begin with, and no others.
    pub(crate) fn prefix_of(&self, tenant: &TenantId) -> String {
        format!("{}{SEPARATOR}{tenant}{SEPARATOR}", self.namespace)
    }
}
