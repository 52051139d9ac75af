//! A page of a list, and how the next one is requested.

use std::num::NonZeroU16;

/// Which part of a list to read: so many items behind one that was seen.
///
/// A page begins behind a key and not at a number, so that the last page costs as much as the first, and an item that is
/// added or removed meanwhile neither repeats nor hides another.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # async fn example(directory: &tenancy_sqlx::SqliteDirectory) -> Result<(), Box<dyn std::error::Error>> {
/// use tenancy_core::directory::TenantEntry;
/// use tenancy_sqlx::PageRequest;
///
/// let mut next = Some(PageRequest::first());
/// while let Some(request) = next {
///     let page = directory.page(&request).await?;
///     for entry in &page.items {
///         println!("{}", entry.record().id);
///     }
///     next = page.next;
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "pagination")]
#[doc(alias = "cursor")]
#[doc(alias = "keyset")]
pub struct PageRequest<K> {
    after: Option<K>,
    limit: NonZeroU16,
}

const DEFAULT_LIMIT: NonZeroU16 = NonZeroU16::new(100).unwrap();
const MAX_LIMIT: NonZeroU16 = NonZeroU16::new(1000).unwrap();

impl<K> PageRequest<K> {
    /// The first page, of up to 100 items.
    #[must_use]
    pub const fn first() -> Self {
        Self {
            after: None,
            limit: DEFAULT_LIMIT,
        }
    }

    /// The page that begins behind this key, of up to 100 items. The key itself does not have to exist any more.
    #[must_use]
    pub const fn after(key: K) -> Self {
        Self {
            after: Some(key),
            limit: DEFAULT_LIMIT,
        }
    }

    /// Sets how many items a page has at most. The default is 100. More than 1,000 is taken for 1,000, so that a number
    /// out of a request cannot ask for everything.
    #[must_use]
    pub fn with_limit(self, limit: NonZeroU16) -> Self {
        Self {
            limit: limit.min(MAX_LIMIT),
            ..self
        }
    }

    /// Behind which key the page begins; `None` for the first one.
    #[must_use]
    pub const fn key(&self) -> Option<&K> {
        self.after.as_ref()
    }

    /// How many items the page has at most.
    #[must_use]
    pub const fn limit(&self) -> NonZeroU16 {
        self.limit
    }

    /// How many rows to read: one more than is shown says whether there is another page.
    pub(in crate::directory) fn rows(&self) -> i64 {
        i64::from(self.limit.get()) + 1
    }

    /// The page out of the items that were read, up to [`rows`](Self::rows) of them.
    pub(in crate::directory) fn page<T>(&self, mut items: Vec<T>, key_of: impl FnOnce(&T) -> K) -> Page<T, K> {
        let limit = usize::from(self.limit.get());
        let has_more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| has_more).map(|last| Self {
            after: Some(key_of(last)),
            limit: self.limit,
        });
        Page { items, next }
    }
}

impl<K> Default for PageRequest<K> {
    fn default() -> Self {
        Self::first()
    }
}

/// Items of a list, in the order of their keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T, K> {
    /// The items.
    pub items: Vec<T>,
    /// Requests the page behind this one; `None` if this is the last.
    pub next: Option<PageRequest<K>>,
}
