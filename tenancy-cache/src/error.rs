use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// The error of the directory or authorizer behind a cache, shared by all callers that waited for its answer.
pub struct SharedError<E>(Arc<E>);

impl<E> SharedError<E> {
    pub(crate) const fn new(error: Arc<E>) -> Self {
        Self(error)
    }
}

impl<E> Clone for SharedError<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E: fmt::Debug> fmt::Debug for SharedError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: fmt::Display> fmt::Display for SharedError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: Error> Error for SharedError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
