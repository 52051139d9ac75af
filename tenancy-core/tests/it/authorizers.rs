//! Authorizers made of two, and what they make of the roles.
#![cfg(feature = "std")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::cell::Cell;
use std::fmt;
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use tenancy_core::directory::{
    Authorizer, ClaimMembership, Decision, EitherError, Member, MemoryDirectory, MemoryEntry, Roles, TenantRecord,
    TenantStatus,
};
use tenancy_core::enforce::{Access, Authorize, Cause, Disclosure, Outcome, Standing, Step, drive_now};
use tenancy_core::names::TenantKey;
use tenancy_core::request::{Claims, Credentials, HeaderList, HttpVersion, RequestView, Target};
use tenancy_core::testing::InsecureTestStub;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Down;

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("down")
    }
}

impl std::error::Error for Down {}

/// Says one thing, and counts how often it is asked.
struct Says {
    answer: Result<Decision, Down>,
    asked: Mutex<Cell<usize>>,
}

impl Says {
    fn new(answer: &str) -> Self {
        let answer = match answer {
            "down" => Err(Down),
            "deny" => Ok(Decision::Deny),
            "staff" => Ok(Decision::AllowStaff),
            role => Ok(Decision::Allow(roles(&[role]))),
        };
        Self {
            answer,
            asked: Mutex::default(),
        }
    }

    fn count(&self) -> usize {
        self.asked.lock().unwrap().get()
    }

    fn answer(&self) -> Result<Decision, Down> {
        let asked = self.asked.lock().unwrap();
        asked.set(asked.get() + 1);
        self.answer.clone()
    }
}

impl Authorizer for Says {
    type Error = Down;

    async fn authorize(&self, _: &Authorize<'_>) -> Result<Decision, Down> {
        self.answer()
    }

    /// An error is never available without waiting.
    fn authorize_now(&self, _: &Authorize<'_>) -> Option<Decision> {
        self.answer.is_ok().then(|| self.answer().unwrap())
    }
}

