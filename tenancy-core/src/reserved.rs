//! Names that no tenant may have.

/// Names that are no tenants: a host under them is your own, and none can be created with them.
#[derive(Clone, Debug)]
pub struct ReservedNames(Names);

#[derive(Clone, Debug)]
enum Names {
    Static(&'static [&'static str]),
    #[cfg(feature = "std")]
    Shared(std::sync::Arc<[crate::Slug]>),
}

impl ReservedNames {
    /// The names that are reserved unless you say otherwise.
    pub const DEFAULT: &'static [&'static str] = &[
        "account",
        "accounts",
        "admin",
        "administrator",
        "api",
        "app",
        "assets",
        "auth",
        "billing",
        "blog",
        "cdn",
        "dashboard",
        "dev",
        "docs",
        "email",
        "ftp",
        "help",
        "imap",
        "internal",
        "localhost",
        "login",
        "mail",
        "mx",
        "ns",
        "ns1",
        "ns2",
        "oauth",
        "pop",
        "pop3",
        "public",
        "root",
        "security",
        "smtp",
        "sso",
        "staging",
        "static",
        "status",
        "support",
        "system",
        "test",
        "webmail",
        "wpad",
        "www",
    ];

    /// Replaces the default names.
    #[must_use]
    pub const fn new(names: &'static [&'static str]) -> Self {
        Self(Names::Static(names))
    }

    /// Replaces the default names with ones known at run time.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn from_slugs(names: impl IntoIterator<Item = crate::Slug>) -> Self {
        Self(Names::Shared(names.into_iter().collect()))
    }

    /// Whether a name is reserved.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        match &self.0 {
            Names::Static(names) => names.contains(&name),
            #[cfg(feature = "std")]
            Names::Shared(names) => names.iter().any(|reserved| reserved.as_str() == name),
        }
    }
}

impl Default for ReservedNames {
    fn default() -> Self {
        Self::new(Self::DEFAULT)
    }
}
