//! The tests of `tenancy-jwt`, in one binary.

#[cfg(feature = "jwks")]
mod jwks_script;
#[cfg(feature = "jwks")]
mod jwks_server;
mod jwks_support;
mod log;
mod token_support;

mod foreign;
mod jwks_answers;
mod jwks_config;
mod jwks_faults;
mod jwks_file;
mod jwks_https;
mod jwks_issuers;
mod jwks_key;
mod jwks_members;
mod jwks_remote;
mod jwks_repeated_kid;
mod jwks_secrets;
mod jwks_tls;
#[cfg(feature = "testing")]
mod testing;
mod token_actor;
mod token_cache;
mod token_claims;
mod token_config;
mod token_header;
mod token_integers;
mod token_keys;
mod token_payload;
mod token_roles;
mod token_shape;
mod token_soup;
mod token_templates;
mod token_tenants;
