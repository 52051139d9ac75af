#[cfg(feature = "serde")]
use crate::config::{ConfigError, FromSettings, ResolutionConfig, Settings};
use crate::names::{Domain, FieldName, Host, ResolverName, TenantKey};
use crate::request::{HostSource, RequestView};
use crate::resolve::{Malformed, Resolver};

/// Reads the whole host name as a tenant's own domain: `notes.acme-corp.example`.
///
/// The base domain, names under it, and addresses are no match. The directory knows whose a name is.
#[derive(Clone, Debug, Default)]
pub struct DomainResolver {
    base: Option<Domain>,
    source: HostSource,
}

impl DomainResolver {
    /// The resolver's name, as configuration and provenance spell it.
    pub const NAME: &'static str = "domain";

    /// Reads any host name.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Leaves the base domain and the names under it to [`SubdomainResolver`](crate::resolve::SubdomainResolver).
    #[must_use]
    pub fn with_base(self, base: Domain) -> Self {
        Self {
            base: Some(base),
            ..self
        }
    }

    /// Sets where the authority is read. Default: [`HostSource::request`].
    #[must_use]
    pub fn with_source(self, source: HostSource) -> Self {
        Self { source, ..self }
    }
}

impl Resolver for DomainResolver {
    fn name(&self) -> ResolverName {
        ResolverName::from_static(Self::NAME)
    }

    fn resolve(&self, request: &RequestView<'_>) -> Result<Option<TenantKey>, Malformed> {
        let Some(Host::Name(name)) = self.source.host(request)? else {
            return Ok(None);
        };
        let is_ours = self
            .base
            .as_ref()
            .is_some_and(|base| name == *base || name.label_under(base).is_some());
        Ok((!is_ours).then_some(TenantKey::Domain(name)))
    }

    fn each_field(&self, visit: &mut dyn FnMut(&FieldName)) {
        if let Some(field) = self.source.forwarded_field() {
            visit(field);
        }
    }
}

#[cfg(feature = "serde")]
impl FromSettings for DomainResolver {
    fn from_settings(config: &ResolutionConfig) -> Result<Settings<Self>, ConfigError> {
        Ok(Settings::Complete(Self {
            base: config.base()?,
            source: config.host_source()?,
        }))
    }
}
