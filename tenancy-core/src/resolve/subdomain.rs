use heapless::String;

#[cfg(feature = "serde")]
use crate::config::{ConfigError, FromSettings, ResolutionConfig, Settings};
use crate::names::Authority;
use crate::names::{Domain, FieldName, KeyForm, ReservedNames, ResolverName, TenantKey};
use crate::request::{HostSource, RequestView};
use crate::resolve::{Malformed, Resolver};

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
    /// The resolver's name, as configuration and provenance spell it.
    pub const NAME: &'static str = "subdomain";

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

/// What an authority is, as far as can be seen without reading it to its grammar.
enum Plain<'t> {
    /// The base domain, and nothing else.
    Apex,
    /// A label in canonical form under the base domain, and nothing else: the grammar has nothing to add.
    Label(&'t str),
    Other,
}

impl SubdomainResolver {
    /// Most requests name a host as its tenants' links do. Those need not be read byte by byte.
    fn plain<'t>(&self, text: &'t [u8]) -> Plain<'t> {
        let base = self.base.as_str().as_bytes();
        let Some(before) = text.strip_suffix(base) else {
            return Plain::Other;
        };
        let Some(label) = before.strip_suffix(b".") else {
            return if before.is_empty() { Plain::Apex } else { Plain::Other };
        };
        // Under a base of numbers the name may be an address.
        let is_plain =
            is_plain_label(label) && text.len() <= Domain::MAX_LEN && !base.first().is_some_and(u8::is_ascii_digit);
        match core::str::from_utf8(label) {
            Ok(label) if is_plain => Plain::Label(label),
            _ => Plain::Other,
        }
    }

    /// Reads one label, in lower case.
    fn read(&self, label: &str, key: &mut Option<TenantKey>) -> Result<(), Malformed> {
        if self.reserved.contains(label) {
            return Ok(());
        }
        let bytes = label.as_bytes();
        if matches!(bytes, [b'-', ..] | [.., b'-']) || bytes.contains(&b'_') {
            return Err(Malformed::Tenant);
        }
        self.form.read_into(label, key)
    }
}

/// `[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?`.
fn is_plain_label(label: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
    label.len() <= 63 && !matches!(label, [] | [b'-', ..] | [.., b'-']) && label.iter().all(is_plain)
}

/// The one label before `.base`, where the name is such a one. Upper and lower case are the same.
fn label_under<'n>(name: &'n str, base: &str) -> Option<&'n str> {
    let (before, under) = name.split_at_checked(name.len().checked_sub(base.len())?)?;
    let label = before.strip_suffix('.')?;
    (under.eq_ignore_ascii_case(base) && !label.bytes().any(|byte| byte == b'.')).then_some(label)
}

impl Resolver for SubdomainResolver {
    fn name(&self) -> ResolverName {
        ResolverName::from_static(Self::NAME)
    }

    fn resolve(&self, request: &RequestView<'_>) -> Result<Option<TenantKey>, Malformed> {
        let mut key = None;
        self.resolve_into(request, &mut key).map(|()| key)
    }

    fn resolve_into(&self, request: &RequestView<'_>, key: &mut Option<TenantKey>) -> Result<(), Malformed> {
        match self.source.lone_authority(request).map(|text| self.plain(text)) {
            Some(Plain::Label(label)) if self.reserved.contains(label) => return Ok(()),
            Some(Plain::Label(label)) => return self.form.read_into(label, key),
            Some(Plain::Apex) => return Ok(()),
            Some(Plain::Other) | None => {}
        }
        let Some(Authority::Name(name)) = self.source.authority(request)? else {
            return Ok(());
        };
        let Some(label) = label_under(name, self.base.as_str()) else {
            return Ok(());
        };
        if label.bytes().any(|byte| byte.is_ascii_uppercase()) {
            let mut lower = String::<63, u8>::try_from(label).map_err(|_| Malformed::Tenant)?;
            lower.make_ascii_lowercase();
            self.read(&lower, key)
        } else {
            self.read(label, key)
        }
    }

    fn each_field(&self, visit: &mut dyn FnMut(&FieldName)) {
        if let Some(field) = self.source.forwarded_field() {
            visit(field);
        }
    }
}

#[cfg(feature = "serde")]
impl FromSettings for SubdomainResolver {
    fn from_settings(config: &ResolutionConfig) -> Result<Settings<Self>, ConfigError> {
        let (reserved, source) = (config.reserved_names()?, config.host_source()?);
        Ok(match config.base()? {
            Some(base) => Settings::Complete(
                Self::new(base)
                    .with_form(config.subdomain_form)
                    .with_reserved(reserved)
                    .with_source(source),
            ),
            None => Settings::Lack("resolution.base_domain"),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;
    use crate::request::{Credentials, HeaderList, HttpVersion, Target};

    fn resolve(resolver: &SubdomainResolver, host: &str) -> Result<Option<TenantKey>, Malformed> {
        let fields = [("host", host.as_bytes())];
        resolver.resolve(&RequestView {
            version: HttpVersion::Http11,
            target: Target::path("/"),
            headers: &HeaderList::new(&fields),
            credentials: Credentials::Absent,
        })
    }

    /// A port sends a host the long way, to the whole grammar. Both ways must come to one answer.
    #[test]
    fn the_short_way_answers_as_the_long_one() {
        let long = "x".repeat(63);
        let hosts = [
            "BASE",
            ".BASE",
            "a.BASE",
            "a-b.BASE",
            "-a.BASE",
            "a-.BASE",
            "-.BASE",
            "a_b.BASE",
            "A.BASE",
            "a.b.BASE",
            "a..BASE",
            "xBASE",
            "a.xBASE",
            "www.BASE",
            "4.BASE",
            "44.BASE",
            "a,b.BASE",
            "é.BASE",
            "a b.BASE",
            "",
            ".",
            "a%61.BASE",
            "other.example",
            "BASE.",
            "a.BASE.",
            "BASE.other",
            "LONG.BASE",
            "xLONG.BASE",
        ];
        for base in ["app.example.com", "localhost", "1.2.3", "3.example", "1.2.3.4.5"] {
            let resolver = SubdomainResolver::new(base.parse().unwrap());
            for host in hosts {
                let host = host.replace("LONG", &long).replace("BASE", base);
                let long_way = resolve(&resolver, &format!("{host}:80"));
                assert_eq!(resolve(&resolver, &host), long_way, "{host}");
            }
        }
        let base = format!("{0}.{0}.{0}.{1}", "x".repeat(62), "y".repeat(61));
        let resolver = SubdomainResolver::new(base.parse().unwrap());
        for label in ["a", "ab", "abc", "abcd"] {
            let host = format!("{label}.{base}");
            assert_eq!(
                resolve(&resolver, &host),
                resolve(&resolver, &format!("{host}:80")),
                "{host}"
            );
        }
    }
}
