//! Configuration: the tables `[resolution]` and `[enforcement]`, in any format that serde reads.
//!
//! ```
//! use tenancy_core::config::TenancyConfig;
//!
//! let config: TenancyConfig = toml::from_str(r#"
//!     [resolution]
//!     resolvers = ["header", "subdomain"]
//!     base_domain = "app.example.com"
//! "#).unwrap();
//! let enforcer = config.enforcer().unwrap();
//! # let names: Vec<_> = enforcer.chain().names().map(|name| name.to_string()).collect();
//! # assert_eq!(names, ["header", "subdomain"]);
//!
//! let unknown = toml::from_str::<TenancyConfig>("[resolution]\nheder_name = \"x\"").unwrap_err();
//! assert!(unknown.to_string().contains("did you mean `header_name`?"));
//! ```
//!
//! Reading checks types and refuses unknown keys; [`TenancyConfig::enforcer`] checks the values
//! and builds what they say. Errors name the key, the problem and the valid choices.

mod build;
mod built_in;
mod error;
mod from_settings;
mod settings;
mod version;

#[doc(inline)]
pub use crate::settings;
pub use error::ConfigError;
pub(crate) use from_settings::{FromSettings, Settings, parse_setting};
#[doc(hidden)]
pub use serde;
#[doc(hidden)]
pub use settings::{Key, unknown_key};
pub use version::ConfigVersion;

use std::string::String;
use std::vec::Vec;

use serde::Deserialize;

use crate::directory::{Authorizer, Membership};
use crate::enforce::Disclosure;
use crate::names::KeyForm;
use crate::request::{ClaimPath, ForwardedField};
use crate::resolve::{OnConflict, with_built_in_resolvers};

settings! {
    /// What tenancy reads of a configuration.
    pub struct TenancyConfig {
        /// The version of the format. Default: 1.
        pub version: ConfigVersion = ConfigVersion::V1,
        /// How tenants are named.
        pub resolution: ResolutionConfig = ResolutionConfig::default(),
        /// Who is let in.
        pub enforcement: EnforcementConfig = EnforcementConfig::default(),
    }
}

macro_rules! resolution_config {
    ($( $(#[$doc:meta])* $Variant:ident($Resolver:ident) { $($settings:tt)* } )*) => {
        settings! {
            /// The table `[resolution]`: how requests name tenants.
            pub struct ResolutionConfig {
                /// The resolvers' names, in order. Required.
                pub resolvers: Vec<String> = Vec::new(),
                $($($settings)*)*
                /// Names that are no tenants. Replaces [`ReservedNames::DEFAULT`](crate::names::ReservedNames::DEFAULT).
                pub reserved: Option<Vec<String>> = None,
                /// What happens where several sources name a tenant. Default: `first`.
                pub on_conflict: OnConflict = OnConflict::First,
                /// The forwarding field that holds the authority. Default: none is read.
                pub forwarded_header: Option<ForwardedField> = None,
                /// How many proxies of your own append to that field. Required with it, at least 1.
                pub trusted_hops: Option<u8> = None,
            }
        }
    };
}

with_built_in_resolvers!(resolution_config);

settings! {
    /// The table `[enforcement]`: who is let in, and what a refused caller learns.
    pub struct EnforcementConfig {
        /// What makes a caller a member. Default: `claim`.
        pub membership: MembershipKind = MembershipKind::Claim,
        /// The claim that lists the subject's tenants, in the form of `jwt_claim_form`. Default: none.
        pub tenants_claim: Option<ClaimName> = None,
        /// How much a refused caller learns. Default: `uniform`.
        pub disclosure: Disclosure = Disclosure::Uniform,
        /// Lets staff of the platform into suspended tenants, where an authorizer lets them into tenants at all. Each entry
        /// is logged. Default: `false`.
        pub staff_in_suspended_tenants: bool = false,
    }
}

/// What makes a caller a member of a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MembershipKind {
    /// The verified token names the tenant. The default.
    #[default]
    Claim,
    /// The directory lists the token's subject as a member.
    Directory,
}

impl EnforcementConfig {
    /// The authorizer that the settings choose: the claims, or `directory`.
    pub fn authorizer<A: Authorizer>(&self, directory: A) -> Membership<A> {
        match self.membership {
            MembershipKind::Claim => Membership::Claim,
            MembershipKind::Directory => Membership::Directory(directory),
        }
    }
}

/// A claim as configuration names it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a claim's name, or a list of names that nest")]
pub enum ClaimName {
    /// A claim of the payload itself; dots and slashes are part of its name.
    Literal(String),
    /// A claim inside objects.
    Nested(Vec<String>),
}

impl ClaimName {
    /// The place in a token's payload. `key` names the setting in errors.
    ///
    /// # Errors
    ///
    /// An empty name, an empty list, or one of more than four.
    pub fn path(&self, key: &'static str) -> Result<ClaimPath, ConfigError> {
        match self {
            Self::Literal(name) => ClaimPath::literal(name),
            Self::Nested(names) => ClaimPath::nested(names.iter().map(String::as_str)),
        }
        .map_err(|error| ConfigError::new(key, error))
    }
}
