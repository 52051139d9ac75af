//! The tenants of a run, and what each of them may find at the end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tenancy_core::directory::TenantRecord;
use tenancy_core::enforce::Admitted;
use tenancy_core::names::{ResolverName, StrategyName, Subject};

use crate::Failure;
use crate::logged::mark_of;

/// What became of a row, as far as its writer knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It was never committed: it must not be there.
    Undone,
    /// Its commit was sent and not confirmed, or a hostile statement may have sent one.
    Unknown,
    /// Its commit was confirmed: it must be there.
    Committed,
}

/// A tenant, its mark, and its rows.
pub(crate) struct Tenant {
    pub(crate) admitted: Admitted,
    pub(crate) strategy: &'static str,
    pub(crate) mark: Arc<str>,
    rows: Mutex<BTreeMap<i64, Fate>>,
}

impl Tenant {
    /// So many of each strategy.
    pub(crate) fn all(of_each: usize) -> Result<Vec<Self>, Failure> {
        let mut tenants = Vec::new();
        for strategy in ["row", "schema", "database"] {
            for number in 0..of_each {
                tenants.push(Self::new(
                    strategy,
                    &format!("{}{number}", strategy.get(..1).unwrap_or_default()),
                )?);
            }
        }
        Ok(tenants)
    }

    fn new(strategy: &'static str, id: &str) -> Result<Self, Failure> {
        let record = TenantRecord::new(id.parse()?, StrategyName::from_static(strategy));
        let resolver = ResolverName::from_static("stress");
        Ok(Self {
            mark: mark_of(id),
            admitted: Admitted::dangerously_assume(record, resolver, Subject::from_static("alice")),
            strategy,
            rows: Mutex::default(),
        })
    }

    pub(crate) fn id(&self) -> &str {
        self.admitted.id().as_str()
    }

    pub(crate) fn set_fate(&self, number: i64, fate: Fate) {
        self.rows().insert(number, fate);
    }

    /// What must be there or not, and forgets it.
    pub(crate) fn take_fates(&self) -> BTreeMap<i64, Fate> {
        std::mem::take(&mut *self.rows())
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<i64, Fate>> {
        self.rows.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
