//! What a check finds.

use std::error::Error;
use std::fmt;

/// How a handler leaked, or why that could not be judged.
#[derive(Debug)]
#[non_exhaustive]
pub enum Leak {
    /// An answer to one tenant holds data of the other.
    Answer {
        /// The request, by its method and target.
        request: String,
        /// The tenant that was answered.
        answered: String,
        /// The tenant whose data it is.
        of: String,
        /// Where it stands: `body`, or `header NAME`.
        place: String,
    },
    /// One tenant's request has changed the data of the other.
    Changed {
        /// The request, by its method and target.
        request: String,
        /// The tenant whose request it was.
        by: String,
        /// The tenant whose data has changed.
        of: String,
    },
    /// The data of one tenant holds data of the other.
    Stored {
        /// The request, by its method and target.
        request: String,
        /// The tenant whose data it is found in.
        stored_by: String,
        /// The tenant whose data it is.
        of: String,
    },
    /// A tenant was neither shown data of its own nor has its data changed, so this request has proved nothing: it may have
    /// been refused.
    NothingSeen {
        /// The request, by its method and target.
        request: String,
        /// The tenant.
        tenant: String,
        /// The status that it was answered with.
        status: u16,
    },
    /// An answer is compressed, so that nothing in it can be found. Let the request accept no encoding.
    Encoded {
        /// The request, by its method and target.
        request: String,
        /// The tenant that was answered.
        answered: String,
    },
    /// The mark was planted for a tenant, and what is read of its data does not hold it: `plant` or `read` does nothing, or
    /// they mean two places. No change of that data could be seen.
    NotPlanted {
        /// The tenant.
        tenant: String,
    },
    /// No request was given.
    NoRequest,
    /// What the test supplied has failed.
    Failed {
        /// What was done: `plant`, `handle` or `read`.
        step: &'static str,
        /// The tenant for which it was done.
        tenant: String,
        /// Why it failed.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer {
                request,
                answered,
                of,
                place,
            } => write!(
                f,
                "`{request}`: the {place} of the answer to `{answered}` holds data of `{of}`"
            ),
            Self::Changed { request, by, of } => write!(f, "`{request}` of `{by}` has changed data of `{of}`"),
            Self::Stored { request, stored_by, of } => {
                write!(f, "`{request}`: the data of `{stored_by}` holds data of `{of}`")
            }
            Self::NothingSeen {
                request,
                tenant,
                status,
            } => write!(
                f,
                "`{request}` proves nothing: `{tenant}` was answered with {status}, without data of its own, and has changed none"
            ),
            Self::Encoded { request, answered } => write!(
                f,
                "`{request}` proves nothing: the answer to `{answered}` has a content encoding, and cannot be searched"
            ),
            Self::NotPlanted { tenant } => write!(
                f,
                "the mark was planted for `{tenant}`, and what is read of its data does not hold it"
            ),
            Self::NoRequest => f.write_str("no request was given, so nothing was checked"),
            Self::Failed { step, tenant, .. } => write!(f, "failed to {step} for `{tenant}`"),
        }
    }
}

impl Error for Leak {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed { source, .. } => Some(&**source),
            _ => None,
        }
    }
}
