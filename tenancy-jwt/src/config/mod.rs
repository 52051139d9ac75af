//! The table `[jwt]` of a configuration, and the tables inside of it.

mod config;
mod config_error;
mod issuer_config;
mod key_config;
mod token_cache_config;
mod values;

pub use config::JwtConfig;
pub use config_error::JwtConfigError;
pub use issuer_config::JwtIssuerConfig;
pub use key_config::JwtKeyConfig;
pub use token_cache_config::JwtTokenCacheConfig;
