//! What a credential says beside what the rules need, in a type of the application.

use core::any::Any;
use core::fmt;

#[cfg(feature = "std")]
type Held = std::sync::Arc<dyn Any + Send + Sync>;
#[cfg(not(feature = "std"))]
type Held = &'static (dyn Any + Send + Sync);

/// The payload of a verified credential, in a type that the application chooses: an e-mail address, a plan, feature flags.
///
/// It is parsed where the credential is verified, and handed from there to handlers without a copy. The rules of tenancy
/// read nothing of it.
#[derive(Clone)]
#[doc(alias = "custom claims")]
pub struct SharedPayload(Held);

impl SharedPayload {
    /// Holds a payload.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn new<T: Any + Send + Sync>(payload: T) -> Self {
        Self(std::sync::Arc::new(payload))
    }

    /// Holds a payload that lives as long as the program.
    #[cfg(not(feature = "std"))]
    #[must_use]
    pub const fn from_static<T: Any + Send + Sync>(payload: &'static T) -> Self {
        Self(payload)
    }

    /// The payload, if it is a `T`.
    #[must_use]
    pub fn get<T: Any>(&self) -> Option<&T> {
        self.erased().downcast_ref()
    }

    #[cfg(feature = "std")]
    fn erased(&self) -> &(dyn Any + Send + Sync) {
        &*self.0
    }

    #[cfg(not(feature = "std"))]
    const fn erased(&self) -> &(dyn Any + Send + Sync) {
        self.0
    }

    /// The payload in its shared form, if it is a `T`.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn shared<T: Any + Send + Sync>(&self) -> Option<std::sync::Arc<T>> {
        std::sync::Arc::clone(&self.0).downcast().ok()
    }
}

/// Two are equal if they are one and the same.
impl PartialEq for SharedPayload {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::addr_eq::<dyn Any + Send + Sync, dyn Any + Send + Sync>(self.erased(), other.erased())
    }
}

impl Eq for SharedPayload {}

/// Shows nothing of the payload, which is personal data.
impl fmt::Debug for SharedPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedPayload").finish_non_exhaustive()
    }
}
