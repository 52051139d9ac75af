//! The extension by which a layer leaves with a request what it is bound to, for inner layers and for handlers.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use http::Extensions;
use tenancy_core::context::TenantScope;
use tenancy_core::enforce::{Access, Outcome, Rejection};
use tenancy_core::request::{Credentials, SharedPayload};

use crate::SharedClaims;

/// The id of an engine, unique in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EngineId(u64);

impl EngineId {
    pub(crate) fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

/// What a layer has bound a request to. The type is private, so that no other code can insert one.
#[derive(Clone)]
pub(crate) struct Binding {
    /// The engine that has decided about the tenant last, and the access policy that the request has met there. It is a
    /// number, not a handle whose reference count all threads would contend for.
    pub(crate) tenant_by: Option<(EngineId, Access)>,
    /// The engine that has verified the caller last.
    pub(crate) caller_by: Option<EngineId>,
    pub(crate) scope: TenantScope,
    pub(crate) payload: BoundPayload,
    /// The engine whose decision the outcome of `scope` is.
    pub(crate) outcome_by: Option<EngineId>,
    /// By what credential it was decided, where that is not the one of `payload`.
    pub(crate) tenant_claims: Option<BoundPayload>,
}

/// What is held of the caller's credential: its claims, or where they are in an extension of the request, their payload.
#[derive(Clone)]
pub(crate) enum BoundPayload {
    /// Nothing.
    None,
    /// These claims. They are moved here from the authenticator: to take the payload out, or to copy them, would write to a
    /// reference count that threads share.
    Claims(SharedClaims),
    /// The payload, since the claims are in an extension of the request.
    Shared(SharedPayload),
}

impl BoundPayload {
    /// In the request's own claims, or in those that were read.
    pub(crate) fn of(lent: Option<SharedPayload>, read: Option<Credentials<SharedClaims>>) -> Self {
        match (lent, read) {
            (Some(payload), _) => Self::Shared(payload),
            (None, Some(Credentials::Verified(claims))) => Self::Claims(claims),
            _ => Self::None,
        }
    }

    pub(crate) fn get(&self) -> Option<&SharedPayload> {
        match self {
            Self::None => None,
            Self::Claims(claims) => claims.payload(),
            Self::Shared(payload) => Some(payload),
        }
    }

    /// The claims, unless they are in an extension of the request.
    pub(crate) const fn claims(&self) -> Option<&SharedClaims> {
        match self {
            Self::Claims(claims) => Some(claims),
            Self::None | Self::Shared(_) => None,
        }
    }
}

impl Binding {
    pub(crate) fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// What is held of the credential by which the tenant was decided on.
    pub(crate) fn tenant_credential(&self) -> &BoundPayload {
        self.tenant_claims.as_ref().unwrap_or(&self.payload)
    }

    /// Whether this outcome holds inside as well, where `inner` does not contradict it: see [`Outcome::within`].
    fn stays_around(&self, inner: &Self) -> bool {
        match (self.scope.outcome(), inner.scope.outcome()) {
            (Outcome::Admitted(_), _) => true,
            (Outcome::Visit(_), Outcome::Admitted(_)) => false,
            (Outcome::Visit(_), _) => true,
            _ => false,
        }
    }

    /// What holds where this is bound inside of `outer`. What the inner layer does not decide on stays as it is outside.
    pub(crate) fn within(self, outer: &Self) -> Result<Self, Rejection> {
        let is_payload_outside = self.payload.get().is_none() && outer.payload.get().is_some();
        let is_payload_here = !is_payload_outside && !matches!(self.payload, BoundPayload::None);
        let is_outcome_here = !outer.stays_around(&self);
        let (payload, tenant_claims) = match (is_outcome_here, is_payload_here) {
            (true, true) => (self.payload, None),
            (true, false) => (outer.payload.clone(), Some(self.payload)),
            (false, true) => (self.payload, Some(outer.tenant_credential().clone())),
            (false, false) => (outer.payload.clone(), outer.tenant_claims.clone()),
        };
        Ok(Self {
            tenant_by: self.tenant_by.or(outer.tenant_by),
            caller_by: self.caller_by.or(outer.caller_by),
            scope: self.scope.within(&outer.scope)?,
            payload,
            outcome_by: if is_outcome_here {
                self.outcome_by
            } else {
                outer.outcome_by
            },
            tenant_claims,
        })
    }

    /// Whether a layer of the same engine outside has decided what a layer of `access` would decide, and no less strictly.
    pub(crate) fn includes(&self, engine_id: EngineId, access: Access) -> bool {
        match access {
            Access::Authenticated => self.caller_by == Some(engine_id) && self.scope.caller().is_some(),
            access => matches!(self.tenant_by, Some((by, met)) if by == engine_id && met.includes(access)),
        }
    }
}

/// What a layer has bound a request to; `None` if the request has passed no layer.
///
/// Handlers use [`tenant`](crate::tenant), their framework's extractor, or the
/// [`context`](tenancy_core::context).
#[must_use]
pub fn bound(extensions: &Extensions) -> Option<&TenantScope> {
    Binding::of(extensions).map(|binding| &binding.scope)
}

/// What the layers so far have bound a request to, saved so that it can be restored. It is for frameworks in which a
/// request that has passed a layer may leave it again and go on to another route.
#[derive(Clone)]
pub struct SavedBinding(Option<Binding>);

impl SavedBinding {
    /// Saves what is in a request's extensions, before a layer decides on the request.
    #[must_use]
    pub fn save(extensions: &Extensions) -> Self {
        Self(Binding::of(extensions).cloned())
    }

    /// Restores it in the extensions of the same request. What a layer has bound the request to since is dropped.
    ///
    /// # Security
    ///
    /// In another request's extensions it would bind that request to this one's tenant.
    pub fn restore(self, extensions: &mut Extensions) {
        match self.0 {
            Some(binding) => drop(extensions.insert(binding)),
            None => drop(extensions.remove::<Binding>()),
        }
    }
}

impl fmt::Debug for SavedBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scope = self.0.as_ref().map(|binding| &binding.scope);
        f.debug_tuple("SavedBinding").field(&scope).finish()
    }
}
