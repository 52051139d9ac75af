use crate::names::trim;
use crate::names::{FieldName, KeyForm, ResolverName, TenantKey};
use crate::request::{Occurrence, RequestView};
use crate::resolve::{Malformed, Resolver};

/// Reads a header field, such as `X-Tenant-ID: acme`.
///
/// Two fields of the name, even equal ones, are malformed; so is an empty value, a list, an upper-case
/// id. Spaces and tabs around the value are no part of it, on HTTP/2 as well.
#[derive(Clone, Debug)]
pub struct HeaderResolver {
    field: FieldName,
    form: KeyForm,
}

impl HeaderResolver {
    /// Reads an id from the field of that name.
    #[must_use]
    pub const fn new(field: FieldName) -> Self {
        Self {
            field,
            form: KeyForm::Id,
        }
    }

    /// Sets the form of the value. Default: [`KeyForm::Id`].
    #[must_use]
    pub fn with_form(self, form: KeyForm) -> Self {
        Self { form, ..self }
    }
}

impl Resolver for HeaderResolver {
    fn name(&self) -> ResolverName {
        ResolverName::from_static("header")
    }

    fn resolve(&self, request: &RequestView<'_>) -> Result<Option<TenantKey>, Malformed> {
        let mut key = None;
        self.resolve_into(request, &mut key).map(|()| key)
    }

    fn resolve_into(&self, request: &RequestView<'_>, key: &mut Option<TenantKey>) -> Result<(), Malformed> {
        match request.headers.occurrence(&self.field) {
            Occurrence::Absent => Ok(()),
            Occurrence::Once(value) => self.form.parse_into(trim(value), key),
            Occurrence::Repeated => Err(Malformed::Tenant),
        }
    }

    fn each_field(&self, visit: &mut dyn FnMut(&FieldName)) {
        visit(&self.field);
    }
}
