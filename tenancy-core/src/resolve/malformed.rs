//! Why a source of a tenant's name cannot be read.

use crate::enforce::Cause;

/// A source is present, and cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "duplicate header")]
pub enum Malformed {
    /// The name of the tenant is not well formed, or is there twice.
    Tenant,
    /// The authority is not well formed, missing where it must not be, or there twice.
    Host,
}

impl Malformed {
    pub(crate) const fn cause(self) -> Cause {
        match self {
            Self::Tenant => Cause::MalformedTenant,
            Self::Host => Cause::MalformedHost,
        }
    }
}

impl core::fmt::Display for Malformed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Tenant => "the tenant's name is malformed or repeated",
            Self::Host => "the authority is malformed, missing or repeated",
        })
    }
}

impl core::error::Error for Malformed {}
