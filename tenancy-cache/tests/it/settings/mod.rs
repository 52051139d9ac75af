//! The settings of tenants, over a source that answers when a test lets it.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod caching;
#[cfg(feature = "limits")]
mod limits;
mod parsing;
mod types;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde::Deserialize;
use serde_json::{Map, Value};
use tenancy_core::directory::{SettingsDocument, SettingsSource, TenantRecord};
use tenancy_core::enforce::Admitted;
use tenancy_core::names::{ResolverName, Subject, TenantId};
use tokio::sync::{Mutex as Gate, OwnedMutexGuard};

use crate::cache_support::Down;
use crate::cache_support::directory::id;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(default)]
struct Plan {
    seats: u32,
    name: String,
    per_second: Option<u32>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            seats: 5,
            name: "free".to_owned(),
            per_second: None,
        }
    }
}

/// Reads the document when it is asked, and gives it when the gate is open.
#[derive(Clone, Default)]
struct Documents {
    documents: Arc<Mutex<HashMap<TenantId, SettingsDocument>>>,
    is_down: Arc<Mutex<bool>>,
    gate: Arc<Gate<()>>,
    asked: Arc<AtomicUsize>,
}

impl Documents {
    fn set(&self, tenant: &str, json: &str, revision: u64) {
        let document = SettingsDocument::new(json, revision);
        self.documents.lock().unwrap().insert(id(tenant), document);
    }

    fn remove(&self, tenant: &str) {
        self.documents.lock().unwrap().remove(&id(tenant));
    }

    fn set_down(&self, is_down: bool) {
        *self.is_down.lock().unwrap() = is_down;
    }

    fn hold(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.gate).try_lock_owned().unwrap()
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl SettingsSource for Documents {
    type Error = Down;

    async fn settings_of(&self, tenant: &TenantId) -> Result<Option<SettingsDocument>, Down> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let answer = self.documents.lock().unwrap().get(tenant).cloned();
        let is_down = *self.is_down.lock().unwrap();
        drop(self.gate.lock().await);
        if is_down { Err(Down) } else { Ok(answer) }
    }
}

fn member(tenant: &str) -> Admitted {
    let record = TenantRecord::new(id(tenant), "row".parse().unwrap());
    let resolver = ResolverName::from_static("header");
    Admitted::dangerously_assume(record, resolver, Subject::from_static("alice"))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other}"),
    }
}
