//! Resolvers in order.

use core::fmt;

use heapless::Vec;

use crate::names::{FieldName, ResolverName, TenantKey};
use crate::request::RequestView;
use crate::resolve::{AnyResolver, Malformed, Resolver};

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
#[doc(alias = "tenant resolution")]
pub struct ResolverChain {
    links: Vec<Link, MAX_RESOLVERS, u8>,
    on_conflict: OnConflict,
    reads_claims: bool,
}

/// A resolver, and its name, which is computed once.
#[derive(Debug)]
struct Link {
    name: ResolverName,
    resolver: AnyResolver,
}

/// Who names a tenant in a request.
pub(crate) struct Named<'c> {
    pub(crate) resolver: &'c ResolverName,
    /// Who names it in other forms.
    pub(crate) others: OtherIndices,
}

/// The indices in a chain of resolvers whose keys are of other forms than the first key and than each other; there are
/// some only under [`OnConflict::Reject`]. Indices, since keys are large, and rarely more than one is needed.
pub(crate) type OtherIndices = Vec<u8, { FORMS - 1 }, u8>;

/// How many forms of keys there are.
const FORMS: usize = 4;

pub(crate) enum ResolutionError {
    Malformed(Malformed),
    Conflict,
}

/// What a resolver has read; `None` where it was not reached.
#[cfg(feature = "std")]
pub(crate) type Reading = Option<Result<Option<TenantKey>, Malformed>>;

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
            links: Vec::new(),
            on_conflict: OnConflict::First,
            reads_claims: false,
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
        if self.links.iter().any(|other| other.name == name) {
            return Err(BuildChainError::Repeated(name));
        }
        self.reads_claims |= resolver.reads_claims();
        let link = Link { name, resolver };
        self.links.push(link).map_err(|_| BuildChainError::TooMany)?;
        Ok(self)
    }

    /// Sets what happens where several sources name a tenant. Default: [`OnConflict::First`].
    #[must_use]
    pub fn with_on_conflict(self, on_conflict: OnConflict) -> Self {
        Self { on_conflict, ..self }
    }

    /// The resolvers' names, in order.
    pub fn names(&self) -> impl Iterator<Item = ResolverName> {
        self.links.iter().map(|link| link.name.clone())
    }

    pub(crate) const fn reads_claims(&self) -> bool {
        self.reads_claims
    }

    pub(crate) fn each_field(&self, visit: &mut dyn FnMut(&FieldName)) {
        for link in &self.links {
            link.resolver.each_field(visit);
        }
    }

    /// The key goes to where it stays: it is large to move.
    pub(crate) fn resolve(
        &self,
        request: &RequestView<'_>,
        key: &mut Option<TenantKey>,
    ) -> Result<Option<Named<'_>>, ResolutionError> {
        match self.on_conflict {
            OnConflict::First => Ok(self.first(request, key)?),
            OnConflict::Reject => self.all(request, key),
        }
    }

    fn first(&self, request: &RequestView<'_>, key: &mut Option<TenantKey>) -> Result<Option<Named<'_>>, Malformed> {
        for link in &self.links {
            link.resolver.resolve_into(request, key)?;
            if key.is_some() {
                return Ok(Some(Named {
                    resolver: &link.name,
                    others: Vec::new(),
                }));
            }
        }
        Ok(None)
    }

    /// Reads every source. Two keys of one form must be equal; those of different forms are for the
    /// directory to compare.
    fn all(
        &self,
        request: &RequestView<'_>,
        first: &mut Option<TenantKey>,
    ) -> Result<Option<Named<'_>>, ResolutionError> {
        let mut keys: Vec<(&ResolverName, TenantKey), FORMS, u8> = Vec::new();
        let mut others = OtherIndices::new();
        let mut is_conflict = false;
        for (index, link) in (0..).zip(&self.links) {
            let Some(key) = link.resolver.resolve(request)? else {
                continue;
            };
            // A conflict is reported only after all sources are read: a malformed source comes first.
            is_conflict |= match keys.iter().find(|(_, other)| other.is_of_same_form(&key)) {
                Some((_, other)) => *other != key,
                None => {
                    let is_first = keys.is_empty();
                    keys.push((&link.name, key)).is_err() || (!is_first && others.push(index).is_err())
                }
            };
        }
        if is_conflict {
            return Err(ResolutionError::Conflict);
        }
        let Some((resolver, key)) = keys.into_iter().next() else {
            return Ok(None);
        };
        *first = Some(key);
        Ok(Some(Named { resolver, others }))
    }

    /// Shows `visit` each resolver, in order, with a function that reads its source, and takes what was read; `None` where
    /// it was not to be read. A resolver that the chain does not reach has a function that returns `None`.
    #[cfg(feature = "std")]
    pub(crate) fn each_reading(
        &self,
        request: &RequestView<'_>,
        visit: &mut dyn FnMut(&ResolverName, &dyn Fn() -> Reading) -> Reading,
    ) {
        let mut is_over = false;
        for link in &self.links {
            let read = || (!is_over).then(|| link.resolver.resolve(request));
            is_over |= match visit(&link.name, &read) {
                Some(Ok(Some(_))) => self.on_conflict == OnConflict::First,
                Some(Err(_)) => true,
                Some(Ok(None)) | None => false,
            };
        }
    }

    /// What the resolver at an index names, when it is called again.
    pub(crate) fn resolve_again(&self, index: u8, request: &RequestView<'_>) -> Result<Option<TenantKey>, Malformed> {
        match self.links.get(usize::from(index)) {
            Some(link) => link.resolver.resolve(request),
            None => Ok(None),
        }
    }
}

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
