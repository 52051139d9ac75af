//! From settings to an enforcer.

use core::num::NonZeroU8;
use core::str::FromStr;
use std::format;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use crate::config::settings::{nearest, quoted};
use crate::config::{ConfigError, ResolutionConfig, TenancyConfig};
use crate::enforce::Enforcer;
use crate::names::{Domain, FieldName, ReservedNames, Slug};
use crate::request::HostSource;
use crate::resolve::{
    AnyResolver, BuildChainError, ClaimResolver, CookieResolver, DomainResolver, HeaderResolver, ParameterName,
    PathResolver, PathTemplate, QueryResolver, Resolver, ResolverChain, SubdomainResolver,
};

/// The resolvers that a configuration can name without further ado.
pub const RESOLVER_NAMES: [&str; 7] = ["header", "jwt_claim", "subdomain", "domain", "path", "query", "cookie"];

/// Fields that mean something else already. A tenant in them would be read from what a proxy or the
/// protocol put there.
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
const TAKEN_PREFIXES: [&str; 5] = ["x-forwarded-", "x-original-", "x-http-method", "proxy-", "sec-"];

/// Claims that every token has for another purpose (RFC 7519 §4.1).
const TAKEN_CLAIMS: [&str; 7] = ["aud", "exp", "iat", "iss", "jti", "nbf", "sub"];

impl TenancyConfig {
    /// Builds the enforcer that the settings describe.
    ///
    /// # Errors
    ///
    /// A value that cannot be used; a resolver that is unknown, repeated, or lacks the setting it
    /// needs; a chain without resolvers.
    pub fn enforcer(&self) -> Result<Enforcer, ConfigError> {
        self.enforcer_with(&[])
    }

    /// Builds the enforcer where `resolvers` may also name resolvers of your own.
    ///
    /// # Errors
    ///
    /// As [`enforcer`](Self::enforcer), and where a resolver of your own has a name of this crate's.
    pub fn enforcer_with(&self, custom: &[Arc<dyn Resolver>]) -> Result<Enforcer, ConfigError> {
        let resolution = &self.resolution;
        // All values are checked, also those of resolvers that are not named: a typo is a typo.
        let parts = Parts::parse(resolution)?;
        self.check_claims()?;
        if let Some(name) = custom
            .iter()
            .map(|resolver| resolver.name())
            .find(|name| RESOLVER_NAMES.contains(&name.as_str()))
        {
            return Err(ConfigError::new(
                RESOLVERS,
                format!("`{name}` is the name of a built-in resolver"),
            ));
        }
        if resolution.resolvers.is_empty() {
            let problem = format!(
                "at least one resolver is required, valid ones are {}",
                quoted(RESOLVER_NAMES)
            );
            return Err(ConfigError::new(RESOLVERS, problem));
        }
        let mut chain = ResolverChain::new().with_on_conflict(resolution.on_conflict);
        for name in &resolution.resolvers {
            let resolver = parts.resolver(resolution, name, custom)?;
            chain = chain
                .then(resolver)
                .map_err(|error: BuildChainError| ConfigError::new(RESOLVERS, error))?;
        }
        Ok(Enforcer::new(chain).with_disclosure(self.enforcement.disclosure))
    }
}

impl TenancyConfig {
    /// Each claim says one thing.
    fn check_claims(&self) -> Result<(), ConfigError> {
        const LIST: &str = "enforcement.tenants_claim";
        let claim = self.resolution.jwt_claim.path(CLAIM)?;
        let list = self
            .enforcement
            .tenants_claim
            .as_ref()
            .map(|list| list.path(LIST))
            .transpose()?;
        for (key, path) in [(CLAIM, Some(&claim)), (LIST, list.as_ref())] {
            if let Some(taken) = path
                .and_then(|path| path.names().next())
                .filter(|name| TAKEN_CLAIMS.contains(name))
            {
                return Err(ConfigError::new(
                    key,
                    format!("`{taken}` has a meaning of its own, choose another claim"),
                ));
            }
        }
        if list.is_some_and(|list| list == claim) {
            return Err(ConfigError::new(
                LIST,
                "the same claim as `resolution.jwt_claim`, which is no list",
            ));
        }
        Ok(())
    }
}

impl ResolutionConfig {
    /// The names that are no tenants.
    ///
    /// # Errors
    ///
    /// A name that is no slug.
    pub fn reserved_names(&self) -> Result<ReservedNames, ConfigError> {
        let Some(names) = &self.reserved else {
            return Ok(ReservedNames::default());
        };
        let slugs: Result<Vec<_>, _> = names
            .iter()
            .map(|name| parse::<Slug>("resolution.reserved", name))
            .collect();
        slugs.map(ReservedNames::from_slugs)
    }
}

const CLAIM: &str = "resolution.jwt_claim";
const RESOLVERS: &str = "resolution.resolvers";

/// The settings, parsed.
struct Parts {
    header: FieldName,
    base: Option<Domain>,
    template: Option<PathTemplate>,
    parameter: Option<ParameterName>,
    cookie: Option<ParameterName>,
    reserved: ReservedNames,
    source: HostSource,
}

