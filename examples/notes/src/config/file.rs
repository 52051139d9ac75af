//! The tables of the configuration file.

use tenancy::config::CacheConfig;
use tenancy_core::config::{ConfigVersion, EnforcementConfig, ResolutionConfig};
use tenancy_http::JwtConfig;

use super::tenant::TenantConfig;

tenancy_core::config::settings! {
    /// The configuration file.
    pub struct ConfigFile {
        /// The version of the format. Default: 1.
        pub version: ConfigVersion = ConfigVersion::V1,
        /// How requests name tenants.
        pub resolution: ResolutionConfig = ResolutionConfig::default(),
        /// Who is let in.
        pub enforcement: EnforcementConfig = EnforcementConfig::default(),
        /// Whose tokens are accepted.
        pub jwt: JwtConfig = JwtConfig::default(),
        /// How long the directory's answers are kept.
        pub cache: CacheConfig = CacheConfig::default(),
        /// Whether sessions of impersonation are let in. Default: no.
        pub impersonation: bool = false,
        /// The tenants that are put into the directory at start-up.
        pub tenants: Vec<TenantConfig> = Vec::new(),
    }
}
