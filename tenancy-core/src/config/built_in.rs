//! The built-in resolvers, as the settings describe them.

use crate::config::{ConfigError, FromSettings, ResolutionConfig, Settings};
use crate::resolve::{
    AnyResolver, ClaimResolver, CookieResolver, DomainResolver, HeaderResolver, PathResolver, QueryResolver,
    SubdomainResolver, with_built_in_resolvers,
};

/// A built-in resolver's name, and what makes it from settings.
pub(super) type BuiltIn = (
    &'static str,
    fn(&ResolutionConfig) -> Result<Settings<AnyResolver>, ConfigError>,
);

macro_rules! built_in {
    ($( $(#[$doc:meta])* $Variant:ident($Resolver:ident) { $($settings:tt)* } )*) => {
        /// Every built-in resolver.
        pub(super) const BUILT_IN: &[BuiltIn] = &[$( ($Resolver::NAME, any_from_settings::<$Resolver>) ),*];
    };
}

with_built_in_resolvers!(built_in);

fn any_from_settings<R: FromSettings>(config: &ResolutionConfig) -> Result<Settings<AnyResolver>, ConfigError> {
    Ok(match R::from_settings(config)? {
        Settings::Complete(resolver) => Settings::Complete(resolver.into()),
        Settings::Lack(key) => Settings::Lack(key),
    })
}
