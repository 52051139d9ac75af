//! How long the slowest of one tenant's operations take beside callers of another tenant.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::{JoinSet, LocalSet};

use super::postgres::AT_ONCE;

/// Whether the callers are to end.
pub(super) type IsOver = Rc<Cell<bool>>;

/// What the callers do.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Calls {
    /// They only wait, as they would between two calls. Tasks alone take time of the one thread that there is, and let the
    /// connections grow cold between two turns.
    Nothing,
    Made,
}

impl Calls {
    /// Waits until the end if nothing is to be called.
    pub(super) async fn wait(self, pause: Duration, is_over: &IsOver) {
        while self == Self::Nothing && !is_over.get() {
            tokio::time::sleep(pause).await;
        }
    }
}

/// The slowest hundredth of so many operations, some at a time, while so many `callers` do something else. It is the time of all of
/// them, as if each had taken so long.
pub(super) async fn slowest_beside(
    times: u64,
    operation: impl AsyncFn() + Clone + 'static,
    callers: u32,
    caller: impl AsyncFn(u32, IsOver) + Clone + 'static,
) -> Duration {
    let tasks = LocalSet::new();
    let took = tasks.run_until(times_beside(times, operation, callers, caller)).await;
    slowest_hundredth(took) * u32::try_from(times).unwrap()
}

async fn times_beside(
    times: u64,
    operation: impl AsyncFn() + Clone + 'static,
    callers: u32,
    caller: impl AsyncFn(u32, IsOver) + Clone + 'static,
) -> Vec<Duration> {
    let is_over = IsOver::default();
    let mut others = JoinSet::new();
    for number in 0..callers {
        let (caller, is_over) = (caller.clone(), Rc::clone(&is_over));
        others.spawn_local(async move { caller(number, is_over).await });
    }
    let left = Rc::new(Cell::new(times));
    let took = Rc::new(RefCell::new(Vec::new()));
    let mut operations = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (operation, left, took) = (operation.clone(), Rc::clone(&left), Rc::clone(&took));
        operations.spawn_local(async move {
            while let Some(fewer) = left.get().checked_sub(1) {
                left.set(fewer);
                let begun = Instant::now();
                operation().await;
                took.borrow_mut().push(begun.elapsed());
            }
        });
    }
    operations.join_all().await;
    is_over.set(true);
    others.join_all().await;
    took.take()
}

fn slowest_hundredth(mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    // Nothing is run to see that the row is there.
    took.get(took.len() * 99 / 100).copied().unwrap_or_default()
}
