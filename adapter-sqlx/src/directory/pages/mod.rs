//! Lists that are read page by page, and counts that stop: each costs what it shows, however many tenants there are.

pub(super) mod count;
pub(super) mod members;
mod page;
pub(super) mod tenants;
pub(super) mod tenants_of;

pub use count::Count;
pub use page::{Page, PageRequest};
pub use tenants_of::Membership;
