//! How a built-in resolver is made from its settings.

use core::num::NonZeroU8;
use core::str::FromStr;
use std::format;
use std::vec::Vec;

use crate::config::{ConfigError, ResolutionConfig};
use crate::names::{Domain, ReservedNames, Slug};
use crate::request::{ClaimPath, HostSource};
use crate::resolve::AnyResolver;

/// A resolver that is made from its settings.
pub(crate) trait FromSettings: Into<AnyResolver> {
    /// Reads and checks the settings, whether or not the configuration names the resolver: a typo is a typo.
    ///
    /// # Errors
    ///
    /// A value that cannot be used.
    fn from_settings(config: &ResolutionConfig) -> Result<Settings<Self>, ConfigError>;
}

/// What the settings of a resolver come to.
pub(crate) enum Settings<R> {
    /// The resolver can be used.
    Complete(R),
    /// The setting that this resolver cannot do without is absent.
    Lack(&'static str),
}

/// What several resolvers read.
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
            .map(|name| parse_setting::<Slug>("resolution.reserved", name))
            .collect();
        slugs.map(ReservedNames::from_slugs)
    }

    pub(crate) fn claim(&self) -> Result<ClaimPath, ConfigError> {
        self.jwt_claim.path("resolution.jwt_claim")
    }

    pub(crate) fn base(&self) -> Result<Option<Domain>, ConfigError> {
        const KEY: &str = "resolution.base_domain";
        let Some(name) = &self.base_domain else {
            return Ok(None);
        };
        let domain = parse_setting::<Domain>(KEY, name)?;
        // The list's default rule takes every unlisted name for a suffix; only listed ones count.
        let is_public = psl::suffix(domain.as_str().as_bytes())
            .is_some_and(|suffix| suffix.is_known() && suffix.as_bytes() == domain.as_str().as_bytes());
        if is_public {
            let problem = format!(
                "`{domain}` is a public suffix, so names under it belong to strangers: use a domain of your own"
            );
            return Err(ConfigError::new(KEY, problem));
        }
        Ok(Some(domain))
    }

    pub(crate) fn host_source(&self) -> Result<HostSource, ConfigError> {
        const HOPS: &str = "resolution.trusted_hops";
        match (self.forwarded_header, self.trusted_hops) {
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
}

/// Parses the value of the setting `key`.
pub(crate) fn parse_setting<T: FromStr<Err: core::fmt::Display>>(
    key: &'static str,
    value: &str,
) -> Result<T, ConfigError> {
    value
        .parse()
        .map_err(|error| ConfigError::new(key, format!("`{value}`: {error}")))
}
