//! The configurations that rows name, and the tenants that all of them share.

use serde::{Deserialize, Serialize};

/// Who signs the tokens.
pub const ISSUER: &str = "https://issuer.example.com";
/// Whom the tokens are for.
pub const AUDIENCE: &str = "notes";
/// The name of the key that signs them, by HS256.
pub const KEY_ID: &str = "dev";
/// That key. It guards nothing.
pub const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// The claim that names the token's tenant, in every configuration.
pub const TENANT_CLAIM: &str = "tenant_id";
/// The claim that lists the subject's tenants, where a configuration reads one.
pub const TENANTS_CLAIM: &str = "tenants";

/// The claim that names staff of the platform, where a configuration reads one.
pub const STAFF_CLAIM: &str = "staff";

/// What a server is configured with: tables as the product's own configuration spells them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// The key `version`.
    pub version: Option<i64>,
    /// Whether sessions of impersonation are let in, which a service says in its code.
    #[serde(default)]
    pub impersonation: bool,
    /// The table `[resolution]`.
    pub resolution: toml::Table,
    /// The table `[enforcement]`.
    #[serde(default)]
    pub enforcement: toml::Table,
    /// What the table `[jwt]` has beside the key that signs the rows' tokens.
    #[serde(default)]
    pub jwt: toml::Table,
}

/// A table `[[tenants]]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// The immutable id.
    pub id: String,
    /// Default: the id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    /// The identity provider's organisation id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// `provisioning`, `active`, `suspended` or `archived`.
    pub status: String,
    /// How the tenant's data is kept apart.
    pub strategy: String,
    /// The tenant's own host names.
    #[serde(default)]
    pub domains: Vec<String>,
    /// Subjects of tokens.
    #[serde(default)]
    pub members: Vec<String>,
}

#[derive(Serialize)]
struct Tenancy<'c> {
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i64>,
    /// A key of the application, and not of the product.
    #[serde(skip_serializing_if = "Option::is_none")]
    impersonation: Option<bool>,
    resolution: &'c toml::Table,
    enforcement: &'c toml::Table,
}

#[derive(Serialize)]
struct File<'c> {
    #[serde(flatten)]
    tenancy: Tenancy<'c>,
    jwt: Jwt<'c>,
    tenants: &'c [Tenant],
}

#[derive(Serialize)]
struct Jwt<'c> {
    #[serde(flatten)]
    more: &'c toml::Table,
    issuer: &'static str,
    audience: &'static str,
    keys: [Key; 1],
}

#[derive(Serialize)]
struct Key {
    kid: &'static str,
    algorithm: &'static str,
    secret: &'static str,
}

impl Configuration {
    /// The tables `[resolution]` and `[enforcement]` as TOML.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let tenancy = Tenancy {
            version: self.version,
            impersonation: None,
            resolution: &self.resolution,
            enforcement: &self.enforcement,
        };
        // Tables of plain values: there is nothing that TOML could not say.
        toml::to_string(&tenancy).unwrap_or_default()
    }

    /// The whole file for the application `notes`: also `[jwt]`, with the key that signs by HS256, and the tenants.
    #[must_use]
    pub fn to_notes_toml(&self, tenants: &[Tenant]) -> String {
        let key = Key {
            kid: KEY_ID,
            algorithm: "HS256",
            secret: SECRET,
        };
        let file = File {
            tenancy: Tenancy {
                version: self.version,
                impersonation: self.impersonation.then_some(true),
                resolution: &self.resolution,
                enforcement: &self.enforcement,
            },
            jwt: Jwt {
                more: &self.jwt,
                issuer: ISSUER,
                audience: AUDIENCE,
                keys: [key],
            },
            tenants,
        };
        toml::to_string(&file).unwrap_or_default()
    }

    /// The resolvers' names, in order.
    pub fn resolvers(&self) -> impl Iterator<Item = &str> {
        self.resolution
            .get("resolvers")
            .and_then(toml::Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(toml::Value::as_str)
    }

    /// Whether a setting of a table is `true`.
    #[must_use]
    pub fn is_set(table: &toml::Table, key: &str) -> bool {
        table.get(key).and_then(toml::Value::as_bool) == Some(true)
    }

    pub(crate) fn resolution_text(&self, key: &str) -> Option<&str> {
        self.resolution.get(key).and_then(toml::Value::as_str)
    }

    pub(crate) fn enforcement_text(&self, key: &str) -> Option<&str> {
        self.enforcement.get(key).and_then(toml::Value::as_str)
    }
}
