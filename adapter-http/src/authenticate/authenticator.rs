//! The authenticator: who is the caller? It is called once per request, before anything else.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::{Future, ready};
use std::marker::PhantomData;
use std::sync::Arc;

use http::request::Parts;
use tenancy_core::names::FieldName;
use tenancy_core::request::{Credentials, VerifiedClaims};

/// Verified claims that outlive the reading of a request.
pub type SharedClaims = Arc<dyn VerifiedClaims>;

/// Reads and verifies the caller's credentials.
///
/// It is called only if the route's access policy reads credentials, and once per request. An error refuses
/// the request with 503; it never counts as invalid credentials, or as absent ones.
pub trait Authenticator: Send + Sync {
    /// Why credentials could not be verified.
    type Error: Error + Send + Sync + 'static;

    /// Reads and verifies the credentials of one request.
    ///
    /// # Errors
    ///
    /// Fails if credentials could not be verified, such as while keys are not available.
    fn authenticate(
        &self,
        parts: &Parts,
    ) -> impl Future<Output = Result<Credentials<SharedClaims>, Self::Error>> + Send;

    /// The result, if it is available without waiting; `None` if
    /// [`authenticate`](Self::authenticate) must be called. It saves a request an allocation on the heap.
    fn authenticate_now(&self, parts: &Parts) -> Option<Credentials<SharedClaims>> {
        let _ = parts;
        None
    }

    /// Verified claims that the request carries already, in its extensions. They are used from there, so that
    /// [`authenticate`](Self::authenticate) need not copy them. This is called first; `None` if the request must be
    /// authenticated. Default: none.
    fn claims_in<'p>(&self, parts: &'p Parts) -> Option<&'p dyn VerifiedClaims> {
        let _ = parts;
        None
    }

    /// Calls `visit` with each header field that is read. They become part of `Vary`. Default: none.
    fn each_field(&self, visit: &mut dyn FnMut(&FieldName)) {
        let _ = visit;
    }
}

impl<A: Authenticator + ?Sized> Authenticator for Arc<A> {
    type Error = A::Error;

    fn authenticate(
        &self,
        parts: &Parts,
    ) -> impl Future<Output = Result<Credentials<SharedClaims>, Self::Error>> + Send {
        (**self).authenticate(parts)
    }

    fn authenticate_now(&self, parts: &Parts) -> Option<Credentials<SharedClaims>> {
        (**self).authenticate_now(parts)
    }

    fn claims_in<'p>(&self, parts: &'p Parts) -> Option<&'p dyn VerifiedClaims> {
        (**self).claims_in(parts)
    }

    fn each_field(&self, visit: &mut dyn FnMut(&FieldName)) {
        (**self).each_field(visit);
    }
}

/// Your own authentication: a layer outside has put verified claims of type `C` into the request's
/// extensions. If there are none, the caller has sent no credentials.
///
/// # Security
///
/// Nothing is verified here. The layer outside must have verified the caller, and must insert claims for
/// authenticated callers only.
pub struct ClaimsFromExtension<C> {
    fields: Vec<FieldName>,
    claims: PhantomData<fn() -> C>,
}

impl<C: VerifiedClaims + Clone + 'static> ClaimsFromExtension<C> {
    /// Reads the claims from the extension `C`.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            fields: Vec::new(),
            claims: PhantomData,
        }
    }

    /// Names a header field that your authentication reads, such as `cookie`, for `Vary`.
    #[must_use]
    pub fn with_field(mut self, field: FieldName) -> Self {
        self.fields.push(field);
        self
    }

    fn read(&self, parts: &Parts) -> Credentials<SharedClaims> {
        match parts.extensions.get::<C>() {
            Some(claims) => Credentials::Verified(Arc::new(claims.clone())),
            None => Credentials::Absent,
        }
    }
}

impl<C: VerifiedClaims + Clone + 'static> Default for ClaimsFromExtension<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C> fmt::Debug for ClaimsFromExtension<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClaimsFromExtension")
            .field("fields", &self.fields)
            .finish_non_exhaustive()
    }
}

impl<C: VerifiedClaims + Clone + 'static> Authenticator for ClaimsFromExtension<C> {
    type Error = Infallible;

    fn authenticate(
        &self,
        parts: &Parts,
    ) -> impl Future<Output = Result<Credentials<SharedClaims>, Infallible>> + Send {
        ready(Ok(self.read(parts)))
    }

    fn authenticate_now(&self, parts: &Parts) -> Option<Credentials<SharedClaims>> {
        Some(self.read(parts))
    }

    fn claims_in<'p>(&self, parts: &'p Parts) -> Option<&'p dyn VerifiedClaims> {
        parts.extensions.get::<C>().map(|claims| claims as &dyn VerifiedClaims)
    }

    fn each_field(&self, visit: &mut dyn FnMut(&FieldName)) {
        for field in &self.fields {
            visit(field);
        }
    }
}
