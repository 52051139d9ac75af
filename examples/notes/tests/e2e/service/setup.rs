//! Configurations, and the tenants that most tests use.

use std::fmt::Write;

pub(crate) const ISSUER: &str = "https://issuer.example.com";
pub(crate) const AUDIENCE: &str = "notes";
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const RSA_PUBLIC: &str = include_str!("../../keys/rsa.public.pem");
pub(crate) const RSA_PRIVATE: &[u8] = include_bytes!("../../keys/rsa.private.pem");

/// The names of `acme` and `globex` differ in each form, so that none can stand for another.
pub(crate) const TENANTS: &str = r#"
[[tenants]]
id = "acme"
slug = "acme-inc"
external_id = "org_Acme1"
name = "Acme Inc."
status = "active"
strategy = "row"
domains = ["acme-corp.example"]
members = ["alice", "both"]

[[tenants]]
id = "globex"
slug = "globex-shop"
external_id = "org_Globex1"
name = "Globex"
status = "active"
strategy = "database"
domains = ["shop.globex.example", "globex.example"]
members = ["bob", "both"]

[[tenants]]
id = "initech"
name = "Initech"
status = "active"
strategy = "row"
members = ["ines"]

[[tenants]]
id = "hooli"
name = "Hooli"
status = "active"
strategy = "database"
members = ["hank"]

[[tenants]]
id = "suspended"
name = "Suspended"
status = "suspended"
strategy = "row"
members = ["alice"]

[[tenants]]
id = "archived"
name = "Archived"
status = "archived"
strategy = "row"
members = ["alice"]

[[tenants]]
id = "provisioning"
name = "Provisioning"
status = "provisioning"
strategy = "row"
members = ["alice"]
"#;

/// A configuration, written to a file when a server starts.
#[derive(Clone)]
pub(crate) struct Setup {
    resolvers: String,
    resolution: String,
    enforcement: String,
    jwt: String,
    keys: String,
    cache: String,
    tenants: String,
}

impl Setup {
    /// These resolvers, in this order. The settings of all the others are there too, and must do no harm.
    pub(crate) fn new(resolvers: &[&str]) -> Self {
        Self {
            resolvers: format!("{resolvers:?}"),
            resolution: r#"base_domain = "app.example.com"
path_template = "/api/v1/{tenant}"
query_parameter = "tenant"
cookie_name = "tenant"
"#
            .into(),
            enforcement: String::new(),
            jwt: format!("issuer = {ISSUER:?}\naudience = {AUDIENCE:?}\n"),
            keys: format!("[[jwt.keys]]\nkid = \"dev\"\nalgorithm = \"HS256\"\nsecret = {SECRET:?}\n"),
            cache: String::new(),
            tenants: TENANTS.into(),
        }
    }

    /// A line for `[resolution]`.
    pub(crate) fn resolution(mut self, line: &str) -> Self {
        let _ = writeln!(self.resolution, "{line}");
        self
    }

    /// Takes a line out of `[resolution]`, by its key.
    pub(crate) fn without(mut self, key: &str) -> Self {
        let lines = self.resolution.lines().filter(|line| !line.starts_with(key));
        self.resolution = lines.map(|line| format!("{line}\n")).collect();
        self
    }

    /// A line for `[enforcement]`.
    pub(crate) fn enforcement(mut self, line: &str) -> Self {
        let _ = writeln!(self.enforcement, "{line}");
        self
    }

    /// A line for `[jwt]`.
    pub(crate) fn jwt(mut self, line: &str) -> Self {
        let _ = writeln!(self.jwt, "{line}");
        self
    }

    /// Replaces `[jwt]`'s issuer and audience.
    pub(crate) fn jwt_only(mut self, lines: &str) -> Self {
        self.jwt = format!("{lines}\n");
        self
    }

    /// Replaces the keys.
    pub(crate) fn keys(mut self, keys: &str) -> Self {
        self.keys = keys.into();
        self
    }

    /// A line for `[cache]`.
    pub(crate) fn cache(mut self, line: &str) -> Self {
        let _ = writeln!(self.cache, "{line}");
        self
    }

    /// Adds tenants.
    pub(crate) fn tenants(mut self, tenants: &str) -> Self {
        self.tenants.push_str(tenants);
        self
    }

    /// Replaces the tenants.
    pub(crate) fn only_tenants(mut self, tenants: &str) -> Self {
        self.tenants = tenants.into();
        self
    }

    pub(crate) fn toml(&self) -> String {
        let Self {
            resolvers,
            resolution,
            enforcement,
            jwt,
            keys,
            cache,
            tenants,
        } = self;
        format!(
            "[resolution]\nresolvers = {resolvers}\n{resolution}\n[enforcement]\n{enforcement}\n[jwt]\n{jwt}\n{keys}\n[cache]\n{cache}\n{tenants}"
        )
    }
}
