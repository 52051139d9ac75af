use heapless::String;

use crate::host::Authority;
use crate::{
    Domain, FieldName, HostSource, KeyForm, Malformed, RequestView, ReservedNames, Resolver, ResolverName, TenantKey,
};

/// Reads the one label under a base domain: `acme` of `acme.app.example.com`.
///
/// The base itself, two labels under it, other names, addresses and reserved labels are no match. A
/// label that is no `[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?` (RFC 1035 §2.3.1, in lower case) is malformed.
#[derive(Clone, Debug)]
pub struct SubdomainResolver {
    base: Domain,
    form: KeyForm,
    reserved: ReservedNames,
    source: HostSource,
}

impl SubdomainResolver {
    /// Reads a slug from the label under `base`.
    #[must_use]
    pub fn new(base: Domain) -> Self {
        Self {
            base,
            form: KeyForm::Slug,
            reserved: ReservedNames::default(),
            source: HostSource::request(),
        }
    }

    /// Sets the form of the label. Default: [`KeyForm::Slug`].
    #[must_use]
    pub fn with_form(self, form: KeyForm) -> Self {
        Self { form, ..self }
    }

    /// Sets the labels that are no tenants. Default: [`ReservedNames::DEFAULT`].
    #[must_use]
    pub fn with_reserved(self, reserved: ReservedNames) -> Self {
        Self { reserved, ..self }
    }

    /// Sets where the authority is read. Default: [`HostSource::request`].
    #[must_use]
    pub fn with_source(self, source: HostSource) -> Self {
        Self { source, ..self }
    }
}

impl SubdomainResolver {
    /// Reads one label, in lower case.
    fn read(&self, label: &str) -> Result<Option<TenantKey>, Malformed> {
        if self.reserved.contains(label) {
            return Ok(None);
        }
        let bytes = label.as_bytes();
        if matches!(bytes, [b'-', ..] | [.., b'-']) || bytes.contains(&b'_') {
            return Err(Malformed::Tenant);
        }
        self.form.parse(bytes).map(Some).map_err(|_| Malformed::Tenant)
    }
}

/// The one label before `.base`, where the name is such a one. Upper and lower case are the same.
fn label_under<'n>(name: &'n str, base: &str) -> Option<&'n str> {
    let (before, under) = name.split_at_checked(name.len().checked_sub(base.len())?)?;
    let label = before.strip_suffix('.')?;
    (under.eq_ignore_ascii_case(base) && !label.bytes().any(|byte| byte == b'.')).then_some(label)
}

impl Resolver for SubdomainResolver {
    fn name(&self) -> ResolverName {
        ResolverName::from_static("subdomain")
    }

    fn resolve(&self, request: &RequestView<'_>) -> Result<Option<TenantKey>, Malformed> {
        let Some(Authority::Name(name)) = self.source.authority(request)? else {
            return Ok(None);
        };
        let Some(label) = label_under(name, self.base.as_str()) else {
            return Ok(None);
        };
        if label.bytes().any(|byte| byte.is_ascii_uppercase()) {
            let mut lower = String::<63, u8>::try_from(label).map_err(|_| Malformed::Tenant)?;
            lower.make_ascii_lowercase();
            self.read(&lower)
        } else {
            self.read(label)
        }
    }

    fn each_field(&self, visit: &mut dyn FnMut(&FieldName)) {
        if let Some(field) = self.source.forwarded_field() {
            visit(field);
        }
    }
}
