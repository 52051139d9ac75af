use crate::{
    Domain, FieldName, Host, HostSource, KeyForm, Malformed, RequestView, ReservedNames, Resolver, ResolverName,
    TenantKey,
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

impl Resolver for SubdomainResolver {
    fn name(&self) -> ResolverName {
        ResolverName::from_static("subdomain")
    }

    fn resolve(&self, request: &RequestView<'_>) -> Result<Option<TenantKey>, Malformed> {
        let Some(Host::Name(name)) = self.source.host(request)? else {
            return Ok(None);
        };
        let Some(label) = name.label_under(&self.base) else {
            return Ok(None);
        };
        if label.contains('.') || self.reserved.contains(label) {
            return Ok(None);
        }
        if label.starts_with('-') || label.ends_with('-') || label.contains('_') {
            return Err(Malformed::Tenant);
        }
        self.form
            .parse(label.as_bytes())
            .map(Some)
            .map_err(|_| Malformed::Tenant)
    }

    fn each_field(&self, visit: &mut dyn FnMut(&FieldName)) {
        if let Some(field) = self.source.forwarded_field() {
            visit(field);
        }
    }
}
