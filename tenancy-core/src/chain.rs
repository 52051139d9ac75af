//! Resolvers in order.

use core::fmt;

use heapless::Vec;

use crate::steps::OtherKeys;
use crate::{
    ClaimResolver, CookieResolver, DomainResolver, FieldName, HeaderResolver, Malformed, PathResolver, QueryResolver,
    RequestView, Resolver, ResolverName, SubdomainResolver, TenantKey,
};

/// How many resolvers a chain holds at most.
pub const MAX_RESOLVERS: usize = 8;

/// What happens where several sources name a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Deserialize, serde::Serialize),
    serde(rename_all = "lowercase")
)]
pub enum OnConflict {
    /// The first match wins, and later sources are not read. The default.
    #[default]
    First,
    /// All sources are read, and must agree.
    Reject,
}

/// Resolvers, tried in order: the first match wins.
#[derive(Debug, Default)]
pub struct ResolverChain {
    resolvers: Vec<AnyResolver, MAX_RESOLVERS, u8>,
    on_conflict: OnConflict,
}

/// What a request names.
pub(crate) struct Named {
    pub(crate) resolver: ResolverName,
    pub(crate) key: TenantKey,
    /// Keys of other forms than `key` and than each other; only under [`OnConflict::Reject`].
    pub(crate) others: OtherKeys,
}

pub(crate) enum ResolutionError {
    Malformed(Malformed),
    Conflict,
}

impl From<Malformed> for ResolutionError {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl ResolverChain {
    /// A chain without resolvers: it finds nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            resolvers: Vec::new(),
            on_conflict: OnConflict::First,
        }
    }

    /// Adds a resolver behind those that are there.
    ///
    /// # Errors
    ///
    /// A name that is in the chain already, or more than [`MAX_RESOLVERS`].
    pub fn then(mut self, resolver: impl Into<AnyResolver>) -> Result<Self, BuildChainError> {
        let resolver = resolver.into();
        let name = resolver.name();
        if self.resolvers.iter().any(|other| other.name() == name) {
            return Err(BuildChainError::Repeated(name));
        }
        self.resolvers.push(resolver).map_err(|_| BuildChainError::TooMany)?;
        Ok(self)
    }

    /// Sets what happens where several sources name a tenant. Default: [`OnConflict::First`].
    #[must_use]
    pub fn with_on_conflict(self, on_conflict: OnConflict) -> Self {
        Self { on_conflict, ..self }
    }

    /// The resolvers' names, in order.
    pub fn names(&self) -> impl Iterator<Item = ResolverName> {
        self.resolvers.iter().map(Resolver::name)
    }

    pub(crate) fn reads_claims(&self) -> bool {
        self.resolvers.iter().any(Resolver::reads_claims)
    }

    pub(crate) fn each_field(&self, visit: &mut dyn FnMut(&FieldName)) {
        for resolver in &self.resolvers {
            resolver.each_field(visit);
        }
    }

    pub(crate) fn resolve(&self, request: &RequestView<'_>) -> Result<Option<Named>, ResolutionError> {
        let mut named: Option<Named> = None;
        let mut is_conflict = false;
        for resolver in &self.resolvers {
            let Some(key) = resolver.resolve(request)? else {
                continue;
            };
            match &mut named {
                None => {
                    named = Some(Named {
                        resolver: resolver.name(),
                        key,
                        others: Vec::new(),
                    });
                    if self.on_conflict == OnConflict::First {
                        break;
                    }
                }
                // A conflict is told only after all sources are read: malformed beats it.
                Some(named) => is_conflict |= !named.agrees_with(key),
            }
        }
        if is_conflict {
            Err(ResolutionError::Conflict)
        } else {
            Ok(named)
        }
    }
}

impl Named {
    /// Takes one more key in. Two keys of one form must be equal; those of different forms are for
    /// the directory to compare.
    fn agrees_with(&mut self, key: TenantKey) -> bool {
        let same_form = core::iter::once(&self.key)
            .chain(&self.others)
            .find(|other| other.is_of_same_form(&key));
        match same_form {
            Some(other) => *other == key,
            None => self.others.push(key).is_ok(),
        }
    }
}

/// Any resolver: one of this crate's, or your own.
#[non_exhaustive]
pub enum AnyResolver {
    /// Reads a header field.
    Header(HeaderResolver),
    /// Reads the verified claims.
    Claim(ClaimResolver),
    /// Reads the label under a base domain.
    Subdomain(SubdomainResolver),
    /// Reads the whole host name.
    Domain(DomainResolver),
    /// Reads a segment of the path.
    Path(PathResolver),
    /// Reads a query parameter.
    Query(QueryResolver),
    /// Reads a cookie.
    Cookie(CookieResolver),
    /// Your own, living as long as the program.
    Static(&'static dyn Resolver),
    /// Your own, shared.
    #[cfg(feature = "std")]
    Shared(std::sync::Arc<dyn Resolver>),
}

impl AnyResolver {
    fn inner(&self) -> &dyn Resolver {
        match self {
            Self::Header(resolver) => resolver,
            Self::Claim(resolver) => resolver,
            Self::Subdomain(resolver) => resolver,
            Self::Domain(resolver) => resolver,
            Self::Path(resolver) => resolver,
            Self::Query(resolver) => resolver,
            Self::Cookie(resolver) => resolver,
            Self::Static(resolver) => *resolver,
            #[cfg(feature = "std")]
            Self::Shared(resolver) => &**resolver,
        }
    }
}

impl Resolver for AnyResolver {
    fn name(&self) -> ResolverName {
        self.inner().name()
    }

    fn resolve(&self, request: &RequestView<'_>) -> Result<Option<TenantKey>, Malformed> {
        self.inner().resolve(request)
    }

    fn each_field(&self, visit: &mut dyn FnMut(&FieldName)) {
        self.inner().each_field(visit);
    }

    fn reads_claims(&self) -> bool {
        self.inner().reads_claims()
    }
}

impl fmt::Debug for AnyResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AnyResolver").field(&self.name()).finish()
    }
}

macro_rules! from_resolver {
    ($($Resolver:ty => $Variant:ident),* $(,)?) => {$(
        impl From<$Resolver> for AnyResolver {
            fn from(resolver: $Resolver) -> Self {
                Self::$Variant(resolver)
            }
        }
    )*};
}

from_resolver! {
    HeaderResolver => Header,
    ClaimResolver => Claim,
    SubdomainResolver => Subdomain,
    DomainResolver => Domain,
    PathResolver => Path,
    QueryResolver => Query,
    CookieResolver => Cookie,
    &'static dyn Resolver => Static,
}
#[cfg(feature = "std")]
from_resolver!(std::sync::Arc<dyn Resolver> => Shared);

/// A chain that cannot be built.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildChainError {
    /// Two resolvers have one name, so a refusal or a tenant could not be traced to its source.
    Repeated(ResolverName),
    /// More than [`MAX_RESOLVERS`].
    TooMany,
}

impl fmt::Display for BuildChainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repeated(name) => write!(f, "resolver `{name}` is in the chain twice"),
            Self::TooMany => write!(f, "a chain holds at most {MAX_RESOLVERS} resolvers"),
        }
    }
}

impl core::error::Error for BuildChainError {}
