//! What a change makes caches forget, and how they learn of it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use tenancy_cache::{CachedDirectory, LocalChanges, follow};
use tenancy_core::directory::{Change, ChangeFeed, Directory, Invalidate, TenantStatus};
use tenancy_core::names::TenantKey;
use tokio::sync::mpsc;

use crate::cache_support::Down;
use crate::cache_support::directory::{ACTIVE, SUSPENDED, Scripted, asking, find, id, key, record};
use crate::cache_support::members::Fixture;

fn tenant(name: &str) -> Change {
    Change::tenant(id(name))
}

fn member(tenant: &str, subject: &str) -> Change {
    Change::Member {
        tenant: id(tenant),
        subject: subject.parse().unwrap(),
    }
}

fn subject(issuer: Option<&str>, subject: &str) -> Change {
    Change::Subject {
        issuer: issuer.map(Into::into),
        subject: subject.parse().unwrap(),
    }
}

/// Records the changes of which it is notified.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Change>>>);

impl Told {
    fn take(&self) -> Vec<Change> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Invalidate for Told {
    fn invalidate(&self, change: &Change) {
        self.0.lock().unwrap().push(change.clone());
    }
}

/// Tells what is sent to it, errors too.
struct Scripts(mpsc::UnboundedReceiver<Result<Change, Down>>);

impl Scripts {
    fn new() -> (mpsc::UnboundedSender<Result<Change, Down>>, Self) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (sender, Self(receiver))
    }
}

impl ChangeFeed for Scripts {
    type Error = Down;

    async fn next(&mut self) -> Result<Option<Change>, Down> {
        self.0.recv().await.transpose()
    }
}

/// Goes on as far as it goes now. Whether it has ended.
fn go_on<F: Future<Output = ()>>(following: &mut Pin<&mut F>) -> bool {
    following.as_mut().now_or_never().is_some()
}

#[tokio::test]
async fn what_a_directory_forgets() {
    let scripted = Scripted::of(&["acme", "globex"]);
    let cached = CachedDirectory::new(scripted.clone());
    let known = ["acme", "globex", "nosuch"];
    for (change, forgotten) in [
        (tenant("acme"), &["acme", "nosuch"][..]),
        (tenant("initech"), &["nosuch"]),
        (member("acme", "alice"), &[]),
        (subject(None, "alice"), &[]),
        (Change::Everything, &["acme", "globex", "nosuch"]),
    ] {
        for name in known {
            find(&cached, name).await.unwrap();
        }
        cached.invalidate(&change);
        let kept = |name: &&&str| cached.peek(&key(name), |_| ()).is_none();
        let found: Vec<_> = known.iter().filter(kept).copied().collect();
        assert_eq!(found, forgotten, "{change}");
    }
}

/// A change that says all names of a tenant leaves the misses of others: a flood of changes queries no unknown name again.
#[tokio::test]
async fn a_tenant_is_forgotten_by_its_old_and_new_names() {
    let scripted = Scripted::of(&["acme", "globex"]);
    let cached = CachedDirectory::new(scripted.clone());
    let known = ["acme", "globex", "nosuch", "initech"];
    for (name, names, forgotten) in [
        ("acme", &["acme"][..], &["acme"][..]),
        ("acme", &["nosuch"], &["acme", "nosuch"]),
        // The name of another tenant until now.
        ("initech", &["globex"], &["globex", "initech"]),
        ("initech", &[], &["nosuch", "initech"]),
    ] {
        for name in known {
            find(&cached, name).await.unwrap();
        }
        let names = names.iter().map(|name| key(name)).collect();
        cached.invalidate(&Change::Tenant { id: id(name), names });
        let is_forgotten = |name: &&&str| cached.peek(&key(name), |_| ()).is_none();
        let found: Vec<_> = known.iter().filter(is_forgotten).copied().collect();
        assert_eq!(found, forgotten, "{name}");
    }
}

