//! How open a route is.

/// What a route is marked as, by the layer that it stands under. Ordered from open to narrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Anyone may read what an active tenant shows.
    Public,
    /// A member acts in a tenant, or nobody in none.
    Optional,
    /// A member acts in a tenant.
    Scoped,
}

impl Access {
    /// What holds where a layer of this mark stands inside one of another: the narrower of both.
    #[must_use]
    pub fn within(self, outer: Self) -> Self {
        self.max(outer)
    }
}
