//! Tenants whom the database refuses again and again: a closed tenant's callers are not to be felt by the others.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tenancy_core::directory::TenantRecord;
use tenancy_core::names::TenantId;

use crate::{FenceRefusal, Purpose, StrategyError};

/// How long a refusal may be repeated without a query of the database at first, unless set otherwise.
pub(super) const REPEATED_FOR: Duration = Duration::from_millis(100);

/// The longest that can be set. Beyond some minutes it would be no longer a short time.
const AT_MOST: Duration = Duration::from_secs(60);

/// How many refusals come from the database before one is repeated. Those who try a few times always learn what is true now.
const BY_DATABASE: u32 = 4;

/// It is repeated for twice as long with each refusal after it, up to so many times as long.
const LONGER: u32 = 8;

/// How many tenants are remembered. Those beyond it are queried each time.
const TENANTS: usize = 1024;

/// A tenant whose place was not queried for so many times the duration is forgotten.
const FORGOTTEN_AFTER: u32 = 2 * LONGER;

/// Who is refused: callers with a later record of the tenant, or for another purpose, are not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Caller {
    tenant: TenantId,
    epoch: u64,
    revision: u64,
    purpose: Purpose,
}

impl Caller {
    fn new(tenant: &TenantRecord, purpose: Purpose) -> Self {
        Self {
            tenant: tenant.id.clone(),
            epoch: tenant.epoch,
            revision: tenant.revision,
            purpose,
        }
    }
}

/// What the database has answered to a caller.
#[derive(Debug)]
struct Refusals {
    /// When the database was last queried on purpose: the first time, and whenever the latest refusal was too old to be repeated.
    queried: Instant,
    /// How long the answer of then is repeated.
    repeated_for: Duration,
    count: u32,
    latest: FenceRefusal,
}

/// Refusals of a short time. A refusal is repeated, and never a permission: so nobody enters by it.
#[derive(Debug)]
pub(super) struct Refused {
    repeated_for: Duration,
    /// How many callers are remembered, which is read at each beginning: mostly none.
    len: AtomicUsize,
    callers: Mutex<Callers>,
}

#[derive(Debug)]
struct Callers {
    by_caller: HashMap<Caller, Refusals>,
    tidied: Instant,
}

impl Refused {
    pub(super) fn new(repeated_for: Duration) -> Self {
        Self {
            repeated_for: repeated_for.min(AT_MOST),
            len: AtomicUsize::new(0),
            callers: Mutex::new(Callers {
                by_caller: HashMap::new(),
                tidied: Instant::now(),
            }),
        }
    }

    /// The refusal to repeat, if the database has given it often enough of late. Where the latest one is too old, this caller is to
    /// query the database, and its answer is not awaited by the others.
    pub(super) fn repeated(&self, tenant: &TenantRecord, purpose: Purpose, now: Instant) -> Option<FenceRefusal> {
        if self.len.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut callers = self.lock();
        if now.saturating_duration_since(callers.tidied) >= self.repeated_for * FORGOTTEN_AFTER {
            self.tidy(&mut callers, now);
        }
        let refusals = callers.by_caller.get_mut(&Caller::new(tenant, purpose))?;
        if now.saturating_duration_since(refusals.queried) >= refusals.repeated_for {
            refusals.queried = now;
            if refusals.count >= BY_DATABASE {
                refusals.repeated_for = (refusals.repeated_for * 2).min(self.repeated_for * LONGER);
            }
            return None;
        }
        (refusals.count >= BY_DATABASE).then_some(refusals.latest)
    }

    /// Takes note of what the database has answered.
    pub(super) fn note<T>(
        &self,
        tenant: &TenantRecord,
        purpose: Purpose,
        now: Instant,
        answer: &Result<T, StrategyError>,
    ) {
        match answer {
            Err(StrategyError::Fenced(refusal)) if is_of_the_record(*refusal) => {
                self.count(Caller::new(tenant, purpose), *refusal, now);
            }
            Ok(_) if self.len.load(Ordering::Relaxed) > 0 => {
                let mut callers = self.lock();
                callers.by_caller.remove(&Caller::new(tenant, purpose));
                self.len.store(callers.by_caller.len(), Ordering::Relaxed);
            }
            _ => {}
        }
    }

    fn count(&self, caller: Caller, refusal: FenceRefusal, now: Instant) {
        if self.repeated_for.is_zero() {
            return;
        }
        let mut callers = self.lock();
        if let Some(refusals) = callers.by_caller.get_mut(&caller) {
            refusals.count = refusals.count.saturating_add(1);
            refusals.latest = refusal;
            return;
        }
        if callers.by_caller.len() >= TENANTS {
            self.tidy(&mut callers, now);
        }
        if callers.by_caller.len() < TENANTS {
            let refusals = Refusals {
                queried: now,
                repeated_for: self.repeated_for,
                count: 1,
                latest: refusal,
            };
            callers.by_caller.insert(caller, refusals);
        }
        self.len.store(callers.by_caller.len(), Ordering::Relaxed);
    }

