//! What the handlers do, in every framework: they tell which tenant they see, and where.

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::future::Either;
use futures_util::{Stream, StreamExt, stream};
use tenancy_core::context;
use tenancy_core::enforce::{Admitted, Caller, Outcome, Visit};
use tenancy_core::names::ResolverName;
use tokio::sync::{Barrier, Notify};
use tokio::task::{JoinSet, spawn_blocking, yield_now};

use crate::tenants::record;

/// How many requests meet before any of them goes on.
pub(crate) const CROWD: usize = 20;

/// How many pieces a streamed body has.
pub(crate) const PIECES: usize = 5;

/// The tenant that the running code sees.
pub(crate) fn seen() -> String {
    let seen = context::current().map_or_else(|_| "lost".to_owned(), |admitted| admitted.id().to_string());
    tracing::info!("the probe sees {seen}");
    seen
}

/// Whether any scope is there, of a tenant or not.
pub(crate) fn central() -> &'static str {
    tracing::info!("the probe sees no tenant");
    context::bound().map_or("central", |_| "left behind")
}

/// What handlers and tests tell each other.
#[derive(Clone)]
pub(crate) struct Signals(Arc<State>);

struct State {
    crowd: Barrier,
    waits: Notify,
    cancelled: Notify,
    runs: AtomicUsize,
}

impl Signals {
    pub(crate) fn new() -> Self {
        Self(Arc::new(State {
            crowd: Barrier::new(CROWD),
            waits: Notify::new(),
            cancelled: Notify::new(),
            runs: AtomicUsize::new(0),
        }))
    }

    /// How often a handler of an access policy has run since the last look.
    pub(crate) fn take_runs(&self) -> usize {
        self.0.runs.swap(0, Ordering::Relaxed)
    }

    fn run(&self) {
        self.0.runs.fetch_add(1, Ordering::Relaxed);
    }

    /// Comes back when a handler has begun to wait for ever.
    pub(crate) async fn a_handler_waits(&self) {
        self.0.waits.notified().await;
    }

    /// Comes back when that handler has been dropped.
    pub(crate) async fn it_is_cancelled(&self) {
        self.0.cancelled.notified().await;
    }

    async fn meet(&self) {
        self.0.crowd.wait().await;
    }

    async fn wait_for_ever(self) {
        struct Dropped(Signals);
        impl Drop for Dropped {
            fn drop(&mut self) {
                self.0.0.cancelled.notify_one();
            }
        }
        let dropped = Dropped(self);
        dropped.0.0.waits.notify_one();
        pending().await
    }
}

/// Does what a request asks for, and tells each tenant that was seen.
pub(crate) async fn run(what: String, signals: Signals) -> String {
    match what.as_str() {
        "reads" => reads().await,
        "crowd" => {
            let before = reads().await;
            signals.meet().await;
            format!("{before} {}", reads().await)
        }
        "spawn" => tokio::spawn(yielding()).await.unwrap(),
        "spawn-carried" => tokio::spawn(context::carry(yielding())).await.unwrap(),
        "spawn-blocking" => spawn_blocking(seen).await.unwrap(),
        "spawn-blocking-carried" => spawn_blocking(context::carry_sync(seen)).await.unwrap(),
        "join-set" => in_join_set(yielding()).await,
        "join-set-carried" => in_join_set(context::carry(yielding())).await,
        "join" => {
            let (one, other) = tokio::join!(yielding(), yielding());
            format!("{one} {other}")
        }
        "select" => tokio::select! {
            biased;
            () = pending() => unreachable!(),
            seen = yielding() => seen,
        },
        "nested" => nested().await,
        "panic" => {
            yield_now().await;
            panic!("on purpose, for {}", seen())
        }
        "wait" => {
            signals.wait_for_ever().await;
            unreachable!()
        }
        what => panic!("`{what}` is no probe"),
    }
}

async fn yielding() -> String {
    yield_now().await;
    seen()
}

/// The tenant of several looks, with room for other tasks between them.
async fn reads() -> String {
    let first = seen();
    for _ in 0..4 {
        let next = yielding().await;
        if next != first {
            return format!("{first} became {next}");
        }
    }
    first
}

async fn in_join_set(task: impl Future<Output = String> + Send + 'static) -> String {
    let mut tasks = JoinSet::new();
    tasks.spawn(task);
    tasks.join_next().await.unwrap().unwrap()
}

