//! When a connection ends: by the clock, by a notification, and not before.

use std::pin::pin;
use std::time::Duration;

use tenancy_core::directory::TenantStatus;
use tenancy_core::enforce::{Cause, Rejection};
use tenancy_http::{Tenure, tenure};
use tokio::time::{Instant, sleep, timeout};

use super::support::{Tenants, admitted, alice_for, alice_in_acme, tenancy};

const INTERVAL: Duration = Duration::from_secs(30);

/// For this long a test waits for an end at most. The time is paused, and passes at once.
const DAY: Duration = Duration::from_secs(24 * 3600);

async fn end(held: &mut Tenure) -> Rejection {
    timeout(DAY, held.ended()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn it_ends_at_the_next_check_after_a_change() {
    type Change = fn(&mut super::support::State);
    let changes: [(Change, Cause); 3] = [
        (|now| now.status = TenantStatus::Suspended, Cause::SuspendedTenant),
        (|now| now.is_member = false, Cause::NotAMember),
        (|now| now.epoch = 7, Cause::TenantMoved),
    ];
    for (change, expected) in changes {
        let tenants = Tenants::new();
        let mut held = alice_in_acme(&tenants).await;
        assert!(timeout(10 * INTERVAL, held.ended()).await.is_err());
        tenants.change(change);
        let changed = Instant::now();
        assert_eq!(end(&mut held).await.cause(), expected);
        assert!(
            changed.elapsed() <= INTERVAL + Duration::from_millis(10),
            "{:?}",
            changed.elapsed()
        );
        // It stays ended, and nobody is queried any more.
        let look_ups = tenants.look_ups();
        tenants.change(|now| now.status = TenantStatus::Active);
        assert_eq!(end(&mut held).await.cause(), expected);
        assert_eq!(tenants.look_ups(), look_ups);
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_may_go_on_is_not_cut_and_is_checked_once_an_interval() {
    let tenants = Tenants::new();
    let mut held = alice_in_acme(&tenants).await;
    let at_admission = tenants.look_ups();
    assert!(timeout(100 * INTERVAL, held.ended()).await.is_err());
    // Each is a look-up of the tenant and one of the member. The first is at once.
    let checks = (tenants.look_ups() - at_admission) / 2;
    assert!((101..=135).contains(&checks), "{checks}");
}

/// What was notified before the connection could be woken is found at once.
#[tokio::test(start_paused = true)]
async fn what_has_changed_before_it_is_waited_for_ends_it_at_once() {
    let tenants = Tenants::new();
    let mut held = alice_in_acme(&tenants).await.with_interval(Duration::MAX);
    tenants.change(|now| now.status = TenantStatus::Suspended);
    let begun = Instant::now();
    end(&mut held).await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_its_credential_expires_and_not_before() {
    let tenants = Tenants::new();
    let layer = tenancy(&tenants).scoped();
    let parts = admitted(&layer, "acme", &alice_for(60)).await;
    let mut held = tenure(&parts.extensions).unwrap().with_interval(Duration::MAX);
    assert!(timeout(Duration::from_secs(50), held.ended()).await.is_err());
    let ended = timeout(Duration::from_secs(11), held.ended()).await.unwrap();
    assert_eq!(ended.cause(), Cause::ExpiredCredentials);

    let mut outlives = tenure(&parts.extensions).unwrap().dangerously_outlive_credential();
    assert!(timeout(Duration::from_secs(3600), outlives.ended()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_tolerated_for_a_while_and_ends_it_then() {
    let tenants = Tenants::new();
    let mut held = alice_in_acme(&tenants).await;
    assert!(timeout(INTERVAL, held.ended()).await.is_err());
    // A short one, which nobody notices.
    tenants.change(|now| now.is_down = true);
    assert!(timeout(Duration::from_secs(80), held.ended()).await.is_err());
    tenants.change(|now| now.is_down = false);
    assert!(timeout(2 * INTERVAL, held.ended()).await.is_err());
    // A long one. It was confirmed last within an interval before.
    tenants.change(|now| now.is_down = true);
    let begun = Instant::now();
    assert_eq!(end(&mut held).await.cause(), Cause::DirectoryUnavailable);
    let (least, most) = (Duration::from_secs(90), Duration::from_millis(120_010));
    assert!((least..=most).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_outage_hides_no_expiry_and_no_tolerance_ends_it_at_once() {
    let tenants = Tenants::new();
    let layer = tenancy(&tenants).scoped();
    let parts = admitted(&layer, "acme", &alice_for(60)).await;
    let mut held = tenure(&parts.extensions).unwrap().with_outage_tolerance(Duration::MAX);
    let mut strict = alice_in_acme(&tenants).await.with_outage_tolerance(Duration::ZERO);
    tenants.change(|now| now.is_down = true);
    let begun = Instant::now();
    assert_eq!(end(&mut strict).await.cause(), Cause::DirectoryUnavailable);
    assert_eq!(begun.elapsed(), Duration::ZERO);
    let ended = timeout(Duration::from_secs(61), held.ended()).await.unwrap();
    assert_eq!(ended.cause(), Cause::ExpiredCredentials);
}

/// A look-up that never ends is one that fails.
#[tokio::test(start_paused = true)]
async fn a_directory_that_does_not_answer_is_an_outage() {
    let tenants = Tenants::new();
    let mut held = alice_in_acme(&tenants).await;
    let _gate = tenants.gate();
    assert!(timeout(Duration::from_secs(110), held.ended()).await.is_err());
    let ended = timeout(Duration::from_secs(20), held.ended()).await.unwrap();
    assert_eq!(ended.cause(), Cause::TimedOut);
}

/// A busy WebSocket drops the future with each message.
#[tokio::test(start_paused = true)]
async fn a_check_that_is_under_way_goes_on_with_the_next_call() {
    let tenants = Tenants::new();
    let mut held = alice_in_acme(&tenants).await;
    let at_admission = tenants.look_ups();
    let gate = tenants.gate();
    tenants.change(|now| now.status = TenantStatus::Suspended);
    for _ in 0..100 {
        let message = sleep(Duration::from_millis(1));
        tokio::select! {
            biased;
            _ = held.ended() => panic!("the look-up has not ended"),
            () = message => {}
        }
    }
    assert_eq!(tenants.look_ups() - at_admission, 1);
    gate.add_permits(1);
    assert_eq!(end(&mut held).await.cause(), Cause::SuspendedTenant);
}

#[cfg(feature = "cache")]
mod notified {
    use std::sync::Arc;

    use futures_util::future::join_all;
    use tenancy_core::directory::Change;
    use tenancy_http::{CachedAuthorizer, CachedDirectory, LocalChanges, Tenancy, follow};

    use super::super::support::{Named, enforcer};
    use super::*;

    /// Caches that do not expire in these tests, and what notifies them, in this order: caches, then connections.
    fn cached(tenants: &Tenants) -> (Tenancy, LocalChanges) {
        let directory = CachedDirectory::new(tenants.clone());
        let members = CachedAuthorizer::new(tenants.clone());
        let tenancy = Tenancy::builder(enforcer(), Named, directory.clone())
            .with_authorizer(members.clone())
            .build();
        let changes = LocalChanges::new();
        tokio::spawn(follow(changes.subscribe(), (directory, members, tenancy.clone())));
        (tenancy, changes)
    }

    /// One that waits: it has been checked, and would be again in an hour.
    async fn waiting(tenancy: &Tenancy, tenant: &str) -> Tenure {
        let parts = admitted(&tenancy.scoped(), tenant, "alice").await;
        let mut held = tenure(&parts.extensions)
            .unwrap()
            .with_interval(Duration::from_secs(3600));
        assert!(timeout(Duration::from_secs(1), held.ended()).await.is_err());
        held
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_ends_those_whom_it_concerns_at_once() {
        let tenants = Tenants::new();
        let (tenancy, changes) = cached(&tenants);
        let mut acme = waiting(&tenancy, "acme").await;
        let mut globex = waiting(&tenancy, "globex").await;
        tenants.change(|now| now.is_member = false);
        let begun = Instant::now();
        let (tenant, subject) = ("acme".parse().unwrap(), "alice".parse().unwrap());
        changes.publish(Change::Member { tenant, subject });
        assert_eq!(end(&mut acme).await.cause(), Cause::NotAMember);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        // By the cache, which nobody has told of globex.
        assert!(timeout(2 * Duration::from_secs(3600), globex.ended()).await.is_err());
        tenants.change(|now| (now.is_member, now.status) = (true, TenantStatus::Suspended));
        let begun = Instant::now();
        changes.publish(Change::tenant("globex".parse().unwrap()));
        assert_eq!(end(&mut globex).await.cause(), Cause::SuspendedTenant);
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_that_leaves_the_member_ends_nothing() {
        let tenants = Tenants::new();
        let (tenancy, changes) = cached(&tenants);
        let mut held = waiting(&tenancy, "acme").await;
        let look_ups = tenants.look_ups();
        changes.publish(Change::tenant("acme".parse().unwrap()));
        assert!(timeout(Duration::from_secs(60), held.ended()).await.is_err());
        // It was checked, anew.
        assert_eq!(tenants.look_ups() - look_ups, 2);
    }

    /// What is notified while a check is under way is checked after it.
    #[tokio::test(start_paused = true)]
    async fn a_change_wins_over_a_check_that_is_under_way() {
        let tenants = Tenants::new();
        let (tenancy, held) = {
            let tenancy = tenancy(&tenants);
            let parts = admitted(&tenancy.scoped(), "acme", "alice").await;
            (tenancy, tenure(&parts.extensions).unwrap().with_interval(Duration::MAX))
        };
        let gate = tenants.gate();
        let mut held = held;
        let mut ended = pin!(held.ended());
        assert!(timeout(Duration::from_millis(1), &mut ended).await.is_err());
        gate.add_permits(1);
        assert!(timeout(Duration::from_millis(1), &mut ended).await.is_err());
        // The tenant has been found active; the member is being looked up.
        tenants.change(|now| now.status = TenantStatus::Suspended);
        tenancy_core::directory::Invalidate::invalidate(&tenancy, &Change::tenant("acme".parse().unwrap()));
        gate.add_permits(10);
        assert_eq!(timeout(DAY, ended).await.unwrap().cause(), Cause::SuspendedTenant);
    }

    #[tokio::test(start_paused = true)]
    async fn ten_thousand_idle_connections_are_checked_by_the_cache() {
        let tenants = Tenants::new();
        let (tenancy, _changes) = cached(&tenants);
        // Following begins by forgetting everything.
        tokio::task::yield_now().await;
        let layer = tenancy.scoped();
        let names: Arc<[String]> = (0..100).map(|n| format!("tenant-{n}")).collect();
        let mut held = Vec::new();
        for n in 0..10_000 {
            let parts = admitted(&layer, &names[n % names.len()], "alice").await;
            held.push(tenure(&parts.extensions).unwrap());
        }
        let idle = join_all(held.iter_mut().map(|held| timeout(10 * INTERVAL, held.ended()))).await;
        assert!(idle.iter().all(Result::is_err));
        // Each tenant and each member once, by the first request.
        assert_eq!(tenants.look_ups(), 200);
    }
}
