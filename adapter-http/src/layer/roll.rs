//! The connections that outlast their admission, by tenant, so that a change wakes those that it may concern.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tenancy_core::directory::Change;
use tenancy_core::enforce::Caller;
use tenancy_core::names::TenantId;

/// The connections that are open, by tenant. It costs nothing while there are none.
#[derive(Default)]
pub(crate) struct Roll(Mutex<Lists>);

#[derive(Default)]
struct Lists {
    last: u64,
    of_tenants: HashMap<TenantId, HashMap<u64, Arc<Bell>>>,
}

/// The place of a connection in the roll. Dropped, it is taken out.
pub(crate) struct Entry {
    roll: Arc<Roll>,
    tenant: TenantId,
    number: u64,
    bell: Arc<Bell>,
}

/// What wakes a connection.
struct Bell {
    caller: Option<Caller>,
    state: Mutex<BellState>,
}

#[derive(Default)]
struct BellState {
    has_rung: bool,
    waker: Option<Waker>,
}

impl Roll {
    pub(crate) fn enter(self: &Arc<Self>, tenant: &TenantId, caller: Option<&Caller>) -> Entry {
        let bell = Arc::new(Bell {
            caller: caller.cloned(),
            state: Mutex::default(),
        });
        let mut lists = lock(&self.0);
        lists.last += 1;
        let number = lists.last;
        let of_tenant = lists.of_tenants.entry(tenant.clone()).or_default();
        of_tenant.insert(number, Arc::clone(&bell));
        Entry {
            roll: Arc::clone(self),
            tenant: tenant.clone(),
            number,
            bell,
        }
    }

    /// Wakes those whom the change may concern. [`Change::Everything`] concerns nobody in particular: if it woke all, each
    /// error of a feed would have all connections query a directory whose cache has just been emptied. They find what has
    /// changed at their next check.
    pub(crate) fn ring(&self, change: &Change) {
        let lists = lock(&self.0);
        let bells: Vec<_> = match change {
            Change::Tenant { id, .. } => lists.of(id).cloned().collect(),
            Change::Member { tenant, subject } => {
                let is_them =
                    |bell: &&Arc<Bell>| bell.caller.as_ref().is_some_and(|caller| caller.subject() == subject);
                lists.of(tenant).filter(is_them).cloned().collect()
            }
            Change::Subject { issuer, subject } => {
                let is_them = |bell: &&Arc<Bell>| {
                    bell.caller.as_ref().is_some_and(|caller| {
                        let theirs = caller.issuer().map(|issuer| issuer.as_str());
                        let is_issuers = issuer.is_none() || theirs.is_none() || theirs == issuer.as_deref();
                        is_issuers && caller.subject() == subject
                    })
                };
                let all = lists.of_tenants.values().flat_map(HashMap::values);
                all.filter(is_them).cloned().collect()
            }
            _ => Vec::new(),
        };
        drop(lists);
        for bell in bells {
            bell.ring();
        }
    }
}

impl Lists {
    fn of(&self, tenant: &TenantId) -> impl Iterator<Item = &Arc<Bell>> {
        self.of_tenants.get(tenant).into_iter().flat_map(HashMap::values)
    }
}

impl Entry {
    /// Whether the bell has rung since this was called last. If it has not, it wakes the task when it does.
    pub(crate) fn has_rung(&self, waker: &Waker) -> bool {
        let mut state = lock(&self.bell.state);
        if std::mem::take(&mut state.has_rung) {
            return true;
        }
        match &mut state.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        false
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut lists = lock(&self.roll.0);
        if let Some(of_tenant) = lists.of_tenants.get_mut(&self.tenant) {
            of_tenant.remove(&self.number);
            if of_tenant.is_empty() {
                lists.of_tenants.remove(&self.tenant);
            }
        }
    }
}

impl Bell {
    fn ring(&self) {
        let waker = {
            let mut state = lock(&self.state);
            state.has_rung = true;
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// No other code runs while a lock is held, so a poisoned one guards no value that is half written.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(roll: &Arc<Roll>, tenant: &str, subject: &str) -> Entry {
        let caller = Caller::dangerously_assume(subject.parse().unwrap());
        roll.enter(&tenant.parse().unwrap(), Some(&caller))
    }

    #[test]
    fn a_change_wakes_those_whom_it_concerns_and_nobody_else() {
        let roll = Arc::new(Roll::default());
        let connections = [
            entry(&roll, "acme", "alice"),
            entry(&roll, "acme", "bob"),
            entry(&roll, "globex", "alice"),
            roll.enter(&"acme".parse().unwrap(), None),
        ];
        for (change, expected) in [
            ("tenant acme", [true, true, false, true]),
            ("tenant globex\nslug rocket", [false, false, true, false]),
            ("member acme alice", [true, false, false, false]),
            ("subject alice", [true, false, true, false]),
            ("subject alice\nhttps://issuer.example", [true, false, true, false]),
            ("subject carol", [false; 4]),
            ("settings acme", [false; 4]),
            ("everything", [false; 4]),
        ] {
            roll.ring(&change.parse().unwrap());
            let woken = connections.each_ref().map(|entry| entry.has_rung(Waker::noop()));
            assert_eq!(woken, expected, "{change}");
            let again = connections.each_ref().map(|entry| entry.has_rung(Waker::noop()));
            assert_eq!(again, [false; 4], "{change}");
        }
    }

    #[test]
    fn who_has_gone_is_off_the_roll() {
        let roll = Arc::new(Roll::default());
        let (one, other) = (entry(&roll, "acme", "alice"), entry(&roll, "acme", "bob"));
        drop(one);
        assert_eq!(lock(&roll.0).of_tenants.len(), 1);
        drop(other);
        assert!(lock(&roll.0).of_tenants.is_empty());
    }
}
