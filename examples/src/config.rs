//! The configuration file: tenancy's own tables, and the tenants to start with.

use std::fs;
use std::path::{Path, PathBuf};

use tenancy_core::config::{EnforcementConfig, ResolutionConfig, TenancyConfig};
use tenancy_core::{Domain, ExternalId, ParseNameError, Slug, StrategyName, Subject, TenantId, TenantStatus};
use tenancy_http::{BuildVerifierError, JwtConfig, TokenVerifier};

use crate::demo;

tenancy_core::settings! {
    /// The configuration file.
    pub struct ConfigFile {
        /// How requests name tenants.
        pub resolution: ResolutionConfig = ResolutionConfig::default(),
        /// Who is let in.
        pub enforcement: EnforcementConfig = EnforcementConfig::default(),
        /// Whose tokens are accepted.
        pub jwt: JwtConfig = JwtConfig::default(),
        /// The tenants that are put into the directory at start-up.
        pub tenants: Vec<TenantConfig> = Vec::new(),
    }
}

tenancy_core::settings! {
    /// A table `[[tenants]]`.
    pub struct TenantConfig {
        /// Required.
        pub id: Option<String> = None,
        /// Default: the id.
        pub slug: Option<String> = None,
        /// The identity provider's organisation id. Default: none.
        pub external_id: Option<String> = None,
        /// The name for people. Default: the id.
        pub name: Option<String> = None,
        /// Default: `active`.
        pub status: TenantStatus = TenantStatus::Active,
        /// How the tenant's data is kept apart. Default: `row`.
        pub strategy: Option<String> = None,
        /// The tenant's own host names.
        pub domains: Vec<String> = Vec::new(),
        /// Subjects of tokens.
        pub members: Vec<String> = Vec::new(),
    }
}

/// A configuration that has been read.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) tenancy: TenancyConfig,
    pub(crate) jwt: JwtConfig,
    pub(crate) tenants: Vec<Tenant>,
    /// What paths in the file are relative to.
    base_dir: PathBuf,
}

/// A tenant of the configuration, its names parsed.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) slug: Slug,
    pub(crate) external_id: Option<ExternalId>,
    pub(crate) name: String,
    pub(crate) status: TenantStatus,
    pub(crate) strategy: StrategyName,
    pub(crate) domains: Vec<Domain>,
    pub(crate) members: Vec<Subject>,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("read the configuration `{}`", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("parse the configuration `{}`: {problem}", path.display())]
    Parse { path: PathBuf, problem: String },
    #[error("{key}: {problem}")]
    Setting { key: String, problem: String },
    #[error(transparent)]
    Tenancy(#[from] tenancy_core::config::ConfigError),
    #[error(transparent)]
    Jwt(#[from] tenancy_http::JwtConfigError),
    #[error("{key}")]
    Keys {
        key: &'static str,
        source: BuildVerifierError,
    },
    #[error("sign a token")]
    Sign(#[from] tenancy_http::SignTokenError),
}

impl ConfigError {
    pub(crate) fn setting(key: impl Into<String>, problem: impl ToString) -> Self {
        Self::Setting {
            key: key.into(),
            problem: problem.to_string(),
        }
    }
}

impl Config {
    /// Reads a file, or the built-in demo where there is none.
    pub(crate) fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = path else {
            return Self::parse(Path::new("the built-in demo"), demo::CONFIG);
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
            tenants.push(tenant);
        }
        let mut tenancy = TenancyConfig::default();
        tenancy.resolution = file.resolution;
        tenancy.enforcement = file.enforcement;
        let base_dir = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self {
            tenancy,
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

impl TenantConfig {
    fn parse(&self, index: usize) -> Result<Tenant, ConfigError> {
        let setting = |name: &str| format!("tenants[{index}].{name}");
        let id = self
            .id
            .as_ref()
            .ok_or_else(|| ConfigError::setting(setting("id"), "required"))?;
        let id: TenantId = parsed(&setting("id"), id)?;
        Ok(Tenant {
            slug: self
                .slug
                .as_ref()
                .map_or_else(|| Ok(id.to_slug()), |slug| parsed(&setting("slug"), slug))?,
            external_id: self
                .external_id
                .as_ref()
                .map(|id| parsed(&setting("external_id"), id))
                .transpose()?,
            name: self.name.clone().unwrap_or_else(|| id.to_string()),
            status: self.status,
            strategy: parsed(&setting("strategy"), self.strategy.as_deref().unwrap_or("row"))?,
            domains: self
                .domains
                .iter()
                .map(|domain| parsed(&setting("domains"), domain))
                .collect::<Result<_, _>>()?,
            members: self
                .members
                .iter()
                .map(|member| parsed(&setting("members"), member))
                .collect::<Result<_, _>>()?,
            id,
        })
    }
}

/// Reads the file's tables. An error names the key and the line, and leaves the line itself out: it
/// may hold a secret.
fn read(text: &str) -> Result<ConfigFile, String> {
    let at = |error: &toml::de::Error| match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => format!("line {}: ", before.split('\n').count()),
        None => String::new(),
    };
    let deserializer = toml::Deserializer::parse(text).map_err(|error| format!("{}{}", at(&error), error.message()))?;
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let (path, error) = (error.path().to_string(), error.into_inner());
        let (key, problem) = (path.trim_matches('.'), error.message());
        // A value of the wrong type is quoted, and may be a secret that stands where it should not.
        let problem = if key.starts_with("jwt") && problem.starts_with("invalid") {
            "not of the right type"
        } else {
            problem
        };
        if key.is_empty() {
            problem.to_owned()
        } else {
            format!("{}`{key}`: {problem}", at(&error))
        }
    })
}

fn parsed<T: std::str::FromStr<Err = ParseNameError>>(key: &str, value: &str) -> Result<T, ConfigError> {
    value
        .parse()
        .map_err(|error| ConfigError::setting(key, format!("`{value}`: {error}")))
}
