//! The versions of tenants' data: how they are recorded, and the least one with which a tenant is served.

mod minimum;
mod recorded;
mod refusals;
