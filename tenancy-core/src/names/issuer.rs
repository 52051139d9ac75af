//! The issuer of a credential.

use core::fmt;
use core::ops::Deref;

#[cfg(feature = "std")]
type Held = std::sync::Arc<str>;
#[cfg(not(feature = "std"))]
type Held = &'static str;

/// The issuer of a credential, such as the `iss` of a token, which is cheap to clone. It is shared where there is an
/// allocator (feature `std`), else static text.
///
/// A subject means something only together with its issuer. It is compared byte for byte.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Issuer(Held);

impl Issuer {
    /// The issuer as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // `Held` is a pointer, whichever it is.
        let Self(held) = self;
        held
    }
}

impl From<&'static str> for Issuer {
    fn from(issuer: &'static str) -> Self {
        #[cfg(feature = "std")]
        return Self(Held::from(issuer));
        #[cfg(not(feature = "std"))]
        Self(issuer)
    }
}

#[cfg(feature = "std")]
impl From<std::sync::Arc<str>> for Issuer {
    fn from(issuer: std::sync::Arc<str>) -> Self {
        Self(issuer)
    }
}

impl Deref for Issuer {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
