//! The tenant of the task that is running.
//!
//! A scope is entered for each poll of a future and left again, whether the poll returns or panics,
//! so it works on every executor and never leaks into another task. There is no default: outside a
//! scope, asking is an error.
//!
//! ```
//! use tenancy_core::context;
//! # use tenancy_core::directory::TenantRecord;
//! # use tenancy_core::enforce::Admitted;
//! # use tenancy_core::names::ResolverName;
//! # let record = TenantRecord::new("acme".parse().unwrap(), "row".parse().unwrap());
//! # let admitted = Admitted::dangerously_assume(record, ResolverName::from_static("job"), "alice".parse().unwrap());
//! # fn block_on<F: Future>(f: F) -> F::Output {
//! #     let mut f = std::pin::pin!(f);
//! #     let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
//! #     loop { if let std::task::Poll::Ready(out) = f.as_mut().poll(&mut cx) { return out } }
//! # }
//! async fn greet() -> String {
//!     let tenant = context::current().expect("a scope");
//!     format!("hello, {}", tenant.id())
//! }
//!
//! assert_eq!(block_on(context::scope(admitted, greet())), "hello, acme");
//! assert!(context::current().is_err());
//! ```
//!
//! `join!` and `select!` keep the scope. What a dropped future's destructors do is outside of it. A spawned task or thread does not have it: carry it over
//! with [`carry`] or [`carry_sync`].
//!
//! # Security
//!
//! The scope is that of the task which polls. A future that several tasks poll, such as `futures::future::Shared` or one
//! in a cache that is filled by the first caller, sees the tenant of the task that happens to poll it. Do not ask for the
//! current tenant in such a future: pass it the tenant, and make the tenant a part of the cache's key.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::enforce::{Admitted, Caller, Outcome, Visit};

mod tenant_scope;

pub use tenant_scope::TenantScope;

std::thread_local! {
    static CURRENT: RefCell<Option<TenantScope>> = const { RefCell::new(None) };
    /// How many scopes the running code is in.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Runs a future inside a scope. Nested scopes restore the outer one.
pub fn scope<F: Future>(scope: impl Into<TenantScope>, future: F) -> Scope<F> {
    Scope {
        scope: Some(scope.into()),
        future,
    }
}

/// As [`scope`], of a future that is made inside the scope, too.
#[inline]
pub fn scope_with<F: Future>(scope: impl Into<TenantScope>, make: impl FnOnce() -> F) -> Scope<F> {
    let mut scope = Some(scope.into());
    let future = enter(&mut scope, make);
    Scope { scope, future }
}

/// Runs a closure inside a scope. Nested scopes restore the outer one.
pub fn sync_scope<T>(scope: impl Into<TenantScope>, run: impl FnOnce() -> T) -> T {
    enter(&mut Some(scope.into()), run)
}

/// Runs a closure inside a scope that the caller owns, as [`sync_scope`] does. The scope is moved into the thread while
/// the closure runs, and moved back afterwards, on a panic too, so that no reference count changes. With `None` the
/// closure runs without a tenant, whatever the scope outside is.
#[inline]
pub fn enter<T>(scope: &mut Option<TenantScope>, run: impl FnOnce() -> T) -> T {
    let _entered = Entered::enter(scope);
    run()
}

/// Puts the running code into another scope in the midst of the one that was [entered](enter), and returns the scope that it
/// was in. The code that entered that one gets the other in its place when this code returns.
///
/// It is for adapters whose framework begins to poll a request's code before the request is decided on.
///
/// # Errors
///
/// Returns `scope` where the running code is in no scope that was entered. Nobody would leave the other one then: the thread's
/// next task would run in it.
///
/// # Security
///
/// Call it only where the scope around was entered by your own code, for this request alone. That of a [`Scope`] would stay
/// replaced at its next poll.
pub fn replace(scope: Option<TenantScope>) -> Result<Option<TenantScope>, Option<TenantScope>> {
    match DEPTH.get() {
        0 => Err(scope),
        _ => Ok(CURRENT.replace(scope)),
    }
}

/// The tenant of the running task, and the capability to act in it.
///
/// # Errors
///
/// Outside a scope, in the scope of a visit, and on an optional route without a tenant.
#[doc(alias = "task local")]
pub fn current() -> Result<Admitted, OutOfScope> {
    CURRENT.with_borrow(|current| match current.as_ref().map(TenantScope::outcome) {
        None => Err(OutOfScope(Reason::NoScope)),
        Some(Outcome::Admitted(admitted)) => Ok(admitted.clone()),
        Some(Outcome::Visit(_)) => Err(OutOfScope(Reason::VisitOnly)),
        Some(Outcome::NoTenant) => Err(OutOfScope(Reason::NoTenant)),
        Some(Outcome::Authenticated(_)) => Err(OutOfScope(Reason::CallerOnly)),
    })
}

/// The tenant that the running task visits. A member may do what a visitor may.
///
/// # Errors
///
/// Outside a scope, and on an optional route without a tenant.
pub fn current_visit() -> Result<Visit, OutOfScope> {
    CURRENT.with_borrow(|current| match current {
        None => Err(OutOfScope(Reason::NoScope)),
        Some(scope) => scope.visit().ok_or(OutOfScope(match scope.outcome() {
            Outcome::Authenticated(_) => Reason::CallerOnly,
            _ => Reason::NoTenant,
        })),
    })
}

/// The caller on whose behalf the running task acts, whatever the tenant.
///
/// # Errors
///
/// Outside a scope, and where no caller was verified: on a public route, and on an optional one without credentials.
#[doc(alias = "user")]
pub fn current_caller() -> Result<Caller, OutOfScope> {
    CURRENT.with_borrow(|current| match current {
        None => Err(OutOfScope(Reason::NoScope)),
        Some(scope) => scope.caller().cloned().ok_or(OutOfScope(Reason::NoCaller)),
    })
}

/// What the running task is bound to; `None` outside a scope.
#[must_use]
pub fn bound() -> Option<TenantScope> {
    CURRENT.with_borrow(Clone::clone)
}

/// Wraps a future so that it runs in the current scope wherever it is spawned.
///
/// Wrapped outside a scope it has no tenant, also where it is awaited inside one.
///
/// ```
/// # use tenancy_core::context;
/// # async fn send_mail() {}
/// # fn spawn<F: Future<Output = ()> + Send + 'static>(_: F) {}
/// spawn(context::carry(send_mail()));
/// ```
#[doc(alias = "spawn")]
pub fn carry<F: Future>(future: F) -> Scope<F> {
    Scope { scope: bound(), future }
}

/// Wraps a closure so that it runs in the current scope on whatever thread it is called.
///
/// Wrapped outside a scope it has no tenant, also where it is called inside one.
#[doc(alias = "spawn_blocking")]
#[doc(alias = "thread")]
pub fn carry_sync<T>(run: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let mut scope = bound();
    move || enter(&mut scope, run)
}

/// There is no tenant in scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfScope(Reason);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    NoScope,
    NoTenant,
    VisitOnly,
    CallerOnly,
    NoCaller,
}

