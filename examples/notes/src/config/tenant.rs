//! The tables `[[tenants]]`.

use tenancy_core::directory::{Member, TenantStatus};
use tenancy_core::names::{Domain, ExternalId, Slug, StrategyName, TenantId};

use super::error::{ConfigError, parsed};
use super::member::{MemberConfig, parse_members};

tenancy_core::config::settings! {
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
        /// Who belongs to it.
        pub members: Vec<MemberConfig> = Vec::new(),
    }
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
    pub(crate) members: Vec<Member>,
}

impl TenantConfig {
    pub(super) fn parse(&self, index: usize) -> Result<Tenant, ConfigError> {
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
            members: parse_members(&self.members, &setting("members"))?,
            id,
        })
    }
}
