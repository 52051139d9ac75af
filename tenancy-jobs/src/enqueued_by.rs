//! Who left a job.

use serde::{Deserialize, Serialize};

/// Who enqueued a job, for the record. It is no capability: the work runs as the job, in no roles, and what the caller was
/// allowed then is not what they are allowed now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[doc(alias = "actor")]
pub struct EnqueuedBy {
    /// The caller; of a job that enqueued another one, the name of that job.
    pub subject: String,
    /// The issuer of the caller's credential, if it is known. A subject identifies a caller only together with it.
    pub issuer: Option<String>,
    /// Whether the caller was staff of the platform, and no member.
    pub is_staff: bool,
    /// Whether it was no caller but another job.
    pub is_job: bool,
}
