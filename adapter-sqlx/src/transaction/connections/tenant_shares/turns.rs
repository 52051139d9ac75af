//! Whose turn it is: which tenants have how many transactions under way, and which of those that wait are next.

use std::collections::{BTreeMap, HashMap, VecDeque};

use tenancy_core::names::TenantId;

/// How many transactions a pool has room for, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShareLimits {
    /// The connections of the pool.
    pub(crate) max: usize,
    /// How many transactions of one tenant may be under way while the pool is nearly used up.
    pub(crate) per_tenant: usize,
}

impl ShareLimits {
    pub(crate) fn new(max: usize, per_tenant: usize) -> Self {
        let max = max.max(1);
        // At the least one connection is left by a tenant that takes all that it may.
        let per_tenant = per_tenant.clamp(1, max.saturating_sub(1).max(1));
        Self { max, per_tenant }
    }

    /// The pool is nearly used up while no more than these are free: a fifth of it.
    const fn reserve(self) -> usize {
        self.max.div_ceil(5)
    }
}

/// Who has how many transactions under way, and who waits: a plain value, without locks and clocks. `W` is how one that
/// waits is woken.
///
/// A tenant that has as many under way as it may waits while the pool is nearly used up, and others pass it. Those that wait are
/// served as follows: the tenant first that has the fewest under way, and of those the one that has waited longest. So one that has
/// none under way waits for the next connection at most, however many transactions other tenants wait with.
///
/// What is remembered is bounded by what is under way and what waits: nothing of a tenant that does neither.
pub(super) struct Turns<W> {
    limits: ShareLimits,
    free: usize,
    tenants: HashMap<TenantId, Tenant<W>>,
    /// Those that wait, each once: by how many they have under way, and when their first began to wait.
    next: BTreeMap<(usize, u64), TenantId>,
    arrivals: u64,
}

struct Tenant<W> {
    under_way: usize,
    /// In the order in which they came.
    waiting: VecDeque<(u64, W)>,
}

impl<W> Tenant<W> {
    fn turn(&self) -> Option<(usize, u64)> {
        let (arrival, _) = self.waiting.front()?;
        Some((self.under_way, *arrival))
    }
}

impl<W> Turns<W> {
    pub(super) fn new(limits: ShareLimits) -> Self {
        Self {
            limits,
            free: limits.max,
            tenants: HashMap::new(),
            next: BTreeMap::new(),
            arrivals: 0,
        }
    }

    /// Counts a transaction of the tenant if it may begin now.
    pub(super) fn enter(&mut self, tenant: &TenantId) -> bool {
        let under_way = self.under_way(tenant);
        if !self.may_begin(under_way) {
            return false;
        }
        self.change(tenant, |tenant| tenant.under_way += 1);
        self.free -= 1;
        true
    }

    /// Lets one wait that may not begin now. The number is for [`give_up`](Self::give_up).
    pub(super) fn wait(&mut self, tenant: &TenantId, waker: W) -> u64 {
        self.arrivals += 1;
        let arrival = self.arrivals;
        self.change(tenant, |tenant| tenant.waiting.push_back((arrival, waker)));
        arrival
    }

    /// One that waits does so no longer. If its turn has come already, nothing happens.
    pub(super) fn give_up(&mut self, tenant: &TenantId, arrival: u64) -> Option<W> {
        let mut left = None;
        self.change(tenant, |tenant| {
            let found = tenant.waiting.binary_search_by_key(&arrival, |(arrival, _)| *arrival);
            left = found.ok().and_then(|at| tenant.waiting.remove(at));
        });
        left.map(|(_, waker)| waker)
    }

    /// A transaction has ended. Returns those whose turn it is by that, each of which is counted.
    pub(super) fn leave(&mut self, tenant: &TenantId) -> Vec<(TenantId, W)> {
        self.change(tenant, |tenant| tenant.under_way = tenant.under_way.saturating_sub(1));
        self.free = self.limits.max.min(self.free + 1);
        let mut served = Vec::new();
        while let Some(((under_way, _), tenant)) = self.next.first_key_value() {
            if !self.may_begin(*under_way) {
                break;
            }
            let tenant = tenant.clone();
            let mut first = None;
            self.change(&tenant, |tenant| {
                first = tenant.waiting.pop_front();
                tenant.under_way += 1;
            });
            self.free -= 1;
            served.extend(first.map(|(_, waker)| (tenant, waker)));
        }
        served
    }

    /// How many transactions of the tenant are under way.
    pub(super) fn under_way(&self, tenant: &TenantId) -> usize {
        self.tenants.get(tenant).map_or(0, |tenant| tenant.under_way)
    }

    pub(super) const fn limits(&self) -> ShareLimits {
        self.limits
    }

    const fn may_begin(&self, under_way: usize) -> bool {
        self.free > self.limits.reserve() || self.free > 0 && under_way < self.limits.per_tenant
    }

    /// Changes what is counted of a tenant, and its turn with that.
    fn change(&mut self, id: &TenantId, change: impl FnOnce(&mut Tenant<W>)) {
        let tenant = self.tenants.entry(id.clone()).or_insert_with(|| Tenant {
            under_way: 0,
            waiting: VecDeque::new(),
        });
        let before = tenant.turn();
        change(tenant);
        let after = tenant.turn();
        if before != after {
            if let Some(before) = before {
                self.next.remove(&before);
            }
            if let Some(after) = after {
                self.next.insert(after, id.clone());
            }
        }
        if tenant.under_way == 0 && tenant.waiting.is_empty() {
            self.tenants.remove(id);
        }
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.tenants.len() + self.next.len()
    }
}
