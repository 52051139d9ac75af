//! One type for the resolvers of this crate and those of an application.

use core::fmt;

use crate::names::{FieldName, ResolverName, TenantKey};
use crate::request::RequestView;
use crate::resolve::table::with_built_in_resolvers;
use crate::resolve::{
    ClaimResolver, CookieResolver, DomainResolver, HeaderResolver, Malformed, PathResolver, QueryResolver, Resolver,
    SubdomainResolver,
};

macro_rules! any_resolver {
    ($( $(#[$doc:meta])* $Variant:ident($Resolver:ident) { $($settings:tt)* } )*) => {
        /// The names of the built-in resolvers, as configuration and provenance spell them.
        pub const RESOLVER_NAMES: &[&str] = &[$( $Resolver::NAME ),*];

        /// Any resolver: one of this crate's, or your own.
        #[non_exhaustive]
        pub enum AnyResolver {
            $( $(#[$doc])* $Variant($Resolver), )*
            /// Your own, living as long as the program.
            Static(&'static dyn Resolver),
            /// Your own, shared.
            #[cfg(feature = "std")]
            Shared(std::sync::Arc<dyn Resolver>),
        }

        /// Calls a method of whichever it is, directly: the call is on the way of every request.
        macro_rules! whichever {
            ($any:expr, $resolver:ident => $call:expr) => {
                match $any {
                    $( AnyResolver::$Variant($resolver) => $call, )*
                    AnyResolver::Static($resolver) => $call,
                    #[cfg(feature = "std")]
                    AnyResolver::Shared($resolver) => $call,
                }
            };
        }

        $(
            impl From<$Resolver> for AnyResolver {
                fn from(resolver: $Resolver) -> Self {
                    Self::$Variant(resolver)
                }
            }
        )*
    };
}

with_built_in_resolvers!(any_resolver);

impl From<&'static dyn Resolver> for AnyResolver {
    fn from(resolver: &'static dyn Resolver) -> Self {
        Self::Static(resolver)
    }
}

#[cfg(feature = "std")]
impl From<std::sync::Arc<dyn Resolver>> for AnyResolver {
    fn from(resolver: std::sync::Arc<dyn Resolver>) -> Self {
        Self::Shared(resolver)
    }
}

impl Resolver for AnyResolver {
    fn name(&self) -> ResolverName {
        whichever!(self, resolver => resolver.name())
    }

    fn resolve(&self, request: &RequestView<'_>) -> Result<Option<TenantKey>, Malformed> {
        whichever!(self, resolver => resolver.resolve(request))
    }

    fn resolve_into(&self, request: &RequestView<'_>, key: &mut Option<TenantKey>) -> Result<(), Malformed> {
        whichever!(self, resolver => resolver.resolve_into(request, key))
    }

    fn each_field(&self, visit: &mut dyn FnMut(&FieldName)) {
        whichever!(self, resolver => resolver.each_field(visit));
    }

    fn reads_claims(&self) -> bool {
        whichever!(self, resolver => resolver.reads_claims())
    }
}

impl fmt::Debug for AnyResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AnyResolver").field(&self.name()).finish()
    }
}
