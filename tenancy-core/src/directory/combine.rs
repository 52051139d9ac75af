//! Authorizers made of two.

use core::fmt;

use crate::directory::{Authorizer, Decision};
use crate::enforce::Authorize;

/// A caller is admitted if both authorizers admit them; see [`Authorizer::and`].
#[derive(Clone, Copy, Debug)]
pub struct AllOf<A, B> {
    pub(crate) first: A,
    pub(crate) second: B,
}

/// A caller is admitted if one of the authorizers admits them; see [`Authorizer::or`].
#[derive(Clone, Copy, Debug)]
pub struct AnyOf<A, B> {
    pub(crate) first: A,
    pub(crate) second: B,
}

/// The error of one of two authorizers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EitherError<A, B> {
    /// The first one's.
    First(A),
    /// The second one's.
    Second(B),
}

impl<A: fmt::Display, B: fmt::Display> fmt::Display for EitherError<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First(error) => error.fmt(f),
            Self::Second(error) => error.fmt(f),
        }
    }
}

impl<A: core::error::Error, B: core::error::Error> core::error::Error for EitherError<A, B> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::First(error) => error.source(),
            Self::Second(error) => error.source(),
        }
    }
}

impl<A: Authorizer, B: Authorizer> Authorizer for AllOf<A, B> {
    type Error = EitherError<A::Error, B::Error>;

    async fn authorize(&self, asked: &Authorize<'_>) -> Result<Decision, Self::Error> {
        let first = self.first.authorize(asked).await.map_err(EitherError::First)?;
        if first == Decision::Deny {
            return Ok(Decision::Deny);
        }
        let second = self.second.authorize(asked).await.map_err(EitherError::Second)?;
        Ok(first.and(second))
    }

    fn authorize_now(&self, asked: &Authorize<'_>) -> Option<Decision> {
        match self.first.authorize_now(asked)? {
            Decision::Deny => Some(Decision::Deny),
            first => Some(first.and(self.second.authorize_now(asked)?)),
        }
    }
}

impl<A: Authorizer, B: Authorizer> Authorizer for AnyOf<A, B> {
    type Error = EitherError<A::Error, B::Error>;

    async fn authorize(&self, asked: &Authorize<'_>) -> Result<Decision, Self::Error> {
        let first = self.first.authorize(asked).await;
        if let Ok(allowed @ (Decision::Allow(_) | Decision::AllowStaff)) = first {
            return Ok(allowed);
        }
        match (first, self.second.authorize(asked).await.map_err(EitherError::Second)?) {
            // The authorizer that failed might have admitted the caller, so this is not a denial.
            (Err(error), Decision::Deny) => Err(EitherError::First(error)),
            (_, second) => Ok(second),
        }
    }

    fn authorize_now(&self, asked: &Authorize<'_>) -> Option<Decision> {
        match self.first.authorize_now(asked)? {
            Decision::Deny => self.second.authorize_now(asked),
            allowed => Some(allowed),
        }
    }
}
