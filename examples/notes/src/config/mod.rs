//! The configuration file: tenancy's own tables, and the tenants to start with.

mod error;
mod file;
mod member;
mod read;
mod tenant;

use std::fs;
use std::path::{Path, PathBuf};

use tenancy::config::CacheConfig;
use tenancy_core::config::TenancyConfig;
use tenancy_core::names::Subject;
use tenancy_http::JwtConfig;

pub(crate) use self::error::ConfigError;
use self::read::read;
pub(crate) use self::tenant::Tenant;

/// A configuration that has been read.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) tenancy: TenancyConfig,
    pub(crate) jwt: JwtConfig,
    /// How long the directory's answers are cached.
    pub(crate) cache: CacheConfig,
    /// Whether sessions of impersonation are let in.
    pub(crate) impersonation: bool,
    pub(crate) tenants: Vec<Tenant>,
    /// What paths in the file are relative to.
    base_dir: PathBuf,
}

impl Config {
    /// Reads a file, or uses the text of the built-in demo if there is no file.
    pub(crate) fn load(path: Option<&Path>, demo: &str) -> Result<Self, ConfigError> {
        let Some(path) = path else {
            return Self::parse(Path::new("the built-in demo"), demo);
        };
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let file = read(text).map_err(|problem| ConfigError::Parse {
            path: path.to_owned(),
            problem,
        })?;
        let mut tenants: Vec<Tenant> = Vec::new();
        for (index, tenant) in file.tenants.iter().enumerate() {
            let tenant = tenant.parse(index)?;
            if tenants.iter().any(|other| other.id == tenant.id) {
                let problem = format!("`{}` is the id of another tenant too", tenant.id);
                return Err(ConfigError::setting(format!("tenants[{index}].id"), problem));
            }
            refuse_unknown_issuers(&file.jwt, &tenant, index)?;
            tenants.push(tenant);
        }
        let mut tenancy = TenancyConfig::default();
        tenancy.resolution = file.resolution;
        tenancy.enforcement = file.enforcement;
        let base_dir = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self {
            tenancy,
            cache: file.cache,
            impersonation: file.impersonation,
            jwt: file.jwt,
            tenants,
            base_dir,
        })
    }

    /// What paths in the file are relative to.
    pub(crate) fn base_dir(&self) -> &Path {
        &self.base_dir
    }

    /// Signs a token with the first HS256 key.
    pub(crate) fn sign(&self, subject: &str, tenant: Option<&str>, expires_in: i64) -> Result<String, ConfigError> {
        let subject: Subject = subject
            .parse()
            .map_err(|error| ConfigError::setting("--subject", error))?;
        let claim = self.tenancy.resolution.jwt_claim.path("resolution.jwt_claim")?;
        Ok(self
            .jwt
            .signer(&self.base_dir)?
            .sign(&subject, tenant, &claim, expires_in)?)
    }
}

/// A member by an issuer whose tokens are not accepted could never come in.
fn refuse_unknown_issuers(jwt: &JwtConfig, tenant: &Tenant, index: usize) -> Result<(), ConfigError> {
    let issuers = jwt.issuers.iter().map(|table| &table.issuer).chain([&jwt.issuer]);
    let known: Vec<&str> = issuers.flatten().map(String::as_str).collect();
    for (place, member) in tenant.members.iter().enumerate() {
        if let Some(issuer) = member.issuer()
            && !jwt.dangerously_accept_any_issuer
            && !known.contains(&issuer)
        {
            let key = format!("tenants[{index}].members[{place}].issuer");
            let problem = format!(
                "tokens of `{issuer}` are not accepted, only of `{}`",
                known.join("`, `")
            );
            return Err(ConfigError::setting(key, problem));
        }
    }
    Ok(())
}
