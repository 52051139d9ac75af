//! Names that no tenant may have.

/// Names that are no tenants: a host under them is your own, and none can be created with them.
#[derive(Clone, Debug)]
#[doc(alias = "blocklist")]
pub struct ReservedNames {
    names: Names,
    /// The bits of all names; see [`bit`].
    bits: u128,
}

#[derive(Clone, Debug)]
enum Names {
    Static(&'static [&'static str]),
    #[cfg(feature = "std")]
    Shared(std::sync::Arc<[crate::names::Slug]>),
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
        let (mut bits, mut rest) = (0, names);
        while let [name, others @ ..] = rest {
            bits |= bit(name);
            rest = others;
        }
        Self {
            names: Names::Static(names),
            bits,
        }
    }

    /// Replaces the default names with ones known at run time.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn from_slugs(names: impl IntoIterator<Item = crate::names::Slug>) -> Self {
        let names: std::sync::Arc<[crate::names::Slug]> = names.into_iter().collect();
        Self {
            bits: names.iter().fold(0, |bits, name| bits | bit(name.as_str())),
            names: Names::Shared(names),
        }
    }

    /// Whether a name is reserved.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        // Most names are told from all that are reserved by one bit. It is on the way of every request.
        if self.bits & bit(name) == 0 {
            return false;
        }
        match &self.names {
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

/// One of 128, by the name's first and last byte. Different bits: different names.
const fn bit(name: &str) -> u128 {
    match name.as_bytes() {
        [first, .., last] => 1 << ((first.wrapping_mul(3) ^ last.wrapping_mul(11)) % 128),
        [] | [_] => 1,
    }
}
