//! Rows against an implementation.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{Case, Corpus, Expected};

/// What an implementation made of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// How it was bound, or refused.
    pub answer: Answer,
    /// The fields of `Vary`, in lower case; `None` where it could not be seen, which a row that names them refuses. Where
    /// it was seen, it must be right, also in a row that does not name them.
    pub vary: Option<BTreeSet<String>>,
}

/// How a request was bound or refused, as far as it could be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A tenant, and whatever the route tells of how: `/whoami` must tell all.
    Tenant {
        /// The tenant's id.
        id: String,
        /// The resolver.
        resolver: Option<String>,
        /// The subject.
        subject: Option<String>,
        /// Who acts in the subject's place.
        actor: Option<String>,
    },
    /// An optional route without a tenant.
    NoTenant,
    /// A central route's own answer.
    Central,
    /// A caller without a tenant.
    Caller {
        /// The subject.
        subject: String,
    },
    /// A refusal.
    Refused {
        /// The status.
        status: u16,
        /// The member `code` of the body.
        code: String,
    },
    /// A status and nothing else: the answer to HEAD, or a server's own refusal. The latter is never right; it needs
    /// an exception.
    Status(u16),
    /// The connection was closed without an answer. It needs an exception.
    Closed,
}

impl Answer {
    /// A refusal.
    #[must_use]
    pub fn refused(status: u16, code: impl Into<String>) -> Self {
        Self::Refused {
            status,
            code: code.into(),
        }
    }
}

impl From<Answer> for Observed {
    fn from(answer: Answer) -> Self {
        Self { answer, vary: None }
    }
}

impl fmt::Display for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.answer {
            Answer::Tenant {
                id,
                resolver,
                subject,
                actor,
            } => {
                write!(f, "`{id}` by {resolver:?} as {subject:?}, {actor:?} acting")?;
            }
            Answer::NoTenant => f.write_str("no tenant")?,
            Answer::Central => f.write_str("a central route")?,
            Answer::Caller { subject } => write!(f, "`{subject}` as a caller")?,
            Answer::Refused { status, code } => write!(f, "{status} {code}")?,
            Answer::Status(status) => write!(f, "{status} without a code")?,
            Answer::Closed => f.write_str("no answer")?,
        }
        match &self.vary {
            Some(vary) => write!(f, ", vary {vary:?}"),
            None => Ok(()),
        }
    }
}

impl Observed {
    fn is_right(&self, case: &Case, expected_vary: &BTreeSet<String>) -> bool {
        let vary = match &self.vary {
            Some(seen) => seen == expected_vary,
            None => case.expect.vary.is_none(),
        };
        vary && self.answer.is_right(case)
    }
}

impl Answer {
    fn is_right(&self, case: &Case) -> bool {
        let is_told_all = case.request.path().is_some_and(|path| path.ends_with("/whoami"));
        let agrees = |seen: &Option<String>, expected: &str| match seen {
            Some(seen) => seen == expected,
            None => !is_told_all,
        };
        match (&case.expect.answer, self) {
            (
                Expected::Admitted {
                    tenant,
                    resolver,
                    subject,
                    actor,
                },
                Self::Tenant {
                    id,
                    resolver: by,
                    subject: who,
                    actor: acting,
                },
            ) => {
                let is_its_actor = acting == actor || acting.is_none() && !is_told_all;
                id == tenant && agrees(by, resolver) && agrees(who, subject) && is_its_actor
            }
            (
                Expected::Visit { tenant, resolver },
                Self::Tenant {
                    id,
                    resolver: by,
                    subject: None,
                    actor: None,
                },
            ) => id == tenant && agrees(by, resolver),
            (Expected::NoTenant, Self::NoTenant) | (Expected::Central, Self::Central) => true,
            (Expected::Caller { subject }, Self::Caller { subject: seen }) => subject == seen,
            (
                Expected::Refused { status, code },
                Self::Refused {
                    status: seen,
                    code: told,
                },
            ) => status == seen && code == told,
            (expected, Self::Status(status)) => case.request.method == "HEAD" && expected.status() == *status,
            _ => false,
        }
    }
}