#[tokio::test]
async fn what_an_authorizer_forgets() {
    let fixture = Fixture::new();
    let callers = [
        "acme one alice",
        "acme two alice",
        "acme - alice",
        "acme one bob",
        "globex one alice",
    ];
    callers.iter().for_each(|caller| fixture.members.set(caller, "editor"));
    for (change, forgotten) in [
        (tenant("acme"), &callers[..4]),
        (tenant("initech"), &[]),
        (member("acme", "alice"), &callers[..3]),
        (member("acme", "nobody"), &[]),
        (
            subject(None, "alice"),
            &[callers[0], callers[1], callers[2], callers[4]],
        ),
        // Nobody knows whose subject the third is.
        (subject(Some("one"), "alice"), &[callers[0], callers[2], callers[4]]),
        (subject(Some("three"), "bob"), &[]),
        (Change::Everything, &callers),
    ] {
        for caller in callers {
            fixture.enter(caller).await;
        }
        fixture.cached.invalidate(&change);
        let mut asked_again = Vec::new();
        for caller in callers {
            let before = fixture.members.asked();
            fixture.enter(caller).await;
            if fixture.members.asked() > before {
                asked_again.push(caller);
            }
        }
        assert_eq!(asked_again, forgotten, "{change}");
    }
}

/// A new member need not wait until the denial's time is over.
#[tokio::test]
async fn a_denial_is_forgotten_by_each_change_that_may_concern_it() {
    for change in [tenant("acme"), member("acme", "alice"), subject(Some("one"), "alice")] {
        let fixture = Fixture::new();
        assert_eq!(fixture.enter("acme one alice").await.0, 403);
        fixture.members.set("acme one alice", "editor");
        assert_eq!(fixture.enter("acme one alice").await.0, 403, "kept");
        fixture.cached.invalidate(&change);
        assert_eq!(fixture.enter("acme one alice").await.0, 200, "{change}");
    }
}

/// Whose denial it is, is known: a flood of changes decides nothing about others again.
#[tokio::test]
async fn a_change_spares_the_denials_of_others() {
    let callers = ["acme one alice", "acme one bob", "globex one alice"];
    for (change, asked_again) in [
        (tenant("acme"), &callers[..2]),
        (member("acme", "alice"), &callers[..1]),
        (subject(None, "alice"), &[callers[0], callers[2]]),
        (subject(None, "carol"), &[]),
        (tenant("initech"), &[]),
        (Change::Everything, &callers),
    ] {
        let fixture = Fixture::new();
        for caller in callers {
            assert_eq!(fixture.enter(caller).await.0, 403);
        }
        fixture.cached.invalidate(&change);
        callers.iter().for_each(|caller| fixture.members.set(caller, "editor"));
        let mut admitted = Vec::new();
        for caller in callers {
            if fixture.enter(caller).await.0 == 200 {
                admitted.push(caller);
            }
        }
        assert_eq!(admitted, asked_again, "{change}");
    }
}

#[tokio::test]
async fn a_suspension_binds_once_the_cache_is_notified() {
    let scripted = Scripted::of(&["acme"]);
    let cached = CachedDirectory::new(scripted.clone());
    let changes = LocalChanges::new();
    let mut following = pin!(follow(changes.subscribe(), cached.clone()));
    assert!(!go_on(&mut following));
    assert_eq!(find(&cached, "acme").await, ACTIVE);
    scripted.set(record("acme").with_status(TenantStatus::Suspended));
    assert_eq!(find(&cached, "acme").await, ACTIVE, "kept");
    changes.publish(tenant("acme"));
    assert!(!go_on(&mut following));
    assert_eq!(find(&cached, "acme").await, SUSPENDED);
}

/// The look-up under way has read the tenant before the change.
#[tokio::test]
async fn a_change_wins_over_a_look_up_under_way() {
    for change in [tenant("acme"), Change::Everything] {
        let scripted = Scripted::of(&["acme"]);
        let cached = CachedDirectory::new(scripted.clone());
        let changes = LocalChanges::new();
        let mut following = pin!(follow(changes.subscribe(), cached.clone()));
        assert!(!go_on(&mut following));
        let held = scripted.hold();
        let older = asking(&cached, "acme").await;
        scripted.set(record("acme").with_status(TenantStatus::Suspended));
        changes.publish(change);
        assert!(!go_on(&mut following));
        drop(held);
        assert_eq!(older.await.unwrap(), ACTIVE, "it asked before");
        assert_eq!(find(&cached, "acme").await, SUSPENDED, "not kept");
    }
}

