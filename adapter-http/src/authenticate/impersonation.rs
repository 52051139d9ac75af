//! Sessions of impersonation, beside the credentials of everyone else.

use std::sync::Arc;

use http::HeaderName;
use http::header::AUTHORIZATION;
use http::request::Parts;
use tenancy_core::directory::{Authorizer, Decision, EitherError, Impersonations, Roles};
use tenancy_core::enforce::Authorize;
use tenancy_core::names::FieldName;
use tenancy_core::request::{Actor, Credentials, VerifiedClaims, bearer_token};

use crate::{Authenticator, HeaderFields, SharedClaims};

static AUTHORIZATION_NAME: [HeaderName; 1] = [AUTHORIZATION];

/// Lets those in who have redeemed a grant of impersonation, and asks `others` about everyone else: an
/// [`Authenticator`] around yours, and an [`Authorizer`] around yours. A service needs both.
///
/// A session is presented as a bearer token, and known by how it begins. Each request with one queries the directory, past every cache,
/// so that one which is ended is refused at once; requests with anything else cost a look at their token. A session is good in its own
/// tenant alone. Handlers see who acts by [`Admitted::actor`](tenancy_core::enforce::Admitted::actor), and all transactions are
/// read-only.
///
/// As the authorizer it admits one who is there as nobody but themselves; one who is there in place of a member is admitted if `others`
/// admit the member, in the member's roles. A connection that outlasts its request, under a [`Tenure`](crate::Tenure), ends with the
/// session.
///
/// ```
/// use tenancy_core::directory::{Authorizer, ClaimMembership, Directory, Impersonations};
/// use tenancy_core::enforce::Enforcer;
/// use tenancy_http::{Authenticator, Tenancy, WithImpersonation};
///
/// fn build<D>(enforcer: Enforcer, verifier: impl Authenticator + 'static, directory: D) -> Tenancy
/// where
///     D: Directory + Authorizer + Impersonations + Clone + 'static,
/// {
///     let callers = WithImpersonation::new(directory.clone(), verifier);
///     let members = WithImpersonation::new(directory.clone(), directory.clone());
///     Tenancy::builder(enforcer, callers, directory).with_authorizer(members).build()
/// }
/// ```
///
/// # Security
///
/// Make it the outermost authorizer, around a cache of decisions and around [`PlatformStaff`](crate::PlatformStaff). Each admission by a
/// grant is logged at the level info, with the target `tenancy::audit`.
#[derive(Clone, Debug)]
#[doc(alias = "support access")]
pub struct WithImpersonation<I, A> {
    impersonations: Option<I>,
    others: A,
}

impl<I: Impersonations, A> WithImpersonation<I, A> {
    /// Sessions are looked up in `impersonations`: the directory itself, and no cache.
    pub const fn new(impersonations: I, others: A) -> Self {
        Self::if_some(Some(impersonations), others)
    }

    /// As [`new`](Self::new), if there is anything to look sessions up in; else as `others` alone.
    pub const fn if_some(impersonations: Option<I>, others: A) -> Self {
        Self { impersonations, others }
    }

    /// The secret that a request presents, where it is that of a session, and where to look it up.
    fn presented(&self, parts: &Parts) -> Option<(&I, Box<str>)> {
        let impersonations = self.impersonations.as_ref()?;
        let fields = HeaderFields::new(&parts.headers).with_names(&AUTHORIZATION_NAME);
        let token = bearer_token::<()>(&fields).ok()?;
        if !token.starts_with(impersonations.session_prefix().as_bytes()) {
            return None;
        }
        let secret = str::from_utf8(token).ok()?;
        Some((impersonations, secret.into()))
    }

    /// By which grant the caller acts, and where to look it up. Without that nobody is let in by one.
    fn granted<'q>(&self, question: &Authorize<'q>) -> Option<(Option<&I>, &'q Actor)> {
        let actor = question.claims().actor()?;
        actor.grant()?;
        Some((self.impersonations.as_ref(), actor))
    }
}

impl<I: Impersonations, A: Authenticator> Authenticator for WithImpersonation<I, A> {
    type Error = EitherError<I::Error, A::Error>;

    async fn authenticate(&self, parts: &Parts) -> Result<Credentials<SharedClaims>, Self::Error> {
        let Some((impersonations, secret)) = self.presented(parts) else {
            return self.others.authenticate(parts).await.map_err(EitherError::Second);
        };
        let session = impersonations.session(&secret).await.map_err(EitherError::First)?;
        Ok(match session {
            Some(claims) => Credentials::Verified(Arc::new(claims)),
            None => Credentials::Invalid,
        })
    }

    fn authenticate_now(&self, parts: &Parts) -> Option<Credentials<SharedClaims>> {
        match self.presented(parts) {
            Some(_) => None,
            None => self.others.authenticate_now(parts),
        }
    }

    fn claims_in<'p>(&self, parts: &'p Parts) -> Option<&'p dyn VerifiedClaims> {
        // Most have none, and then the token is looked at once, when the request is authenticated.
        let claims = self.others.claims_in(parts)?;
        self.presented(parts).is_none().then_some(claims)
    }

    fn each_field(&self, visit: &mut dyn FnMut(&FieldName)) {
        let authorization = FieldName::authorization();
        let mut is_visited = self.impersonations.is_none();
        self.others.each_field(&mut |field| {
            is_visited |= *field == authorization;
            visit(field);
        });
        if !is_visited {
            visit(&authorization);
        }
    }
}

impl<I: Impersonations, A: Authorizer> Authorizer for WithImpersonation<I, A> {
    type Error = EitherError<I::Error, A::Error>;

    async fn authorize(&self, question: &Authorize<'_>) -> Result<Decision, Self::Error> {
        let Some((impersonations, actor)) = self.granted(question) else {
            return self.others.authorize(question).await.map_err(EitherError::Second);
        };
        let (Some(impersonations), Some(grant)) = (impersonations, actor.grant()) else {
            return Ok(Decision::Deny);
        };
        let is_its_tenant = question
            .claims()
            .tenant()
            .is_some_and(|key| question.tenant().answers_to(key));
        if !is_its_tenant || !impersonations.lasts(grant).await.map_err(EitherError::First)? {
            return Ok(Decision::Deny);
        }
        if is_there_as_themselves(question, actor) {
            return Ok(Decision::Allow(Roles::none()));
        }
        self.others.authorize(question).await.map_err(EitherError::Second)
    }

    fn authorize_now(&self, question: &Authorize<'_>) -> Option<Decision> {
        match self.granted(question) {
            Some(_) => None,
            None => self.others.authorize_now(question),
        }
    }
}

fn is_there_as_themselves(question: &Authorize<'_>, actor: &Actor) -> bool {
    let claims = question.claims();
    claims.subject() == actor.subject() && claims.issuer().is_none()
}
