//! A request that was bound a while ago, and is decided on again.
#![cfg(feature = "std")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use tenancy_core::directory::{MemoryDirectory, MemoryEntry, TenantRecord, TenantStatus};
use tenancy_core::enforce::{Admitted, Cause, Enforcer, Outcome, drive_now};
use tenancy_core::names::TenantKey;
use tenancy_core::request::{Claims, RequestView, VerifiedClaims};
use tenancy_core::resolve::{Malformed, Resolver, ResolverChain};

/// A resolver that must not run.
#[derive(Debug)]
struct Never;

impl Resolver for Never {
    fn name(&self) -> tenancy_core::names::ResolverName {
        tenancy_core::names::ResolverName::from_static("never")
    }

    fn resolve(&self, _: &RequestView<'_>) -> Result<Option<TenantKey>, Malformed> {
        panic!("a resolver has run")
    }
}

fn record() -> TenantRecord {
    TenantRecord::new("acme".parse().unwrap(), "row".parse().unwrap())
}

fn again(bound: &Outcome, claims: Option<&dyn VerifiedClaims>, now: TenantRecord) -> Result<(), Cause> {
    let directory = MemoryDirectory::new([MemoryEntry::new(now).with_member("alice".parse().unwrap())]).unwrap();
    let enforcer = Enforcer::new(ResolverChain::new().then(&Never as &dyn Resolver).unwrap());
    let mut key = None;
    let step = enforcer.begin_again(bound, claims, &mut key);
    let Ok(decided) = drive_now(step, &directory, &directory) else {
        panic!("the directory answers at once")
    };
    let confirmed = decided.and_then(|now| now.confirms(bound));
    confirmed.map_err(|rejection| rejection.cause())
}

#[test]
fn the_tenant_is_looked_up_by_its_id_and_no_resolver_runs() {
    let claims = Claims::new("alice".parse().unwrap());
    let admitted = Admitted::dangerously_assume(record(), "never".parse().unwrap(), "alice".parse().unwrap());
    let visit = Outcome::Visit(admitted.to_visit());
    let member = Outcome::Admitted(admitted);
    for (name, now, expected) in [
        ("as it was", record(), Ok(())),
        ("renamed", record().with_slug("rocket".parse().unwrap()), Ok(())),
        (
            "suspended",
            record().with_status(TenantStatus::Suspended),
            Err(Cause::SuspendedTenant),
        ),
        ("moved", record().with_epoch(1), Err(Cause::TenantMoved)),
        (
            "moved",
            record().with_placement("eu".parse().unwrap()),
            Err(Cause::TenantMoved),
        ),
    ] {
        assert_eq!(again(&member, Some(&claims), now.clone()), expected, "{name}");
        assert_eq!(again(&visit, None, now), expected, "{name}");
    }
    let strategy = TenantRecord::new("acme".parse().unwrap(), "schema".parse().unwrap());
    assert_eq!(again(&member, Some(&claims), strategy), Err(Cause::TenantMoved));
    let gone = TenantRecord::new("globex".parse().unwrap(), "row".parse().unwrap());
    assert_eq!(again(&member, Some(&claims), gone), Err(Cause::UnknownTenant));
}

#[test]
fn a_member_is_the_one_who_was_admitted() {
    let admitted = Admitted::dangerously_assume(record(), "never".parse().unwrap(), "bob".parse().unwrap());
    let member = Outcome::Admitted(admitted);
    // Nobody, a member who is another one, and a stranger.
    assert_eq!(again(&member, None, record()), Err(Cause::NoCredentials));
    let alice = Claims::new("alice".parse().unwrap());
    assert_eq!(again(&member, Some(&alice), record()), Err(Cause::TenantReplaced));
    let bob = Claims::new("bob".parse().unwrap());
    assert_eq!(again(&member, Some(&bob), record()), Err(Cause::NotAMember));
    // What is bound to no tenant asks nobody.
    assert_eq!(again(&Outcome::NoTenant, None, record()), Ok(()));
}
