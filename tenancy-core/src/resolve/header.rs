#[cfg(feature = "serde")]
use crate::config::{ConfigError, FromSettings, ResolutionConfig, Settings, parse_setting};
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
    /// The resolver's name, as configuration and provenance spell it.
    pub const NAME: &'static str = "header";

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
        ResolverName::from_static(Self::NAME)
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

#[cfg(feature = "serde")]
impl FromSettings for HeaderResolver {
    fn from_settings(config: &ResolutionConfig) -> Result<Settings<Self>, ConfigError> {
        const KEY: &str = "resolution.header_name";
        let field = parse_setting::<FieldName>(KEY, &config.header_name)?;
        let is_taken = TAKEN_FIELDS.contains(&field.as_str())
            || TAKEN_PREFIXES.iter().any(|prefix| field.as_str().starts_with(prefix));
        if is_taken {
            let problem = std::format!("`{field}` has a meaning of its own, choose another field");
            return Err(ConfigError::new(KEY, problem));
        }
        Ok(Settings::Complete(Self::new(field).with_form(config.header_form)))
    }
}

/// Fields that mean something else already. A tenant in them would be read from what a proxy or the
/// protocol put there.
#[cfg(feature = "serde")]
const TAKEN_FIELDS: [&str; 18] = [
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "origin",
    "referer",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
];

/// As above, whatever follows.
#[cfg(feature = "serde")]
const TAKEN_PREFIXES: [&str; 5] = ["x-forwarded-", "x-original-", "x-http-method", "proxy-", "sec-"];
