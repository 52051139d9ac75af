//! What a cached directory answers with.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use foldhash::quality::RandomState;
use tenancy_core::directory::{TenantEntry, TenantHandle, TenantRecord, answers_to};
use tenancy_core::names::{Domain, TenantKey};

use crate::group::{Group, Grouped, Groups};
use crate::store::{Matches, Unshare};

/// An entry of a directory that is cached, with its record ready to be handed on. It is cheap to clone.
pub struct CachedEntry<E> {
    entry: Arc<E>,
    handle: TenantHandle,
}

impl<E: TenantEntry> CachedEntry<E> {
    pub(super) fn new(entry: E) -> Self {
        Self {
            handle: entry.handle(),
            entry: Arc::new(entry),
        }
    }
}

impl<E> Clone for CachedEntry<E> {
    fn clone(&self) -> Self {
        Self {
            entry: Arc::clone(&self.entry),
            handle: self.handle.clone(),
        }
    }
}

impl<E: TenantEntry> Matches<CachedEntry<E>> for TenantKey {
    fn matches(&self, entry: &CachedEntry<E>) -> bool {
        answers_to(entry, self)
    }
}

impl<E: TenantEntry> Grouped for CachedEntry<E> {
    fn groups(&self, hasher: &RandomState) -> Groups {
        Groups::one(Group::new(hasher, &self.record().id))
    }
}

/// A miss is forgotten by its key.
impl Grouped for TenantKey {
    fn groups(&self, _: &RandomState) -> Groups {
        Groups::default()
    }
}

/// The record is copied: each request that it admits holds a handle to it.
impl<E> Unshare for CachedEntry<E> {
    fn unshare(&self) -> Self {
        Self {
            entry: Arc::clone(&self.entry),
            handle: TenantRecord::clone(&self.handle).into(),
        }
    }
}

impl<E> Deref for CachedEntry<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.entry
    }
}

impl<E: fmt::Debug> fmt::Debug for CachedEntry<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entry.fmt(f)
    }
}

impl<E: TenantEntry> TenantEntry for CachedEntry<E> {
    fn record(&self) -> &TenantRecord {
        self.entry.record()
    }

    fn handle(&self) -> TenantHandle {
        self.handle.clone()
    }

    fn has_domain(&self, domain: &Domain) -> bool {
        self.entry.has_domain(domain)
    }
}
