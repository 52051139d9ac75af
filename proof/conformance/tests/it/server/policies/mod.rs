//! The routes under each access policy, alone and inside one another, written once in each framework.
//!
//! | path | access policy | handler |
//! |---|---|---|
//! | `/scoped`, `/optional`, `/public` | of that name | `member`, `maybe`, `visitor` |
//! | `/member-in-optional`, `/member-in-public`, `/maybe-in-public` | the one behind `in` | the one before it |
//! | `/unguarded/member`, `/unguarded/maybe`, `/unguarded/visitor` | none | of that name |
//! | `/scoped-in-public`, `/public-in-scoped`, `/scoped-in-optional` | the first inside the second | `visitor` |
//! | `/optional-in-scoped`, `/optional-in-public` | the first inside the second | `maybe` |
//! | `/scoped-three-times` | scoped, inside itself twice | `member` |
//! | `/another-public-in-scoped` | public of a second `Tenancy`, inside scoped | `visitor` |
//! | `/t/{tenant}` | scoped | `member` |
//! | `/t/{tenant}/public` | public of a `Tenancy` that reads the path alone, inside scoped | `visitor` |
//! | `/varied` | scoped | `member`, whose response has fields of its own |
//! | `/table/member`, and any path below `/table/` | scoped | `member`; [`UNKNOWN`](crate::probe::UNKNOWN) with 404 |
//!
//! Each has the methods GET and HEAD. The handler `member` takes a tenant, `maybe` an optional one, `visitor` a visit.

pub(super) mod axum;
pub(super) mod hyper;
pub(super) mod poem;
pub(super) mod warp;