impl fmt::Display for OutOfScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Reason::NoScope => {
                "no tenant is in scope: put `scoped()` around the route, and carry the scope into spawned tasks with `context::carry`"
            }
            Reason::NoTenant => "the request names no tenant, which its optional route allows",
            Reason::VisitOnly => "the scope is a visit on a public route, which is no member's capability",
            Reason::CallerOnly => "the scope is a caller's, on a route under `authenticated()`, which names no tenant",
            Reason::NoCaller => "no caller was verified for the request: put `authenticated()` or `scoped()` around the route",
        })
    }
}

impl core::error::Error for OutOfScope {}

pin_project! {
    /// A future that runs inside a scope.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Scope<F> {
        // Swapped with the thread's slot while the future is polled. `None`: no tenant.
        scope: Option<TenantScope>,
        #[pin]
        future: F,
    }
}

impl<F> Scope<F> {
    /// Takes the scope out, once the future is done: its output may need the scope as well, as the body of a response
    /// does. Polled afterwards, the future would run without a tenant.
    pub fn take_scope(self: Pin<&mut Self>) -> Option<TenantScope> {
        self.project().scope.take()
    }
}

impl<F: Future> Future for Scope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _entered = Entered::enter(this.scope);
        this.future.poll(cx)
    }
}

/// Puts a scope into the thread's slot, and swaps it back when dropped, on a panic too.
struct Entered<'b> {
    outer: &'b mut Option<TenantScope>,
}

impl<'b> Entered<'b> {
    fn enter(scope: &'b mut Option<TenantScope>) -> Self {
        CURRENT.with_borrow_mut(|current| core::mem::swap(current, scope));
        DEPTH.set(DEPTH.get().wrapping_add(1));
        Self { outer: scope }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get().wrapping_sub(1));
        CURRENT.with_borrow_mut(|current| core::mem::swap(current, self.outer));
    }
}
