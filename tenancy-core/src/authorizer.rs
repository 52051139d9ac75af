//! Who decides whether a caller is a member of a tenant.

use core::convert::Infallible;
use core::future::{Future, ready};

use crate::Authorize;

/// An authorizer's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The caller may act in the tenant.
    Allow,
    /// The caller is a stranger there.
    Deny,
}

impl Decision {
    /// Allows what is true.
    #[must_use]
    pub const fn allow_if(condition: bool) -> Self {
        if condition { Self::Allow } else { Self::Deny }
    }
}

/// Decides whether a caller is a member of the tenant that the request names.
///
/// An error refuses the request with 503; it never admits, and never counts as a denial.
pub trait Authorizer: Send + Sync {
    /// Why no decision could be made.
    type Error: core::error::Error + Send + Sync + 'static;

    /// Decides about one request.
    ///
    /// # Errors
    ///
    /// Where the authorizer cannot tell.
    fn authorize(&self, asked: &Authorize<'_>) -> impl Future<Output = Result<Decision, Self::Error>> + Send;

    /// The decision, where it needs no waiting; `None` where [`authorize`](Self::authorize) must
    /// be asked.
    fn authorize_now(&self, asked: &Authorize<'_>) -> Option<Decision> {
        let _ = asked;
        None
    }
}

macro_rules! forward_authorizer {
    ($($Pointer:ty),*) => {$(
        impl<A: Authorizer + ?Sized> Authorizer for $Pointer {
            type Error = A::Error;

            fn authorize(&self, asked: &Authorize<'_>) -> impl Future<Output = Result<Decision, Self::Error>> + Send {
                (**self).authorize(asked)
            }

            fn authorize_now(&self, asked: &Authorize<'_>) -> Option<Decision> {
                (**self).authorize_now(asked)
            }
        }
    )*};
}

forward_authorizer!(&A);
#[cfg(feature = "std")]
forward_authorizer!(std::boxed::Box<A>, std::sync::Arc<A>);

/// A caller is a member of the tenants that the verified credential names.
///
/// As its one tenant, or in its list. Nothing is asked of anyone, so a removed member stays one
/// until the credential expires.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClaimMembership;

impl Authorizer for ClaimMembership {
    type Error = Infallible;

    fn authorize(&self, asked: &Authorize<'_>) -> impl Future<Output = Result<Decision, Self::Error>> + Send {
        ready(Ok(Decision::allow_if(asked.claims().names(asked.tenant()))))
    }

    fn authorize_now(&self, asked: &Authorize<'_>) -> Option<Decision> {
        Some(Decision::allow_if(asked.claims().names(asked.tenant())))
    }
}

/// One of the two kinds of membership that configuration can choose.
#[derive(Clone, Copy, Debug)]
pub enum Membership<A> {
    /// The verified credential names the tenant, see [`ClaimMembership`].
    Claim,
    /// An authorizer is asked, such as a directory that lists members.
    Directory(A),
}

impl<A: Authorizer> Authorizer for Membership<A> {
    type Error = A::Error;

    async fn authorize(&self, asked: &Authorize<'_>) -> Result<Decision, Self::Error> {
        match self {
            Self::Claim => ClaimMembership.authorize(asked).await.map_err(|never| match never {}),
            Self::Directory(authorizer) => authorizer.authorize(asked).await,
        }
    }

    fn authorize_now(&self, asked: &Authorize<'_>) -> Option<Decision> {
        match self {
            Self::Claim => ClaimMembership.authorize_now(asked),
            Self::Directory(authorizer) => authorizer.authorize_now(asked),
        }
    }
}
