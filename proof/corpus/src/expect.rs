//! What must come of a request.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;

/// What must come of a request, and what the response must say to caches.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Columns")]
pub struct Expect {
    /// How the request is bound, or refused.
    pub answer: Expected,
    /// The fields of `Vary`, in lower case; `None` where the row does not ask.
    pub vary: Option<BTreeSet<String>>,
}

/// How a request is bound, or refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A member acts in a tenant.
    Admitted {
        /// The tenant's id.
        tenant: String,
        /// The resolver that named it.
        resolver: String,
        /// The token's subject, or the session's holder.
        subject: String,
        /// Who acts in the subject's place, if anybody does.
        actor: Option<String>,
    },
    /// Anyone reads what a tenant shows.
    Visit {
        /// The tenant's id.
        tenant: String,
        /// The resolver that named it.
        resolver: String,
    },
    /// An optional route, and no tenant is named.
    NoTenant,
    /// A central route: nothing is read.
    Central,
    /// A route of callers, which names no tenant.
    Caller {
        /// The token's subject.
        subject: String,
    },
    /// The request is refused.
    Refused {
        /// The status.
        status: u16,
        /// The member `code` of the body.
        code: String,
    },
}

impl Expected {
    /// The status of the response.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Refused { status, .. } => *status,
            Self::Admitted { .. } | Self::Visit { .. } | Self::NoTenant | Self::Central | Self::Caller { .. } => 200,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admitted {
                tenant,
                resolver,
                subject,
                actor,
            } => match actor {
                None => write!(f, "`{subject}` admitted to `{tenant}` by `{resolver}`"),
                Some(actor) => write!(f, "`{actor}` as `{subject}` admitted to `{tenant}` by `{resolver}`"),
            },
            Self::Visit { tenant, resolver } => write!(f, "a visit to `{tenant}` by `{resolver}`"),
            Self::NoTenant => f.write_str("no tenant"),
            Self::Central => f.write_str("a central route"),
            Self::Caller { subject } => write!(f, "`{subject}` as a caller"),
            Self::Refused { status, code } => write!(f, "{status} {code}"),
        }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.answer.fmt(f)?;
        match &self.vary {
            Some(vary) => write!(f, ", vary {vary:?}"),
            None => Ok(()),
        }
    }
}

/// The table `expect` of a row.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Columns {
    tenant: Option<String>,
    resolver: Option<String>,
    subject: Option<String>,
    actor: Option<String>,
    visit: Option<String>,
    none: Option<bool>,
    central: Option<bool>,
    caller: Option<String>,
    status: Option<u16>,
    code: Option<String>,
    vary: Option<BTreeSet<String>>,
}

impl TryFrom<Columns> for Expect {
    type Error = &'static str;

    fn try_from(columns: Columns) -> Result<Self, Self::Error> {
        let vary = columns.vary.clone();
        let answer = match columns {
            Columns {
                tenant: Some(tenant),
                resolver: Some(resolver),
                subject: Some(subject),
                actor,
                visit: None,
                none: None,
                central: None,
                caller: None,
                status: None,
                code: None,
                ..
            } => Expected::Admitted {
                tenant,
                resolver,
                subject,
                actor,
            },
            Columns {
                visit: Some(tenant),
                resolver: Some(resolver),
                tenant: None,
                subject: None,
                actor: None,
                none: None,
                central: None,
                caller: None,
                status: None,
                code: None,
                ..
            } => Expected::Visit { tenant, resolver },
            Columns {
                status: Some(status),
                code: Some(code),
                tenant: None,
                resolver: None,
                subject: None,
                actor: None,
                visit: None,
                none: None,
                central: None,
                caller: None,
                ..
            } => Expected::Refused { status, code },
            Columns {
                none,
                central,
                caller,
                tenant: None,
                resolver: None,
                subject: None,
                actor: None,
                visit: None,
                status: None,
                code: None,
                ..
            } => match (none, central, caller) {
                (Some(true), None, None) => Expected::NoTenant,
                (None, Some(true), None) => Expected::Central,
                (None, None, Some(subject)) => Expected::Caller { subject },
                _ => return Err(FORMS),
            },
            _ => return Err(FORMS),
        };
        Ok(Self { answer, vary })
    }
}

const FORMS: &str = "one of `{ tenant, resolver, subject, actor }`, `{ visit, resolver }`, `{ none = true }`, \
                     `{ central = true }`, `{ caller }` and `{ status, code }`";
