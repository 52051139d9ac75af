//! What people who operate tenants do one by one: names and domains changed, a creation finished, unfinished jobs listed.

mod access;
mod jobs;
mod names;
mod resume;

pub use access::DataAccess;
pub use jobs::TenantJobs;
pub use names::Renaming;
