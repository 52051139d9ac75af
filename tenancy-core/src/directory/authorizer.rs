//! Who decides whether a caller is a member of a tenant.

use core::convert::Infallible;
use core::future::{Future, ready};

use super::combine::{AllOf, AnyOf};
use super::decision::Decision;
use crate::enforce::Authorize;

/// Decides whether a caller is a member of the tenant that the request names.
///
/// An error refuses the request with 503; it never admits, and never counts as a denial.
#[doc(alias = "membership")]
#[doc(alias = "authorization")]
pub trait Authorizer: Send + Sync {
    /// Why no decision could be made.
    type Error: core::error::Error + Send + Sync + 'static;

    /// Decides about one request.
    ///
    /// # Errors
    ///
    /// Fails if the authorizer cannot tell.
    fn authorize(&self, question: &Authorize<'_>) -> impl Future<Output = Result<Decision, Self::Error>> + Send;

    /// The decision, if it is available without waiting; `None` if [`authorize`](Self::authorize) must
    /// be called.
    fn authorize_now(&self, question: &Authorize<'_>) -> Option<Decision> {
        let _ = question;
        None
    }

    /// An authorizer that allows where this one and `other` do, such as membership and a policy.
    ///
    /// `other` is queried if this one allows. The roles of both are joined.
    fn and<B: Authorizer>(self, other: B) -> AllOf<Self, B>
    where
        Self: Sized,
    {
        AllOf {
            first: self,
            second: other,
        }
    }

    /// An authorizer that allows where this one or `other` does.
    ///
    /// `other` is queried if this one does not allow. The roles are those of the one that allows. An
    /// error of one is an error, unless the other allows.
    fn or<B: Authorizer>(self, other: B) -> AnyOf<Self, B>
    where
        Self: Sized,
    {
        AnyOf {
            first: self,
            second: other,
        }
    }
}

macro_rules! forward_authorizer {
    ($($Pointer:ty),*) => {$(
        impl<A: Authorizer + ?Sized> Authorizer for $Pointer {
            type Error = A::Error;

            fn authorize(&self, question: &Authorize<'_>) -> impl Future<Output = Result<Decision, Self::Error>> + Send {
                (**self).authorize(question)
            }

            fn authorize_now(&self, question: &Authorize<'_>) -> Option<Decision> {
                (**self).authorize_now(question)
            }
        }
    )*};
}

forward_authorizer!(&A);
#[cfg(feature = "std")]
forward_authorizer!(std::boxed::Box<A>, std::sync::Arc<A>);

/// A caller is a member of the tenants that the verified credential names.
///
/// As its one tenant, or in its list. Nothing else is queried, so a removed member is admitted until the credential
/// expires.
///
/// The credential's roles are valid in its one tenant. In a tenant that it merely lists, the member has no roles: nothing
/// says that they have them there.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClaimMembership;

impl Authorizer for ClaimMembership {
    type Error = Infallible;

    fn authorize(&self, question: &Authorize<'_>) -> impl Future<Output = Result<Decision, Self::Error>> + Send {
        ready(Ok(by_claim(question)))
    }

    fn authorize_now(&self, question: &Authorize<'_>) -> Option<Decision> {
        Some(by_claim(question))
    }
}

fn by_claim(question: &Authorize<'_>) -> Decision {
    let claims = question.claims();
    match claims.tenant() {
        Some(key) if question.tenant().answers_to(key) => Decision::Allow(claims.roles()),
        _ => Decision::allow_if(claims.names(question.tenant())),
    }
}

/// One of the two kinds of membership that configuration can choose.
#[derive(Clone, Copy, Debug)]
pub enum Membership<A> {
    /// The verified credential names the tenant, see [`ClaimMembership`].
    Claim,
    /// An authorizer is queried, such as a directory that lists members.
    Directory(A),
}

impl<A: Authorizer> Authorizer for Membership<A> {
    type Error = A::Error;

    async fn authorize(&self, question: &Authorize<'_>) -> Result<Decision, Self::Error> {
        match self {
            Self::Claim => ClaimMembership
                .authorize(question)
                .await
                .map_err(|never| match never {}),
            Self::Directory(authorizer) => authorizer.authorize(question).await,
        }
    }

    fn authorize_now(&self, question: &Authorize<'_>) -> Option<Decision> {
        match self {
            Self::Claim => ClaimMembership.authorize_now(question),
            Self::Directory(authorizer) => authorizer.authorize_now(question),
        }
    }
}
