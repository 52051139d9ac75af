//! What goes with a request until its response's body has ended.

use std::fmt;

/// What goes with a request that a layer has bound, until the response's body has ended: the right to be under way (feature
/// `limits`), and the span that the request's code runs in (feature `spans`). Without those features it is empty.
///
/// It is for frameworks that have no tower services: [`enter`](Self::enter) it whenever code of the request is polled, and
/// give it to the body, by [`TenancyBody::with_guard`](crate::TenancyBody::with_guard).
#[derive(Clone)]
#[must_use = "the request counts as under way for as long as the guard is held"]
pub struct RequestGuard {
    #[cfg(feature = "limits")]
    pub(crate) permit: Option<tenancy_limits::Permit>,
    #[cfg(feature = "spans")]
    pub(crate) span: tracing::Span,
    /// Of the layers around, where one that is not polled around this one must be held.
    #[cfg(any(feature = "limits", feature = "spans"))]
    outer: Option<Box<RequestGuard>>,
}

impl RequestGuard {
    /// One that holds nothing, such as of a request that no layer has bound.
    pub const fn none() -> Self {
        Self {
            #[cfg(feature = "limits")]
            permit: None,
            #[cfg(feature = "spans")]
            span: tracing::Span::none(),
            #[cfg(any(feature = "limits", feature = "spans"))]
            outer: None,
        }
    }

    /// Runs code of the request in the request's span.
    #[inline]
    pub fn enter<T>(&self, run: impl FnOnce() -> T) -> T {
        #[cfg(feature = "spans")]
        let _entered = self.span.enter();
        run()
    }

    /// Whether [`enter`](Self::enter) enters a span. Where it does not, it makes no difference.
    #[cfg(feature = "spans")]
    #[must_use]
    pub fn has_span(&self) -> bool {
        !self.span.is_none()
    }

    /// Whether [`enter`](Self::enter) enters a span. Where it does not, it makes no difference.
    #[cfg(not(feature = "spans"))]
    #[must_use]
    pub const fn has_span(&self) -> bool {
        false
    }

    /// Holds that of a layer around this one, too.
    #[cfg(any(feature = "limits", feature = "spans"))]
    pub fn within(self, outer: Self) -> Self {
        if self.is_empty() {
            return outer;
        }
        if outer.is_empty() {
            return self;
        }
        let outer = match self.outer {
            Some(between) => between.within(outer),
            None => outer,
        };
        Self {
            outer: Some(Box::new(outer)),
            ..self
        }
    }

    /// Holds that of a layer around this one, too.
    #[cfg(not(any(feature = "limits", feature = "spans")))]
    pub const fn within(self, _: Self) -> Self {
        self
    }

    #[cfg(any(feature = "limits", feature = "spans"))]
    fn is_empty(&self) -> bool {
        #[cfg(feature = "limits")]
        let is_permitted = self.permit.is_some();
        #[cfg(not(feature = "limits"))]
        let is_permitted = false;
        !is_permitted && !self.has_span() && self.outer.is_none()
    }
}

impl fmt::Debug for RequestGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestGuard").finish_non_exhaustive()
    }
}
