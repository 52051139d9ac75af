//! What a request names: a tenant, in one of four forms.

use core::fmt;

use crate::names::{Domain, ExternalId, ParseError, Slug, TenantId};
use crate::resolve::Malformed;

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

    /// A clone, into the slot where it stays.
    pub(crate) fn clone_into(&self, key: &mut Option<Self>) {
        let is_read = match self {
            Self::Id(id) => KeyForm::Id.read_into(id.as_str(), key).is_ok(),
            Self::Slug(slug) => KeyForm::Slug.read_into(slug.as_str(), key).is_ok(),
            Self::External(_) | Self::Domain(_) => false,
        };
        if !is_read {
            *key = Some(self.clone());
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
    pub fn parse(self, bytes: &[u8]) -> Result<TenantKey, ParseError> {
        match self {
            Self::Id => TenantId::parse(bytes).map(TenantKey::Id),
            Self::Slug => Slug::parse(bytes).map(TenantKey::Slug),
            Self::External => ExternalId::parse(bytes).map(TenantKey::External),
        }
    }

    /// As [`parse`](Self::parse), into the slot where the key stays: a key is large to move.
    pub(crate) fn parse_into(self, bytes: &[u8], key: &mut Option<TenantKey>) -> Result<(), Malformed> {
        // Too long for any name.
        if bytes.len() > ExternalId::MAX_LEN {
            return Err(Malformed::Tenant);
        }
        self.read_into(core::str::from_utf8(bytes).map_err(|_| Malformed::Tenant)?, key)
    }

    /// As [`parse_into`](Self::parse_into), of text. `key` is `None` afterwards if the text is not such a name.
    pub(crate) fn read_into(self, text: &str, key: &mut Option<TenantKey>) -> Result<(), Malformed> {
        // Ids and slugs are written where they stay: made elsewhere, they would be moved in pieces.
        let is_read = match self {
            Self::Id => match key.insert(TenantKey::Id(TenantId::blank())) {
                TenantKey::Id(id) => id.read(text),
                _ => false,
            },
            Self::Slug => match key.insert(TenantKey::Slug(Slug::blank())) {
                TenantKey::Slug(slug) => slug.read(text),
                _ => false,
            },
            Self::External => {
                *key = ExternalId::of(text).map(TenantKey::External);
                key.is_some()
            }
        };
        if is_read {
            Ok(())
        } else {
            *key = None;
            Err(Malformed::Tenant)
        }
    }
}
