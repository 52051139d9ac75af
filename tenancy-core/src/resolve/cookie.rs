#[cfg(feature = "serde")]
use crate::config::{ConfigError, FromSettings, ResolutionConfig, Settings, parse_setting};
use crate::names::{FieldName, KeyForm, ResolverName, TenantKey};
use crate::names::{split_at_byte, trim};
use crate::request::{Occurrence, RequestView};
use crate::resolve::query::ParameterName;
use crate::resolve::{Malformed, Resolver};

/// Reads a cookie (RFC 6265 §4.2).
///
/// Several `Cookie` fields, as HTTP/2 splits them (RFC 9113 §8.2.3), are one list. A name that occurs
/// twice is malformed.
///
/// # Security
///
/// Any host under a parent domain can set the cookie. It is a claim, as every source is: membership
/// decides.
#[derive(Clone, Debug)]
pub struct CookieResolver {
    cookie: ParameterName,
    form: KeyForm,
    field: FieldName,
}

impl CookieResolver {
    /// The resolver's name, as configuration and provenance spell it.
    pub const NAME: &'static str = "cookie";

    /// Reads a slug from the cookie of that name.
    #[must_use]
    pub fn new(cookie: ParameterName) -> Self {
        Self {
            cookie,
            form: KeyForm::Slug,
            field: FieldName::from_static("cookie"),
        }
    }

    /// Sets the form of the value. Default: [`KeyForm::Slug`].
    #[must_use]
    pub fn with_form(self, form: KeyForm) -> Self {
        Self { form, ..self }
    }
}

impl Resolver for CookieResolver {
    fn name(&self) -> ResolverName {
        ResolverName::from_static(Self::NAME)
    }

    fn resolve(&self, request: &RequestView<'_>) -> Result<Option<TenantKey>, Malformed> {
        let mut occurrence = Occurrence::Absent;
        request.headers.each(&self.field, &mut |field| {
            for pair in field.split(|byte| *byte == b';') {
                let (name, value) = split_at_byte(pair, b'=').unwrap_or((pair, b""));
                if trim(name) == self.cookie.as_str().as_bytes() {
                    occurrence = occurrence.and(trim(value));
                }
            }
        });
        match occurrence {
            Occurrence::Absent => Ok(None),
            Occurrence::Once(value) => self.form.parse(value).map(Some).map_err(|_| Malformed::Tenant),
            Occurrence::Repeated => Err(Malformed::Tenant),
        }
    }

    fn each_field(&self, visit: &mut dyn FnMut(&FieldName)) {
        visit(&self.field);
    }
}

#[cfg(feature = "serde")]
impl FromSettings for CookieResolver {
    fn from_settings(config: &ResolutionConfig) -> Result<Settings<Self>, ConfigError> {
        const KEY: &str = "resolution.cookie_name";
        Ok(match &config.cookie_name {
            Some(text) => Settings::Complete(Self::new(parse_setting(KEY, text)?).with_form(config.cookie_form)),
            None => Settings::Lack(KEY),
        })
    }
}
