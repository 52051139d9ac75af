//! The names of issuers: one, or one for each tenant.

use tenancy_core::names::ExternalId;

/// What the `iss` of an issuer's tokens is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IssuerName {
    text: String,
    /// Where the text is a template: what stands before the tenant, and what behind.
    around: Option<(String, String)>,
}

impl IssuerName {
    /// This name, byte for byte.
    pub(crate) const fn exact(text: String) -> Self {
        Self { text, around: None }
    }

    /// The names that have a tenant in the place of `placeholder`. It stands there once, behind something.
    pub(crate) fn template(text: &str, placeholder: &str) -> Option<Self> {
        let (before, behind) = text.split_once(placeholder)?;
        let is_whole = !before.is_empty() && !before.contains(['{', '}']) && !behind.contains(['{', '}']);
        is_whole.then(|| Self {
            text: text.to_owned(),
            around: Some((before.to_owned(), behind.to_owned())),
        })
    }

    /// As it was configured.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) const fn is_template(&self) -> bool {
        self.around.is_some()
    }

    pub(crate) fn is(&self, iss: &str) -> bool {
        match self.around {
            Some(_) => self.tenant_in(iss).is_some(),
            None => self.text == iss,
        }
    }

    /// The tenant that stands in a name of this template: never more than one part of an address, since
    /// no form of a tenant has a slash.
    pub(crate) fn tenant_in<'i>(&self, iss: &'i str) -> Option<&'i str> {
        let (before, behind) = self.around.as_ref()?;
        let tenant = iss.strip_prefix(before.as_str())?.strip_suffix(behind.as_str())?;
        ExternalId::parse(tenant.as_bytes()).is_ok().then_some(tenant)
    }

    /// Whether some `iss` may be of both. Two templates are told apart by what stands around the tenant.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        match (&self.around, &other.around) {
            (_, None) => self.is(&other.text),
            (None, Some(_)) => other.is(&self.text),
            (Some((before, behind)), Some((its_before, its_behind))) => {
                (before.starts_with(its_before) || its_before.starts_with(before))
                    && (behind.ends_with(its_behind) || its_behind.ends_with(behind))
            }
        }
    }
}
