//! The cache of an authorizer: what is one question, and what is forgotten when.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tenancy_cache::{CacheLimits, CachedAuthorizer};
use tenancy_core::clock::ManualClock;
use tenancy_core::directory::{Authorizer, Decision};
use tenancy_core::enforce::Authorize;
use tenancy_core::request::Claims;

use crate::cache_support::Down;
use crate::cache_support::members::{Fixture, Members, enter};

#[tokio::test]
async fn one_question_for_each_tenant_issuer_and_subject() {
    let fixture = Fixture::new();
    fixture.members.set("acme one alice", "editor");
    fixture.members.set("acme two alice", "reader");
    fixture.members.set("acme - alice", "owner");
    fixture.members.set("globex one alice", "guest");
    let callers = [
        ("acme one alice", 200, "editor"),
        ("acme two alice", 200, "reader"),
        ("acme - alice", 200, "owner"),
        ("globex one alice", 200, "guest"),
        ("globex two alice", 403, ""),
        ("acme one bob", 403, ""),
    ];
    for _ in 0..3 {
        for (caller, status, role) in callers {
            assert_eq!(fixture.enter(caller).await, (status, role.into()), "{caller}");
        }
    }
    assert_eq!(fixture.members.asked(), callers.len());
}

#[tokio::test]
async fn a_removed_member_is_refused_in_time() {
    let fixture = Fixture::new();
    fixture.members.set("acme one alice", "editor");
    assert_eq!(fixture.enter("acme one alice").await.0, 200);
    fixture.members.0.lock().unwrap().0.clear();
    fixture.clock.advance(Duration::from_millis(59_999));
    assert_eq!(fixture.enter("acme one alice").await.0, 200);
    fixture.clock.advance(Duration::from_millis(1));
    assert_eq!(fixture.enter("acme one alice").await.0, 403);

    // A new member waits for five seconds at most.
    fixture.members.set("acme one alice", "editor");
    fixture.clock.advance(Duration::from_millis(4_999));
    assert_eq!(fixture.enter("acme one alice").await.0, 403);
    fixture.clock.advance(Duration::from_millis(1));
    assert_eq!(fixture.enter("acme one alice").await.0, 200);
}

#[tokio::test]
async fn forgetting() {
    let fixture = Fixture::new();
    let callers = ["acme one alice", "acme two alice", "acme one bob", "globex one alice"];
    let (acme, alice) = ("acme".parse().unwrap(), "alice".parse().unwrap());
    for (what, asked_again) in [("a member", 2), ("a tenant", 3), ("all", 4)] {
        for caller in callers {
            fixture.members.set(caller, "editor");
            assert_eq!(fixture.enter(caller).await.0, 200);
        }
        let before = fixture.members.asked();
        match what {
            "a member" => fixture.cached.forget(&acme, &alice),
            "a tenant" => fixture.cached.forget_tenant(&acme),
            _ => fixture.cached.forget_all(),
        }
        for caller in callers {
            assert_eq!(fixture.enter(caller).await.0, 200);
        }
        assert_eq!(fixture.members.asked() - before, asked_again, "{what}");
    }
}

/// An error is no denial, and staff is let in and written down each time.
#[tokio::test]
async fn errors_and_staff_are_not_kept() {
    let fixture = Fixture::new();
    for (says, status) in [("down", 503), ("staff", 200)] {
        fixture.members.set("acme one alice", says);
        let before = fixture.members.asked();
        for _ in 0..2 {
            assert_eq!(fixture.enter("acme one alice").await.0, status, "{says}");
        }
        assert_eq!(fixture.members.asked() - before, 2, "{says}");
    }
}

/// Staff first, then nobody; each answer after a while.
struct StaffOrNobody;

impl Authorizer for StaffOrNobody {
    type Error = Down;

    async fn authorize(&self, asked: &Authorize<'_>) -> Result<Decision, Down> {
        tokio::task::yield_now().await;
        match asked.claims().is_platform_staff() {
            true => Ok(Decision::AllowStaff),
            false => Ok(Decision::Deny),
        }
    }
}

/// Lets the first caller in as staff, and nobody else.
#[derive(Default)]
struct FirstIsStaff(Mutex<bool>);

impl Authorizer for FirstIsStaff {
    type Error = Down;

    async fn authorize(&self, _: &Authorize<'_>) -> Result<Decision, Down> {
        let is_late = std::mem::replace(&mut *self.0.lock().unwrap(), true);
        tokio::task::yield_now().await;
        if is_late {
            Ok(Decision::Deny)
        } else {
            Ok(Decision::AllowStaff)
        }
    }
}

async fn enter_as(authorizer: impl Authorizer, is_staff: bool) -> u16 {
    let claims = Claims::new("alice".parse().unwrap()).with_platform_staff(is_staff);
    match enter(&authorizer, "acme", &claims).await {
        Ok(_) => 200,
        Err(rejection) => rejection.status(),
    }
}

/// One person may hold a token that names staff and one that does not. Neither answers for the other,
/// whether they come together or one after the other.
#[tokio::test]
async fn staff_answers_for_nobody_else() {
    for staff_comes_first in [true, false] {
        let cached = CachedAuthorizer::new(StaffOrNobody);
        let enter = |is_staff| enter_as(cached.clone(), is_staff);
        let (first, second) = tokio::join!(enter(staff_comes_first), enter(!staff_comes_first));
        let expected = if staff_comes_first { (200, 403) } else { (403, 200) };
        assert_eq!((first, second), expected);
        assert_eq!((enter(true).await, enter(false).await), (200, 403));
    }
    // Also where the authorizer finds staff by other means than the token.
    let cached = CachedAuthorizer::new(FirstIsStaff::default());
    let (first, second) = tokio::join!(enter_as(cached.clone(), false), enter_as(cached.clone(), false));
    assert_eq!((first, second), (200, 403));
}

/// An answer that holds for ever has no end that the clock could tell.
#[tokio::test]
async fn times_to_live_without_end() {
    let members = Members::default();
    members.set("acme one alice", "editor");
    let clock = Arc::new(ManualClock::new());
    let limits = CacheLimits::new()
        .with_time_to_live(Duration::MAX)
        .with_miss_time_to_live(Duration::MAX)
        .with_clock(Arc::clone(&clock));
    let fixture = Fixture::with_limits(members, limits, clock);
    for _ in 0..2 {
        assert_eq!(fixture.enter("acme one alice").await.0, 200);
        assert_eq!(fixture.enter("acme one bob").await.0, 403);
        fixture.clock.advance(Duration::from_secs(1_000_000_000));
    }
    assert_eq!(fixture.members.asked(), 2);
}
