//! A job as a queue holds it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::EnqueuedBy;
use crate::JobKeys;

/// A job as a queue holds it: a text, and the code that the application's key makes of it. It serializes as an object of
/// three texts, which a queue may store as JSON of any kind, since the code is made over the bytes of one of them.
///
/// It is no capability, whatever it says. The [`Gate`](crate::Gate) judges it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedJob {
    pub(crate) key: String,
    pub(crate) code: String,
    pub(crate) job: String,
}

/// What the text says. A field that a newer version of the service adds is ignored by an older one.
#[derive(Serialize, Deserialize)]
pub(crate) struct Body {
    pub(crate) id: String,
    pub(crate) tenant: String,
    pub(crate) revision: u64,
    pub(crate) name: String,
    pub(crate) by: EnqueuedBy,
    pub(crate) payload: Box<RawValue>,
}

impl SealedJob {
    /// What the job says, if one of the keys has sealed it. Nothing of it is read before that is known.
    pub(crate) fn open(&self, keys: &JobKeys) -> Option<Body> {
        if !keys.is_sealed(&self.key, &self.job, &self.code) {
            return None;
        }
        serde_json::from_str(&self.job).ok()
    }
}

impl fmt::Debug for SealedJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedJob")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
