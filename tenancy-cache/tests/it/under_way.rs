//! Look-ups that are under way while something is forgotten: which answers are cached, and who may have them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Mutex;

use futures_util::FutureExt;
use tenancy_cache::CachedDirectory;
use tenancy_core::directory::{Change, Directory, Invalidate, TenantEntry, TenantRecord, TenantStatus};
use tenancy_core::names::TenantKey;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, yield_now};

use crate::cache_support::directory::{Scripted, id, key, record};

fn slug(name: &str) -> TenantKey {
    TenantKey::Slug(name.parse().unwrap())
}

fn change(name: &str, names: &[TenantKey]) -> Change {
    Change::Tenant {
        id: id(name),
        names: names.into(),
    }
}

type Found = Option<(String, TenantStatus)>;

async fn find(cached: &CachedDirectory<Scripted>, key: &TenantKey) -> Found {
    let entry = cached.find(key).await.unwrap()?;
    Some((entry.record().id.to_string(), entry.record().status))
}

/// Asks on a task of its own, as far as it goes.
async fn asking(cached: &CachedDirectory<Scripted>, key: &TenantKey) -> JoinHandle<Found> {
    let (cached, key) = (cached.clone(), key.clone());
    let task = tokio::spawn(async move { find(&cached, &key).await });
    yield_now().await;
    task
}

fn named(scripted: &Scripted, name: &TenantKey, id: &str, status: TenantStatus) {
    let record = record(id).with_slug(name.as_str().parse().unwrap()).with_status(status);
    scripted.tenants.lock().unwrap().insert(name.clone(), record);
}

fn is_cached(cached: &CachedDirectory<Scripted>, key: &TenantKey) -> bool {
    cached.peek(key, |_| ()).is_some()
}

/// The answer of each look-up, whether the change may concern it, and so whether it is cached when it comes.
#[tokio::test]
async fn what_is_cached_of_the_answers_under_way() {
    let (acme, globex, unknown) = (slug("acme-inc"), slug("globex-inc"), slug("nosuch"));
    for (change, dropped) in [
        // Any name may be the tenant's: what proves to be another's is that one's.
        (change("acme", &[]), &[&acme, &unknown][..]),
        (change("acme", &[slug("acme-inc")]), &[&acme]),
        // By its id, although the name has not been mentioned.
        (change("acme", &[slug("other")]), &[&acme]),
        (change("initech", &[slug("nosuch")]), &[&unknown]),
        (change("initech", &[slug("globex-inc")]), &[&globex]),
        (change("initech", &[slug("initech")]), &[]),
        (Change::Everything, &[&acme, &globex, &unknown]),
    ] {
        let scripted = Scripted::of(&[]);
        named(&scripted, &acme, "acme", TenantStatus::Active);
        named(&scripted, &globex, "globex", TenantStatus::Active);
        let cached = CachedDirectory::new(scripted.clone());
        let held = scripted.hold();
        let mut tasks = Vec::new();
        for name in [&acme, &globex, &unknown] {
            tasks.push(asking(&cached, name).await);
        }
        cached.invalidate(&change);
        drop(held);
        for task in tasks {
            task.await.unwrap();
        }
        let uncached = |name: &&&TenantKey| !is_cached(&cached, name);
        let found: Vec<_> = [&acme, &globex, &unknown].iter().filter(uncached).copied().collect();
        assert_eq!(found, dropped, "{change}");
    }
}

/// Another tenant's change costs a look-up under way nothing: who asks later waits for it.
#[tokio::test]
async fn a_change_of_another_tenant_lets_callers_share_a_look_up() {
    let scripted = Scripted::of(&["globex"]);
    let cached = CachedDirectory::new(scripted.clone());
    let held = scripted.hold();
    let first = asking(&cached, &key("globex")).await;
    cached.forget(&id("acme"));
    cached.invalidate(&change("acme", &[slug("acme-inc")]));
    let second = asking(&cached, &key("globex")).await;
    drop(held);
    assert_eq!(first.await.unwrap(), second.await.unwrap());
    assert_eq!(scripted.asked(), 1);
    assert!(is_cached(&cached, &key("globex")));
}