async fn nested() -> String {
    let globex = || {
        let by = ResolverName::from_static("test");
        Admitted::dangerously_assume(record("globex"), by, "carol".parse().unwrap())
    };
    let inner = context::scope(globex(), yielding()).await;
    let after = yielding().await;
    let inner_sync = context::sync_scope(globex(), seen);
    format!("{inner} {after} {inner_sync} {}", yielding().await)
}

/// Pieces of a body that is polled after the handler has returned.
pub(crate) fn pieces() -> impl Stream<Item = String> + Send + Sync + 'static {
    stream::iter(0..PIECES).then(|_| yielding())
}

/// As [`pieces`], as a framework's body takes them: as bytes, with an error that never comes.
pub(crate) fn stream<E>() -> impl Stream<Item = Result<Bytes, E>> + Send + Sync + 'static {
    pieces().map(|piece| Ok(Bytes::from(piece + " ")))
}

/// The first of the pieces, and then nothing for ever: the body of a client that reads slowly, or never.
pub(crate) fn held<E: Send + Sync + 'static>() -> impl Stream<Item = Result<Bytes, E>> + Send + Sync + 'static {
    stream().take(1).chain(stream::pending())
}

/// A socket's task as a handler makes it, and what a framework will spawn with the socket: in the
/// handler's scope where it is `carried`, else in none.
pub(crate) fn socket_task<S, F: Future>(how: String, talk: impl FnOnce(S) -> F) -> impl FnOnce(S) -> SocketTask<F> {
    let bound = (how == "carried").then(|| context::bound().unwrap());
    move |socket| match bound {
        Some(bound) => Either::Left(context::scope(bound, talk(socket))),
        None => Either::Right(talk(socket)),
    }
}

type SocketTask<F> = Either<context::Scope<F>, F>;

/// What a socket answers to a text.
pub(crate) async fn echo(text: &str) -> String {
    format!("{text} {}", yielding().await)
}

/// Fields that a handler sets on its own.
pub(crate) const FIELDS: [(&str, &str); 2] = [("vary", "accept, X-Tenant-Id"), ("x-handler", "member")];

/// What the handler of a path below `/table/` says that no route has.
pub(crate) const UNKNOWN: &str = "no such route for acme";

/// A handler that needs a member.
pub(crate) fn member(signals: &Signals, tenant: &Admitted) -> String {
    signals.run();
    assert_eq!(context::current().unwrap(), *tenant);
    format!("{} {} {}", tenant.id(), tenant.resolver(), tenant.subject())
}

/// A handler that goes on without a tenant.
pub(crate) fn maybe(signals: &Signals, tenant: Option<&Admitted>) -> String {
    signals.run();
    assert_eq!(context::current().ok().as_ref(), tenant);
    tenant.map_or_else(|| "none".to_owned(), |tenant| tenant.id().to_string())
}

/// A handler that anyone may ask.
pub(crate) fn visitor(signals: &Signals, visit: &Visit) -> String {
    signals.run();
    assert_eq!(context::current_visit().unwrap().id(), visit.id());
    visit.id().to_string()
}

/// The caller, and what the task is bound to beside.
pub(crate) fn caller(signals: &Signals, caller: &Caller) -> String {
    signals.run();
    assert_eq!(context::current_caller().unwrap(), *caller);
    let issuer = caller.issuer().map_or("-", |issuer| issuer.as_str());
    let staff = if caller.is_platform_staff() { " staff" } else { "" };
    let bound = match context::bound().unwrap().outcome() {
        Outcome::Admitted(admitted) => format!("in {}", admitted.id()),
        Outcome::Visit(visit) => format!("visits {}", visit.id()),
        Outcome::NoTenant => "in none".to_owned(),
        Outcome::Authenticated(_) => "alone".to_owned(),
        outcome => panic!("{outcome:?}"),
    };
    format!("{} {issuer}{staff} {bound}", caller.subject())
}

/// What the application's own type says of a credential.
#[derive(Debug)]
pub(crate) struct Note(pub(crate) String);

/// A handler that needs what the credential says beside.
pub(crate) fn payload(signals: &Signals, note: &Arc<Note>) -> String {
    signals.run();
    note.0.clone()
}

/// The handler of a path that no route has.
pub(crate) fn unknown(tenant: &Admitted) -> String {
    format!("no such route for {}", tenant.id())
}
