//! The configuration file: tenancy's own tables, and the tenants to start with.

mod cache;
mod error;
mod file;
mod member;
mod read;
mod tenant;

use std::fs;
use std::path::{Path, PathBuf};

use tenancy_core::config::TenancyConfig;
use tenancy_core::names::Subject;
use tenancy_http::{BuildVerifierError, CacheLimits, JwtConfig, TokenVerifier};

pub(crate) use self::error::ConfigError;
use self::read::read;
pub(crate) use self::tenant::Tenant;

/// A configuration that has been read.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) tenancy: TenancyConfig,
    pub(crate) jwt: JwtConfig,
    /// Within which limits the directory's answers are kept; `None` where they are not.
    pub(crate) cache: Option<CacheLimits>,
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
            cache: file.cache.limits()?,
            jwt: file.jwt,
            tenants,
            base_dir,
        })
    }

    /// The verifier of the tokens that callers show.
    pub(crate) fn verifier(&self) -> Result<TokenVerifier, ConfigError> {
        let resolution = &self.tenancy.resolution;
        let claim = resolution.jwt_claim.path("resolution.jwt_claim")?;
        let mut builder = self
            .jwt
            .verifier_builder(&self.base_dir)?
            .with_tenant_claim(claim, resolution.jwt_claim_form);
        if let Some(list) = &self.tenancy.enforcement.tenants_claim {
            builder = builder.with_tenants_claim(list.path("enforcement.tenants_claim")?);
        }
        builder.build().map_err(|source| ConfigError::Keys {
            key: self.verifier_key(&source),
            source,
        })
    }

    /// The setting behind an error that only the verifier as a whole can find.
    fn verifier_key(&self, error: &BuildVerifierError) -> &'static str {
        match error {
            _ if !self.jwt.issuers.is_empty() => "jwt.issuers",
            BuildVerifierError::IssuersTenant { .. } => "jwt.issuer_tenants",
            _ => "jwt.keys",
        }
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
