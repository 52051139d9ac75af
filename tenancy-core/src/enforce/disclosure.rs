//! How much a refusal says.

use super::cause::Cause;
use super::rejection::Rejection;

/// How much a refused caller learns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Deserialize, serde::Serialize),
    serde(rename_all = "lowercase")
)]
#[doc(alias = "tenant enumeration")]
pub enum Disclosure {
    /// A stranger cannot tell an unknown tenant from a suspended one, or from another's. The default.
    #[default]
    Uniform,
    /// Each reason has its own answer. Anybody with a valid credential can then find out which tenants exist (enumeration).
    Detailed,
}

impl Disclosure {
    pub(crate) const fn rejection(self, cause: Cause) -> Rejection {
        match self {
            Self::Uniform => Rejection::new(cause),
            Self::Detailed => Rejection::detailed(cause),
        }
    }
}