    /// Forgets those whom nobody calls for any more.
    fn tidy(&self, callers: &mut Callers, now: Instant) {
        let old = self.repeated_for * FORGOTTEN_AFTER;
        let by_caller = &mut callers.by_caller;
        by_caller.retain(|_, refusals| now.saturating_duration_since(refusals.queried) < old);
        callers.tidied = now;
        self.len.store(callers.by_caller.len(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Callers> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether callers with this record are refused until they have a later one. The others end without one: when a lock is given up, when
/// the tenant has been migrated, when an operator has mended the place.
const fn is_of_the_record(refusal: FenceRefusal) -> bool {
    match refusal {
        FenceRefusal::Gone | FenceRefusal::Closed | FenceRefusal::Moved => true,
        FenceRefusal::Locked | FenceRefusal::Behind | FenceRefusal::PlaceBehind => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str) -> TenantRecord {
        TenantRecord::new(id.parse().unwrap(), "row".parse().unwrap())
    }

    const CLOSED: Result<(), StrategyError> = Err(StrategyError::Fenced(FenceRefusal::Closed));

    fn refuse(refused: &Refused, tenant: &TenantRecord, times: u32, now: Instant) {
        for _ in 0..times {
            refused.note(tenant, Purpose::Serve, now, &CLOSED);
        }
    }

    #[test]
    fn a_refusal_is_repeated_after_a_few_and_for_a_short_time() {
        let (refused, acme, now) = (Refused::new(REPEATED_FOR), record("acme"), Instant::now());
        refuse(&refused, &acme, BY_DATABASE - 1, now);
        assert_eq!(
            refused.repeated(&acme, Purpose::Serve, now),
            None,
            "the database is queried"
        );
        refuse(&refused, &acme, 1, now);
        let last = now + REPEATED_FOR - Duration::from_nanos(1);
        for at in [now, last] {
            assert_eq!(refused.repeated(&acme, Purpose::Serve, at), Some(FenceRefusal::Closed));
        }
        // Then one queries the database, and the others are refused meanwhile.
        let next = now + REPEATED_FOR;
        assert_eq!(refused.repeated(&acme, Purpose::Serve, next), None);
        assert_eq!(
            refused.repeated(&acme, Purpose::Serve, next),
            Some(FenceRefusal::Closed)
        );
        // The longer it goes on, the less often, up to a bound.
        let (mut at, mut pauses) = (next, Vec::new());
        for _ in 0..5 {
            let mut later = at;
            while refused.repeated(&acme, Purpose::Serve, later).is_some() {
                later += REPEATED_FOR;
            }
            pauses.push((later - at).as_millis());
            at = later;
        }
        assert_eq!(pauses, [200, 400, 800, 800, 800]);
        let next = at;
        // Who is let in ends it for all.
        refused.note(&acme, Purpose::Serve, next, &Ok(()));
        assert_eq!(refused.repeated(&acme, Purpose::Serve, next), None);
    }

    #[test]
    fn others_are_not_refused_by_it() {
        let (refused, acme, now) = (Refused::new(REPEATED_FOR), record("acme"), Instant::now());
        refuse(&refused, &acme, BY_DATABASE, now);
        let mut later = acme.clone();
        later.revision += 1;
        let mut moved = acme.clone();
        moved.epoch += 1;
        for other in [&record("globex"), &later, &moved] {
            assert_eq!(refused.repeated(other, Purpose::Serve, now), None, "{other:?}");
        }
        for purpose in [Purpose::Staff, Purpose::Administer] {
            assert_eq!(refused.repeated(&acme, purpose, now), None, "{purpose:?}");
        }
    }

    #[test]
    fn what_begins_or_fails_or_ends_without_a_later_record_is_not_repeated() {
        let (refused, acme, now) = (Refused::new(REPEATED_FOR), record("acme"), Instant::now());
        for _ in 0..BY_DATABASE {
            for other in [
                StrategyError::Fenced(FenceRefusal::Locked),
                StrategyError::other("it has failed"),
            ] {
                refused.note::<()>(&acme, Purpose::Serve, now, &Err(other));
            }
        }
        assert_eq!(refused.repeated(&acme, Purpose::Serve, now), None);
        refuse(&refused, &acme, BY_DATABASE, now);
        refused.note(&acme, Purpose::Serve, now, &Ok(()));
        assert_eq!(refused.repeated(&acme, Purpose::Serve, now), None, "it is served again");
    }

    #[test]
    fn it_does_not_grow_without_bound_and_can_be_turned_off() {
        let (refused, now) = (Refused::new(REPEATED_FOR), Instant::now());
        for tenant in 0..TENANTS + 10 {
            refuse(&refused, &record(&format!("t{tenant}")), 1, now);
        }
        assert_eq!(refused.lock().by_caller.len(), TENANTS);
        // Those that nobody calls for make room, and cost the others nothing any more.
        refuse(&refused, &record("late"), 1, now + REPEATED_FOR * FORGOTTEN_AFTER);
        assert_eq!(refused.lock().by_caller.len(), 1);
        let much_later = now + REPEATED_FOR * FORGOTTEN_AFTER * 3;
        assert_eq!(refused.repeated(&record("globex"), Purpose::Serve, much_later), None);
        assert_eq!(refused.len.load(Ordering::Relaxed), 0);

        let (off, acme) = (Refused::new(Duration::ZERO), record("acme"));
        refuse(&off, &acme, BY_DATABASE, now);
        assert_eq!(off.repeated(&acme, Purpose::Serve, now), None);
    }
}
