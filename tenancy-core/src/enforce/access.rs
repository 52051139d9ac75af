//! How open a route is.

/// The access policy of a route, set by the layer that it stands under.
///
/// A policy says something of the tenant, or of the caller alone. [`Public`](Self::Public), [`Optional`](Self::Optional)
/// and [`Scoped`](Self::Scoped) are about the tenant, from open to narrow. [`Authenticated`](Self::Authenticated) is about
/// the caller, and neither wider nor narrower than the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "route policy")]
#[doc(alias = "access policy")]
#[non_exhaustive]
pub enum Access {
    /// A verified caller acts, in no tenant: the routes of an account, of a platform's own administration.
    Authenticated,
    /// Anyone may read what an active tenant shows.
    Public,
    /// A member acts in a tenant, or nobody in none.
    Optional,
    /// A member acts in a tenant.
    Scoped,
}

impl Access {
    /// The access by which a layer with this access decides, inside another layer.
    ///
    /// Of two policies about the tenant the narrower holds. [`Authenticated`](Self::Authenticated) is about the caller: it
    /// leaves the tenant's policy alone, inside it and around it.
    #[must_use]
    pub const fn within(self, outer: Self) -> Self {
        match (self.narrowness(), outer.narrowness()) {
            (Some(inner), Some(other)) if inner < other => outer,
            _ => self,
        }
    }

    /// Whether a request that was decided on by this access has met `inner`, too: what `inner` demands of the tenant is no
    /// narrower. One about the caller alone says nothing of the tenant, and the other way round.
    #[must_use]
    pub const fn includes(self, inner: Self) -> bool {
        match (self.narrowness(), inner.narrowness()) {
            (Some(outer), Some(inner)) => inner <= outer,
            (None, None) => true,
            _ => false,
        }
    }

    /// How narrow the policy about the tenant is; `None` for one about the caller.
    const fn narrowness(self) -> Option<u8> {
        match self {
            Self::Authenticated => None,
            Self::Public => Some(0),
            Self::Optional => Some(1),
            Self::Scoped => Some(2),
        }
    }
}
