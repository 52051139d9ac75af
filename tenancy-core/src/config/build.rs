//! From settings to an enforcer.

use std::format;
use std::sync::Arc;
use std::vec::Vec;

use crate::config::Settings;
use crate::config::built_in::BUILT_IN;
use crate::config::settings::{nearest, quoted};
use crate::config::{ConfigError, ResolutionConfig, TenancyConfig};
use crate::enforce::Enforcer;
use crate::names::ResolverName;
use crate::resolve::{AnyResolver, BuildChainError, RESOLVER_NAMES, Resolver, ResolverChain};

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
        for (_, make) in BUILT_IN {
            make(resolution)?;
        }
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
                quoted(RESOLVER_NAMES.iter().copied())
            );
            return Err(ConfigError::new(RESOLVERS, problem));
        }
        let mut chain = ResolverChain::new().with_on_conflict(resolution.on_conflict);
        for name in &resolution.resolvers {
            let resolver = resolver(name, resolution, custom)?;
            chain = chain
                .then(resolver)
                .map_err(|error: BuildChainError| ConfigError::new(RESOLVERS, error))?;
        }
        Ok(Enforcer::new(chain)
            .with_disclosure(self.enforcement.disclosure)
            .with_staff_in_suspended_tenants(self.enforcement.staff_in_suspended_tenants))
    }
}

impl TenancyConfig {
    /// Each claim says one thing.
    fn check_claims(&self) -> Result<(), ConfigError> {
        const LIST: &str = "enforcement.tenants_claim";
        let claim = self.resolution.claim()?;
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

const CLAIM: &str = "resolution.jwt_claim";
const RESOLVERS: &str = "resolution.resolvers";

/// The resolver of that name.
fn resolver(name: &str, config: &ResolutionConfig, custom: &[Arc<dyn Resolver>]) -> Result<AnyResolver, ConfigError> {
    if let Some((_, make)) = BUILT_IN.iter().find(|(other, _)| *other == name) {
        return match make(config)? {
            Settings::Complete(resolver) => Ok(resolver),
            Settings::Lack(key) => Err(ConfigError::new(key, format!("the resolver `{name}` needs it"))),
        };
    }
    match custom.iter().find(|resolver| resolver.name() == *name) {
        Some(resolver) => Ok(Arc::clone(resolver).into()),
        None => Err(unknown_resolver(name, custom)),
    }
}

fn unknown_resolver(name: &str, custom: &[Arc<dyn Resolver>]) -> ConfigError {
    let custom: Vec<_> = custom.iter().map(|resolver| resolver.name()).collect();
    let valid = || {
        RESOLVER_NAMES
            .iter()
            .copied()
            .chain(custom.iter().map(ResolverName::as_str))
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

#[cfg(test)]
mod tests;
