//! Work that serves no request: for one tenant by `admit_job` of the core, and for all of them here.

mod each_active;
mod progress;

pub use progress::{JobError, JobInterrupted, JobProgress, JobSummary};
