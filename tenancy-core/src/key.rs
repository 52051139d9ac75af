//! What a request names: a tenant, in one of four forms.

use core::fmt;

use crate::{Domain, ExternalId, Malformed, ParseNameError, Slug, TenantId};

/// The name of a tenant as a request gives it, not yet known to exist.
///
/// The forms are four key spaces: `acme` as an id and `acme` as a slug are different keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TenantKey {
    /// The immutable id.
    Id(TenantId),
    /// The name in addresses.
    Slug(Slug),
    /// An identity provider's organisation id.
    External(ExternalId),
    /// One of the tenant's own host names.
    Domain(Domain),
}

impl TenantKey {
    /// The key's text, without its form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Id(id) => id.as_str(),
            Self::Slug(slug) => slug.as_str(),
            Self::External(external) => external.as_str(),
            Self::Domain(domain) => domain.as_str(),
        }
    }

    /// Whether both keys are of one form, and so can be compared.
    #[must_use]
    pub fn is_of_same_form(&self, other: &Self) -> bool {
        core::mem::discriminant(self) == core::mem::discriminant(other)
    }
}

impl fmt::Display for TenantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match self {
            Self::Id(_) => "id",
            Self::Slug(_) => "slug",
            Self::External(_) => "external id",
            Self::Domain(_) => "domain",
        };
        write!(f, "{form} `{}`", self.as_str())
    }
}

/// The form in which a source names tenants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Deserialize, serde::Serialize),
    serde(rename_all = "lowercase")
)]
pub enum KeyForm {
    /// The tenant's id. The default of `header` and `jwt_claim`.
    Id,
    /// The tenant's slug. The default of `subdomain`, `path`, `query` and `cookie`.
    Slug,
    /// The identity provider's organisation id.
    External,
}

impl KeyForm {
    /// Parses untrusted bytes as a key of this form, exactly as they are.
    ///
    /// # Errors
    ///
    /// Where the bytes leave the form's alphabet or length.
    pub fn parse(self, bytes: &[u8]) -> Result<TenantKey, ParseNameError> {
        match self {
            Self::Id => TenantId::parse(bytes).map(TenantKey::Id),
            Self::Slug => Slug::parse(bytes).map(TenantKey::Slug),
            Self::External => ExternalId::parse(bytes).map(TenantKey::External),
        }
    }

    /// As [`parse`](Self::parse), into its place: a key is large to move.
    pub(crate) fn parse_into(self, bytes: &[u8], key: &mut Option<TenantKey>) -> Result<(), Malformed> {
        let malformed = |_| Malformed::Tenant;
        *key = Some(match self {
            Self::Id => TenantKey::Id(TenantId::parse(bytes).map_err(malformed)?),
            Self::Slug => TenantKey::Slug(Slug::parse(bytes).map_err(malformed)?),
            Self::External => TenantKey::External(ExternalId::parse(bytes).map_err(malformed)?),
        });
        Ok(())
    }
}
