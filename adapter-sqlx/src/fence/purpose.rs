//! Why a transaction begins.

/// Why a transaction begins: what a closed place lets through.
///
/// [`TenantDb`](crate::TenantDb) chooses it. A strategy of your own that has a fence passes it on to its database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// A tenant is served. A closed place refuses it.
    Serve,
    /// Staff of the platform work in a suspended tenant, into which enforcement has let them. A closed place lets them in.
    Staff,
    /// A tenant is administered: filled before it is active, exported, erased. A closed place lets it in.
    Administer,
}

impl Purpose {
    /// The purpose as it is given to the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Staff => "staff",
            Self::Administer => "administer",
        }
    }
}