/// What was kept before the feed listened may be old, and no feed will say so.
#[tokio::test]
async fn what_was_cached_before_is_forgotten() {
    let scripted = Scripted::of(&["acme"]);
    let cached = CachedDirectory::new(scripted.clone());
    assert_eq!(find(&cached, "acme").await, ACTIVE);
    scripted.set(record("acme").with_status(TenantStatus::Suspended));
    let changes = LocalChanges::new();
    let mut following = pin!(follow(changes.subscribe(), cached.clone()));
    assert!(!go_on(&mut following));
    assert_eq!(find(&cached, "acme").await, SUSPENDED);
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_fails_is_polled_again() {
    let (sender, feed) = Scripts::new();
    let told = Told::default();
    let mut following = pin!(follow(feed, told.clone()));
    assert!(!go_on(&mut following));
    assert_eq!(told.take(), [Change::Everything]);
    for _ in 0..3 {
        sender.send(Err(Down)).unwrap();
        sender.send(Ok(tenant("acme"))).unwrap();
        assert!(!go_on(&mut following));
        assert_eq!(told.take(), [Change::Everything], "it is left alone for a while");
        tokio::time::advance(Duration::from_millis(1_001)).await;
        assert!(!go_on(&mut following));
        assert_eq!(told.take(), [tenant("acme")]);
    }
    drop(sender);
    assert!(go_on(&mut following), "no more will come");
    assert_eq!(told.take(), []);
}

#[tokio::test]
async fn changes_of_a_process() {
    let changes = LocalChanges::new();
    changes.publish(tenant("earlier"));
    let mut feeds = [changes.subscribe(), changes.clone().subscribe()];
    changes.publish(tenant("acme"));
    changes.clone().invalidate(&member("acme", "alice"));
    drop(changes);
    for feed in &mut feeds {
        for expected in [Some(tenant("acme")), Some(member("acme", "alice")), None] {
            assert_eq!(feed.next().await, Ok(expected));
        }
    }
}

/// The queue is bounded, and a receiver that lost changes is notified of it.
#[tokio::test]
async fn a_feed_that_lags_delivers_everything() {
    let changes = LocalChanges::new();
    let mut feed = changes.subscribe();
    for number in 0..1024 {
        changes.publish(tenant(&format!("tenant-{number}")));
    }
    assert_eq!(feed.next().await, Ok(Some(tenant("tenant-0"))), "so many are kept");
    for number in 1024..1026 {
        changes.publish(tenant(&format!("tenant-{number}")));
    }
    assert_eq!(feed.next().await, Ok(Some(Change::Everything)));
    // Those that are still there come after it.
    assert_eq!(feed.next().await, Ok(Some(tenant("tenant-2"))));
}

/// Also where one cache is behind a pointer and others are chosen at start-up.
#[test]
fn each_of_several_is_notified() {
    let told: [Told; 6] = Default::default();
    let [a, b, c, d, e, f] = &told;
    let list: Vec<Box<dyn Invalidate>> = vec![Box::new(c.clone()), Box::new(Arc::new(d.clone()))];
    ((a, b.clone()), list, (e, f)).invalidate(&tenant("acme"));
    for told in &told {
        assert_eq!(told.take(), [tenant("acme")]);
    }
}

/// A name that was unknown is known at once.
#[tokio::test]
async fn a_new_tenant_is_found_once_the_cache_is_notified() {
    let scripted = Scripted::of(&[]);
    let cached = CachedDirectory::new(scripted.clone());
    let slug = TenantKey::Slug("acme-inc".parse().unwrap());
    assert!(cached.find(&slug).await.unwrap().is_none());
    let new = record("acme").with_slug("acme-inc".parse().unwrap());
    scripted.tenants.lock().unwrap().insert(slug.clone(), new);
    assert!(cached.find(&slug).await.unwrap().is_none(), "kept");
    cached.invalidate(&tenant("acme"));
    assert!(cached.find(&slug).await.unwrap().is_some());
}