/// Runs rows, and fails with all that differ.
pub struct Runner<'c> {
    corpus: &'c Corpus,
    floor: usize,
    filter: Box<dyn Fn(&Case) -> bool + 'c>,
    exceptions: BTreeMap<String, Exception>,
}

struct Exception {
    reason: &'static str,
    answer: Answer,
}

impl fmt::Debug for Runner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner")
            .field("floor", &self.floor)
            .finish_non_exhaustive()
    }
}

impl<'c> Runner<'c> {
    /// Runs all rows. There must be `floor` of them at least, so that a run of none cannot pass.
    #[must_use]
    pub fn new(corpus: &'c Corpus, floor: usize) -> Self {
        Self {
            corpus,
            floor,
            filter: Box::new(|_| true),
            exceptions: BTreeMap::new(),
        }
    }

    /// Runs only rows that `filter` accepts. Default: all.
    #[must_use]
    pub fn with_filter(self, filter: impl Fn(&Case) -> bool + 'c) -> Self {
        Self {
            filter: Box::new(filter),
            ..self
        }
    }

    /// Names a row that the server answers before the framework sees it, why, and with what. It fails as soon as that is
    /// no longer so, or as no such row is run.
    #[must_use]
    pub fn with_exception(mut self, row: &str, reason: &'static str, answer: Answer) -> Self {
        self.exceptions.insert(row.to_owned(), Exception { reason, answer });
        self
    }

    /// Asks the implementation about each row.
    ///
    /// # Panics
    ///
    /// Where rows are answered wrongly, an exception does not apply, or fewer rows than the floor were run.
    #[expect(clippy::panic, reason = "this is an assertion of tests")]
    pub fn run(&self, mut observe: impl FnMut(&Case) -> Observed) {
        let (mut count, mut wrong) = (0_usize, String::new());
        let mut pending: BTreeSet<&str> = self.exceptions.keys().map(String::as_str).collect();
        let mut failures = 0_usize;
        for case in self.corpus.cases().filter(|case| (self.filter)(case)) {
            count += 1;
            pending.remove(case.name.as_str());
            let seen = catch_unwind(AssertUnwindSafe(|| observe(case)));
            if let Err(problem) = self.judge(case, seen.ok().as_ref()) {
                failures += 1;
                let _ = write!(
                    wrong,
                    "\n{} [{}]\n  rule: {}\n  {problem}",
                    case.name, case.config, case.clause
                );
            }
        }
        for name in pending {
            failures += 1;
            let _ = write!(wrong, "\n{name}\n  there is an exception for it, and it was not run");
        }
        if count < self.floor {
            failures += 1;
            let _ = write!(wrong, "\n{count} rows were run, expected at least {}", self.floor);
        }
        if failures > 0 {
            panic!("{failures} of {count} rows failed:{wrong}");
        }
    }

    fn judge(&self, case: &Case, seen: Option<&Observed>) -> Result<(), String> {
        let Some(seen) = seen else {
            return Err(format!("expected {}, and it panicked", case.expect));
        };
        let configuration = self.corpus.configurations().get(&case.config);
        let vary = configuration.map_or_else(BTreeSet::new, |configuration| configuration.vary(case.policy()));
        let is_right = seen.is_right(case, &vary);
        match self.exceptions.get(&case.name) {
            None if is_right => Ok(()),
            None => Err(format!("expected {}, vary {vary:?}, got {seen}", case.expect.answer)),
            Some(exception) if seen.answer == exception.answer && !is_right => Ok(()),
            Some(Exception { reason, answer }) => Err(format!(
                "the exception ({reason}) does not apply: it says {answer:?}, got {seen}"
            )),
        }
    }
}
