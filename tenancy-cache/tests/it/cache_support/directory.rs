//! A directory that answers when it is told to, and ways to ask it.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tenancy_cache::CachedDirectory;
use tenancy_core::directory::{Directory, MemoryEntry, TenantEntry, TenantRecord, TenantStatus};
use tenancy_core::names::{TenantId, TenantKey};
use tokio::sync::{Mutex as Gate, OwnedMutexGuard};
use tokio::task::{JoinHandle, yield_now};

use super::Down;

pub(crate) type Answer = Result<Option<TenantRecord>, Down>;

/// Reads the answer when it is asked, and gives it when the gate is open.
#[derive(Clone, Default)]
pub(crate) struct Scripted {
    pub(crate) tenants: Arc<Mutex<HashMap<TenantKey, TenantRecord>>>,
    /// Answers that come before those of `tenants`.
    next: Arc<Mutex<VecDeque<Answer>>>,
    gate: Arc<Gate<()>>,
    asked: Arc<AtomicUsize>,
}

impl Scripted {
    pub(crate) fn of(ids: &[&str]) -> Self {
        let scripted = Self::default();
        ids.iter().for_each(|id| scripted.set(record(id)));
        scripted
    }

    pub(crate) fn set(&self, record: TenantRecord) {
        self.tenants
            .lock()
            .unwrap()
            .insert(TenantKey::Id(record.id.clone()), record);
    }

    pub(crate) fn answer_next(&self, answer: Answer) {
        self.next.lock().unwrap().push_back(answer);
    }

    /// No question is answered until the guard is dropped.
    pub(crate) fn hold(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.gate).try_lock_owned().unwrap()
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Directory for Scripted {
    type Entry = MemoryEntry;
    type Error = Down;

    async fn find(&self, key: &TenantKey) -> Result<Option<MemoryEntry>, Down> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let scripted = self.next.lock().unwrap().pop_front();
        let answer = scripted.unwrap_or_else(|| Ok(self.tenants.lock().unwrap().get(key).cloned()));
        drop(self.gate.lock().await);
        answer.map(|record| record.map(MemoryEntry::new))
    }
}

pub(crate) fn record(id: &str) -> TenantRecord {
    TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap())
}

pub(crate) fn key(id: &str) -> TenantKey {
    TenantKey::Id(id.parse().unwrap())
}

pub(crate) fn id(id: &str) -> TenantId {
    id.parse().unwrap()
}

pub(crate) type Found = Result<Option<TenantStatus>, String>;

pub(crate) async fn find(cached: &CachedDirectory<Scripted>, name: &str) -> Found {
    let key = key(name);
    if let Some(kept) = cached.peek(&key, |entry| entry.cloned()) {
        return Ok(kept.map(|entry| entry.record().status));
    }
    let found = cached.find(&key).await.map_err(|error| error.to_string())?;
    Ok(found.map(|entry| entry.record().status))
}

/// Asks on a task of its own, as far as it goes.
pub(crate) async fn asking(cached: &CachedDirectory<Scripted>, name: &'static str) -> JoinHandle<Found> {
    let cached = cached.clone();
    let task = tokio::spawn(async move { find(&cached, name).await });
    yield_now().await;
    task
}

pub(crate) const ACTIVE: Found = Ok(Some(TenantStatus::Active));
pub(crate) const SUSPENDED: Found = Ok(Some(TenantStatus::Suspended));

pub(crate) fn down() -> Found {
    Err("down".into())
}