fn roles(names: &[&str]) -> Roles {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// Asks an authorizer about a caller with these claims who names `acme`.
fn with_question<T>(claims: &Claims, ask: impl FnOnce(Authorize<'_>) -> T) -> T {
    let enforcer = InsecureTestStub::enforcer();
    let fields = [("x-tenant-id", b"acme".as_slice())];
    let request = RequestView {
        version: HttpVersion::Http11,
        target: Target::path("/"),
        headers: &HeaderList::new(&fields),
        credentials: Credentials::Verified(claims),
    };
    let mut key = None;
    let Step::Lookup(lookup) = enforcer.begin(&request, Access::Scoped, &mut key) else {
        panic!("a look-up");
    };
    let acme = TenantRecord::new("acme".parse().unwrap(), "row".parse().unwrap());
    let Step::Authorize(authorize) = lookup.found(&acme) else {
        panic!("a question");
    };
    ask(authorize)
}

fn anyone() -> Claims {
    Claims::new("alice".parse().unwrap())
}

fn ask<A: Authorizer>(authorizer: &A) -> (Result<Decision, A::Error>, Option<Decision>) {
    with_question(&anyone(), |asked| {
        let answer = pin!(authorizer.authorize(&asked));
        match answer.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => (answer, authorizer.authorize_now(&asked)),
            Poll::Pending => panic!("nothing here waits"),
        }
    })
}

fn told<E: fmt::Debug>(answer: &Result<Decision, E>) -> String {
    match answer {
        Ok(Decision::Deny) => "deny".into(),
        Ok(Decision::AllowStaff) => "staff".into(),
        Ok(Decision::Allow(roles)) => roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join("+"),
        Err(error) => format!("{error:?}"),
    }
}

#[test]
fn both_must_allow() {
    for (first, second, expected, asks_second) in [
        ("a", "b", "a+b", true),
        ("a", "a", "a", true),
        ("a", "deny", "deny", true),
        ("a", "staff", "staff", true),
        ("staff", "a", "staff", true),
        ("staff", "deny", "deny", true),
        ("deny", "a", "deny", false),
        ("deny", "down", "deny", false),
        ("a", "down", "Second(Down)", true),
        ("down", "a", "First(Down)", false),
        ("down", "deny", "First(Down)", false),
    ] {
        let both = Says::new(first).and(Says::new(second));
        let (answer, now) = ask(&both);
        assert_eq!(told(&answer), expected, "{first} and {second}");
        match now {
            Some(now) => assert_eq!(answer, Ok(now), "{first} and {second}"),
            None => assert!(answer.is_err(), "{first} and {second}"),
        }
        let second_one = Says::new(second);
        let _ = ask_once(&Says::new(first).and(&second_one));
        assert_eq!(second_one.count(), usize::from(asks_second), "{first} and {second}");
    }
}

#[test]
fn one_must_allow() {
    for (first, second, expected, asks_second) in [
        ("a", "b", "a", false),
        ("a", "down", "a", false),
        ("staff", "a", "staff", false),
        ("deny", "b", "b", true),
        ("deny", "staff", "staff", true),
        ("deny", "deny", "deny", true),
        ("deny", "down", "Second(Down)", true),
        ("down", "b", "b", true),
        ("down", "deny", "First(Down)", true),
        ("down", "down", "Second(Down)", true),
    ] {
        let either = Says::new(first).or(Says::new(second));
        let (answer, now) = ask(&either);
        assert_eq!(told(&answer), expected, "{first} or {second}");
        if let Some(now) = now {
            assert_eq!(answer, Ok(now), "{first} or {second}");
        }
        let second_one = Says::new(second);
        let _ = ask_once(&Says::new(first).or(&second_one));
        assert_eq!(second_one.count(), usize::from(asks_second), "{first} or {second}");
    }
}

fn ask_once<A: Authorizer>(authorizer: &A) -> Result<Decision, A::Error> {
    with_question(&anyone(), |asked| {
        match pin!(authorizer.authorize(&asked)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => answer,
            Poll::Pending => panic!("nothing here waits"),
        }
    })
}

#[test]
fn errors_speak_for_the_one_that_failed() {
    let error: EitherError<Down, Down> = EitherError::First(Down);
    assert_eq!(error.to_string(), "down");
}

/// A token's roles are those in the tenant that it was issued for, and in no other that it lists.
#[test]
fn roles_of_a_token_hold_in_its_own_tenant() {
    let key = |id: &str| TenantKey::Id(id.parse().unwrap());
    let editor = || anyone().with_roles(roles(&["editor"]));
    for (claims, expected) in [
        (editor().with_tenant(key("acme")), "editor"),
        (
            editor().with_tenant(key("acme")).with_tenants([key("globex")]),
            "editor",
        ),
        (editor().with_tenants([key("acme")]), ""),
        (editor().with_tenant(key("globex")).with_tenants([key("acme")]), ""),
        (editor().with_tenant(key("globex")), "deny"),
        (editor(), "deny"),
    ] {
        let decision = with_question(&claims, |asked| ClaimMembership.authorize_now(&asked));
        assert_eq!(told::<Down>(&Ok(decision.unwrap())), expected, "{claims:?}");
    }
}

/// What was decided is what the capability says.
#[test]
fn roles_and_standing_reach_the_handler() {
    for (answer, standing, names) in [
        ("editor", Standing::Member, &["editor"][..]),
        ("staff", Standing::PlatformStaff, &[]),
    ] {
        let done = with_question(&anyone(), |asked| {
            drive_now(Step::Authorize(asked), &InsecureTestStub, &Says::new(answer)).unwrap()
        });
        let Ok(Outcome::Admitted(admitted)) = done else {
            panic!("admitted: {done:?}");
        };
        assert_eq!(admitted.standing(), standing);
        assert_eq!(*admitted.roles(), roles(names));
    }
}

/// A subject is somebody together with its issuer.
#[test]
fn members_in_memory_have_issuers_and_roles() {
    let member = |subject: &str| Member::new(subject.parse().unwrap());
    let acme = TenantRecord::new("acme".parse().unwrap(), "row".parse().unwrap());
    let acme = MemoryEntry::new(acme)
        .with_member(
            member("alice")
                .with_issuer("https://one")
                .with_roles(roles(&["editor"])),
        )
        .with_member(
            member("alice")
                .with_issuer("https://two")
                .with_roles(roles(&["reader"])),
        )
        .with_member(member("any").with_roles(roles(&["owner"])))
        .with_member(member("mallory").with_issuer(""));
    let directory = MemoryDirectory::new([acme]).unwrap();
    for (subject, issuer, expected) in [
        ("alice", Some("https://one"), "editor"),
        ("alice", Some("https://two"), "reader"),
        ("alice", Some("https://three"), "deny"),
        ("alice", None, "deny"),
        ("any", Some("https://one"), "owner"),
        ("any", None, "owner"),
        ("nobody", Some("https://one"), "deny"),
        ("mallory", Some("https://one"), "deny"),
        ("mallory", None, "deny"),
    ] {
        let claims = Claims::new(subject.parse().unwrap());
        let claims = issuer.map_or(claims.clone(), |issuer| claims.with_issuer(issuer));
        let decision = with_question(&claims, |asked| directory.authorize_now(&asked));
        assert_eq!(
            told::<Down>(&Ok(decision.unwrap())),
            expected,
            "{subject} by {issuer:?}"
        );
    }
}

/// Whatever an authorizer says of a member, and of one who is staff by their claims: it must let them in as staff.
#[test]
fn a_suspended_tenant_is_entered_as_staff_alone() {
    let staff = anyone().with_platform_staff(true);
    let suspended = |disclosure| {
        InsecureTestStub::enforcer()
            .with_disclosure(disclosure)
            .with_staff_in_suspended_tenants(true)
    };
    for (disclosure, decision, expected) in [
        (Disclosure::Uniform, Decision::AllowStaff, Ok(Standing::PlatformStaff)),
        (Disclosure::Uniform, Decision::allow_if(true), Err("forbidden")),
        (
            Disclosure::Uniform,
            Decision::Allow(roles(&["owner"])),
            Err("forbidden"),
        ),
        (Disclosure::Uniform, Decision::Deny, Err("forbidden")),
        (Disclosure::Detailed, Decision::AllowStaff, Ok(Standing::PlatformStaff)),
        (Disclosure::Detailed, Decision::allow_if(true), Err("tenant_suspended")),
        (Disclosure::Detailed, Decision::Deny, Err("tenant_suspended")),
    ] {
        let enforcer = suspended(disclosure);
        let fields = [("x-tenant-id", b"acme".as_slice())];
        let request = RequestView {
            version: HttpVersion::Http11,
            target: Target::path("/"),
            headers: &HeaderList::new(&fields),
            credentials: Credentials::Verified(&staff),
        };
        let mut key = None;
        let Step::Lookup(lookup) = enforcer.begin(&request, Access::Scoped, &mut key) else {
            panic!("a look-up");
        };
        let acme = TenantRecord::new("acme".parse().unwrap(), "row".parse().unwrap());
        let Step::Authorize(authorize) = lookup.found(&acme.with_status(TenantStatus::Suspended)) else {
            panic!("a question");
        };
        let seen = match authorize.decided(decision.clone()) {
            Step::Done(Outcome::Admitted(admitted)) => Ok(admitted.standing()),
            Step::Reject(rejection) => {
                assert_eq!(rejection.cause(), Cause::SuspendedTenant);
                Err(rejection.code())
            }
            step => panic!("{step:?}"),
        };
        assert_eq!(seen, expected, "{disclosure:?} {decision:?}");
    }
}
