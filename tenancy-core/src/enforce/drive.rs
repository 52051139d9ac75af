//! The one walk through the steps.

use core::fmt;

use crate::directory::{Authorizer, Directory, TenantEntry};
use crate::enforce::{Cause, LookUpAnswer, MembershipAnswer, Observer, Outcome, Rejection, Step};

/// Why a directory or an authorizer could not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault<D, A> {
    /// The directory's error.
    Directory(D),
    /// The authorizer's error.
    Authorizer(A),
}

/// What failed. Why it did is the source, which a report prints once.
impl<D, A> fmt::Display for Fault<D, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Directory(_) => "failed to query the directory",
            Self::Authorizer(_) => "failed to query the authorizer",
        })
    }
}

impl<D, A> core::error::Error for Fault<D, A>
where
    D: core::error::Error + 'static,
    A: core::error::Error + 'static,
{
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(match self {
            Self::Directory(error) => error,
            Self::Authorizer(error) => error,
        })
    }
}

/// A refusal, with the fault behind it where there is one. The fault is for the operator alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused<D, A> {
    /// What the client sees.
    pub rejection: Rejection,
    /// What failed, where something did.
    pub fault: Option<Fault<D, A>>,
}

impl<D, A> From<Rejection> for Refused<D, A> {
    fn from(rejection: Rejection) -> Self {
        Self { rejection, fault: None }
    }
}

impl<D, A> fmt::Display for Refused<D, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rejection.fmt(f)
    }
}

impl<D, A> core::error::Error for Refused<D, A>
where
    D: core::error::Error + 'static,
    A: core::error::Error + 'static,
{
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.fault.as_ref().map(|fault| fault as _)
    }
}

/// Walks the steps to their end.
///
/// # Errors
///
/// The refusal, and the fault of the directory or authorizer where it caused it.
pub async fn drive<D: Directory, A: Authorizer>(
    step: Step<'_>,
    directory: &D,
    authorizer: &A,
) -> Result<Outcome, Refused<D::Error, A::Error>> {
    drive_observed(step, directory, authorizer, ()).await
}

/// As [`drive`], with an observer of the answers.
///
/// # Errors
///
/// As [`drive`].
pub async fn drive_observed<D: Directory, A: Authorizer>(
    mut step: Step<'_>,
    directory: &D,
    authorizer: &A,
    mut observer: impl Observer,
) -> Result<Outcome, Refused<D::Error, A::Error>> {
    loop {
        step = match step {
            Step::Lookup(lookup) => match directory.find(lookup.key()).await {
                Ok(answer) => {
                    observer.looked_up(lookup.key(), LookUpAnswer::of(answer.as_ref()));
                    lookup.answered(answer.as_ref())
                }
                Err(error) => {
                    observer.looked_up(lookup.key(), LookUpAnswer::Unavailable);
                    return Err(Refused {
                        rejection: Rejection::new(Cause::DirectoryUnavailable),
                        fault: Some(Fault::Directory(error)),
                    });
                }
            },
            Step::Authorize(authorize) => match authorizer.authorize(&authorize).await {
                Ok(decision) => {
                    observer.authorized(MembershipAnswer::Decided(&decision));
                    authorize.decided(decision)
                }
                Err(error) => {
                    observer.authorized(MembershipAnswer::Unavailable);
                    return Err(Refused {
                        rejection: Rejection::new(Cause::AuthorizerUnavailable),
                        fault: Some(Fault::Authorizer(error)),
                    });
                }
            },
            Step::Done(outcome) => return Ok(outcome),
            Step::Reject(rejection) => return Err(rejection.into()),
        }
    }
}

/// Walks the steps as far as answers are available without waiting, and hands back the first step that must wait.
///
/// # Errors
///
/// Returns the step that only [`drive`] can take further.
#[expect(clippy::result_large_err, reason = "there is no allocator to box with")]
#[doc(alias = "synchronous")]
pub fn drive_now<'r, D: Directory, A: Authorizer>(
    step: Step<'r>,
    directory: &D,
    authorizer: &A,
) -> Result<Result<Outcome, Rejection>, Step<'r>> {
    drive_now_observed(step, directory, authorizer, ())
}

/// As [`drive_now`], with an observer of the answers.
///
/// # Errors
///
/// As [`drive_now`].
#[expect(clippy::result_large_err, reason = "there is no allocator to box with")]
pub fn drive_now_observed<'r, D: Directory, A: Authorizer>(
    mut step: Step<'r>,
    directory: &D,
    authorizer: &A,
    mut observer: impl Observer,
) -> Result<Result<Outcome, Rejection>, Step<'r>> {
    loop {
        let lookup = match step {
            Step::Lookup(lookup) => lookup,
            Step::Authorize(authorize) => {
                return match authorizer.authorize_now(&authorize) {
                    Some(decision) => {
                        observer.authorized(MembershipAnswer::Decided(&decision));
                        Ok(authorize.decide(decision))
                    }
                    None => Err(Step::Authorize(authorize)),
                };
            }
            Step::Done(outcome) => return Ok(Ok(outcome)),
            Step::Reject(rejection) => return Ok(Err(rejection)),
        };
        let peeked = directory.peek(lookup.key(), |entry| {
            observer.looked_up(lookup.key(), LookUpAnswer::of(entry));
            entry.map(|entry| lookup.check(entry))
        });
        step = match peeked {
            Some(Some(Ok(tenant))) => lookup.accept(tenant),
            Some(Some(Err(rejection))) => Step::Reject(rejection),
            Some(None) => lookup.missing(),
            None => return Err(Step::Lookup(lookup)),
        };
    }
}

impl<'a> LookUpAnswer<'a> {
    fn of(entry: Option<&'a (impl TenantEntry + ?Sized)>) -> Self {
        match entry {
            Some(entry) => Self::Found(entry.record()),
            None => Self::Missing,
        }
    }
}
