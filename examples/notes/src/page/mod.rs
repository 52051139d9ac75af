//! A page that acts as members of tenants side by side, and shows how each of its requests is decided.
//!
//! It is for development: it signs in as anyone. So it is there in the built-in demo or by `--page` alone, on an address of
//! this machine alone, and below a path that is made up at each start.

mod assets;
mod cast;
mod explanation;
mod service;

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderName;
use uuid::Uuid;

pub(crate) use self::explanation::layer as catch_explanations;
pub(crate) use self::service::beside;
use crate::Error;
use crate::config::{Config, ConfigError};
use cast::Cast;

/// The page, ready to be served.
#[derive(Clone)]
pub(crate) struct Page {
    /// `/`, and what nobody can guess.
    path: Arc<str>,
    cast: Arc<Cast>,
    /// The field that names a request's tenant.
    tenant_field: HeaderName,
}

impl Page {
    /// # Errors
    ///
    /// If others could reach the page, if no header field names tenants, or if the configuration has no key to sign with.
    pub(crate) fn new(config: &Config, address: IpAddr) -> Result<Self, Error> {
        if !address.is_loopback() {
            return Err(setting("it signs in as anyone, and is served on a loopback address alone").into());
        }
        let resolution = &config.tenancy.resolution;
        if resolution.resolvers.iter().all(|resolver| resolver != "header") {
            return Err(setting("it names tenants by the resolver `header`, which is not configured").into());
        }
        Ok(Self {
            path: format!("/page-{}", Uuid::new_v4().simple()).into(),
            cast: Arc::new(Cast::of(config)?),
            tenant_field: resolution.header_name.parse()?,
        })
    }

    /// The path to open.
    pub(crate) fn path(&self) -> String {
        format!("{}/", self.path)
    }
}

fn setting(problem: &str) -> ConfigError {
    ConfigError::setting("--page", problem)
}