impl Parts {
    fn parse(config: &ResolutionConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            header: header_name(&config.header_name)?,
            base: config.base_domain.as_deref().map(base_domain).transpose()?,
            template: optional("resolution.path_template", config.path_template.as_ref())?,
            parameter: optional("resolution.query_parameter", config.query_parameter.as_ref())?,
            cookie: optional("resolution.cookie_name", config.cookie_name.as_ref())?,
            reserved: config.reserved_names()?,
            source: host_source(config)?,
        })
    }

    fn resolver(
        &self,
        config: &ResolutionConfig,
        name: &str,
        custom: &[Arc<dyn Resolver>],
    ) -> Result<AnyResolver, ConfigError> {
        Ok(match name {
            "header" => HeaderResolver::new(self.header.clone())
                .with_form(config.header_form)
                .into(),
            "jwt_claim" => ClaimResolver.into(),
            "subdomain" => SubdomainResolver::new(required("resolution.base_domain", name, &self.base)?)
                .with_form(config.subdomain_form)
                .with_reserved(self.reserved.clone())
                .with_source(self.source.clone())
                .into(),
            "domain" => {
                let resolver = DomainResolver::new().with_source(self.source.clone());
                match &self.base {
                    Some(base) => resolver.with_base(base.clone()).into(),
                    None => resolver.into(),
                }
            }
            "path" => PathResolver::new(required("resolution.path_template", name, &self.template)?)
                .with_form(config.path_form)
                .into(),
            "query" => QueryResolver::new(required("resolution.query_parameter", name, &self.parameter)?)
                .with_form(config.query_form)
                .into(),
            "cookie" => CookieResolver::new(required("resolution.cookie_name", name, &self.cookie)?)
                .with_form(config.cookie_form)
                .into(),
            other => match custom.iter().find(|resolver| resolver.name() == *other) {
                Some(resolver) => Arc::clone(resolver).into(),
                None => return Err(unknown_resolver(other, custom)),
            },
        })
    }
}

fn unknown_resolver(name: &str, custom: &[Arc<dyn Resolver>]) -> ConfigError {
    let custom: Vec<_> = custom.iter().map(|resolver| resolver.name()).collect();
    let valid = || {
        RESOLVER_NAMES
            .into_iter()
            .chain(custom.iter().map(crate::names::ResolverName::as_str))
    };
    let meant = nearest(name, valid())
        .map(|nearest| format!(", did you mean `{nearest}`?"))
        .unwrap_or_default();
    ConfigError::new(
        RESOLVERS,
        format!(
            "unknown resolver `{name}`{meant} valid resolvers are {}",
            quoted(valid())
        ),
    )
}

fn header_name(name: &str) -> Result<FieldName, ConfigError> {
    const KEY: &str = "resolution.header_name";
    let field = parse::<FieldName>(KEY, name)?;
    let is_taken = TAKEN_FIELDS.contains(&field.as_str())
        || TAKEN_PREFIXES.iter().any(|prefix| field.as_str().starts_with(prefix));
    if is_taken {
        return Err(ConfigError::new(
            KEY,
            format!("`{field}` has a meaning of its own, choose another field"),
        ));
    }
    Ok(field)
}

fn base_domain(name: &str) -> Result<Domain, ConfigError> {
    const KEY: &str = "resolution.base_domain";
    let domain = parse::<Domain>(KEY, name)?;
    // The list's default rule takes every unlisted name for a suffix; only listed ones count.
    let is_public = psl::suffix(domain.as_str().as_bytes())
        .is_some_and(|suffix| suffix.is_known() && suffix.as_bytes() == domain.as_str().as_bytes());
    if is_public {
        let problem =
            format!("`{domain}` is a public suffix, so names under it belong to strangers: use a domain of your own");
        return Err(ConfigError::new(KEY, problem));
    }
    Ok(domain)
}

fn host_source(config: &ResolutionConfig) -> Result<HostSource, ConfigError> {
    const HOPS: &str = "resolution.trusted_hops";
    match (config.forwarded_header, config.trusted_hops) {
        (None, None) => Ok(HostSource::request()),
        (Some(field), Some(hops)) => match NonZeroU8::new(hops) {
            Some(hops) => Ok(HostSource::forwarded(field, hops)),
            None => Err(ConfigError::new(
                HOPS,
                "at least 1 is required; to trust no proxy, remove `forwarded_header`",
            )),
        },
        (Some(_), None) => Err(ConfigError::new(
            HOPS,
            "required with `forwarded_header`: the number of your own proxies",
        )),
        (None, Some(_)) => {
            let problem = "required with `trusted_hops`: `x-forwarded-host` or `forwarded`";
            Err(ConfigError::new("resolution.forwarded_header", problem))
        }
    }
}

fn required<T: Clone>(key: &'static str, resolver: &str, value: &Option<T>) -> Result<T, ConfigError> {
    value
        .clone()
        .ok_or_else(|| ConfigError::new(key, format!("the resolver `{resolver}` needs it")))
}

fn optional<T: FromStr<Err: core::fmt::Display>>(
    key: &'static str,
    value: Option<&String>,
) -> Result<Option<T>, ConfigError> {
    value.map(|value| parse(key, value)).transpose()
}

fn parse<T: FromStr<Err: core::fmt::Display>>(key: &'static str, value: &str) -> Result<T, ConfigError> {
    value
        .parse()
        .map_err(|error| ConfigError::new(key, format!("`{value}`: {error}")))
}

#[cfg(test)]
mod tests;