/// The change does not mention the name, so that a caller after it joins the look-up before it. What comes is the tenant
/// that changed, as it was: the caller does not get that.
#[tokio::test]
async fn who_asks_after_a_change_gets_no_answer_from_before() {
    let scripted = Scripted::of(&[]);
    let name = slug("acme-inc");
    named(&scripted, &name, "acme", TenantStatus::Active);
    let cached = CachedDirectory::new(scripted.clone());
    let held = scripted.hold();
    let before = asking(&cached, &name).await;
    let joined_before = asking(&cached, &name).await;
    named(&scripted, &name, "acme", TenantStatus::Suspended);
    cached.invalidate(&change("acme", &[slug("other")]));
    let after = asking(&cached, &name).await;
    assert_eq!(scripted.asked(), 1);
    drop(held);
    let found = |status| Some(("acme".to_owned(), status));
    assert_eq!(before.await.unwrap(), found(TenantStatus::Active), "it asked before");
    assert_eq!(joined_before.await.unwrap(), found(TenantStatus::Active), "so did this");
    assert_eq!(after.await.unwrap(), found(TenantStatus::Suspended));
    assert_eq!(find(&cached, &name).await, found(TenantStatus::Suspended));
    assert_eq!(scripted.asked(), 2);
}

/// Answers each question when a test says so.
#[derive(Default)]
struct Gated(Mutex<VecDeque<oneshot::Receiver<TenantRecord>>>);

impl Directory for Gated {
    type Entry = TenantRecord;
    type Error = Infallible;

    async fn find(&self, _: &TenantKey) -> Result<Option<TenantRecord>, Infallible> {
        let answer = self.0.lock().unwrap().pop_front().unwrap();
        Ok(Some(answer.await.unwrap()))
    }
}

/// The older look-up is the last to answer. Nothing that was forgotten concerns it, but a newer answer is there.
#[tokio::test]
async fn an_answer_that_was_overtaken_is_not_cached() {
    let answers = |status| record("globex").with_status(status);
    let name = key("globex");
    for (change, is_overtaken) in [
        (Change::tenant(id("globex")), true),
        (Change::tenant(id("acme")), false),
    ] {
        let gated = Gated::default();
        let [(older, first), (newer, second)] = [oneshot::channel(), oneshot::channel()];
        gated.0.lock().unwrap().extend([first, second]);
        let cached = CachedDirectory::new(gated);
        let mut before = pin!(cached.find(&name));
        assert!(before.as_mut().now_or_never().is_none());
        cached.invalidate(&change);
        let mut after = pin!(cached.find(&name));
        assert!(after.as_mut().now_or_never().is_none());
        newer.send(answers(TenantStatus::Suspended)).unwrap();
        assert_eq!(after.as_mut().now_or_never().is_some(), is_overtaken, "{change}");
        older.send(answers(TenantStatus::Active)).unwrap();
        let found = before.now_or_never().unwrap().unwrap().unwrap();
        assert_eq!(found.record().status, TenantStatus::Active, "{change}: it asked before");
        let cached = cached.peek(&name, |entry| entry.unwrap().record().status);
        let expected = if is_overtaken {
            TenantStatus::Suspended
        } else {
            TenantStatus::Active
        };
        assert_eq!(cached, Some(expected), "{change}");
    }
}

/// As above, where any name may be that of the tenant that changed, so that nobody joins the older look-up.
#[tokio::test]
async fn an_answer_to_a_name_that_was_overtaken_is_not_cached() {
    let name = slug("globex-inc");
    let answers = |status| {
        record("globex")
            .with_slug("globex-inc".parse().unwrap())
            .with_status(status)
    };
    let gated = Gated::default();
    let [(older, first), (newer, second)] = [oneshot::channel(), oneshot::channel()];
    gated.0.lock().unwrap().extend([first, second]);
    let cached = CachedDirectory::new(gated);
    let mut before = pin!(cached.find(&name));
    assert!(before.as_mut().now_or_never().is_none());
    cached.forget(&id("acme"));
    newer.send(answers(TenantStatus::Suspended)).unwrap();
    let after = cached.find(&name).now_or_never().unwrap().unwrap().unwrap();
    assert_eq!(after.record().status, TenantStatus::Suspended);
    older.send(answers(TenantStatus::Active)).unwrap();
    assert!(before.now_or_never().unwrap().unwrap().is_some());
    let cached = cached.peek(&name, |entry| entry.unwrap().record().status);
    assert_eq!(cached, Some(TenantStatus::Suspended));
}
