//! The connections of a pool between two transactions: which stay available, whose turn it is, and how they go back.

pub(crate) mod give_back;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) mod in_use;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) mod tenant_shares;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub(crate) mod warm;
