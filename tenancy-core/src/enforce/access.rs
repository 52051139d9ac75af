//! How open a route is.

/// The access policy of a route, set by the layer that it stands under. Ordered from open to narrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[doc(alias = "route policy")]
#[doc(alias = "access policy")]
#[non_exhaustive]
pub enum Access {
    /// Anyone may read what an active tenant shows.
    Public,
    /// A member acts in a tenant, or nobody in none.
    Optional,
    /// A member acts in a tenant.
    Scoped,
}

impl Access {
    /// The access inside two layers, where one with this access stands inside one with another: the narrower of both.
    #[must_use]
    pub fn within(self, outer: Self) -> Self {
        self.max(outer)
    }
}
