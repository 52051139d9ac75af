//! SIGINT: what runs finishes, and nothing new begins.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Whether the command was interrupted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<State>);

#[derive(Debug, Default)]
struct State {
    is_raised: AtomicBool,
    raised: Notify,
}

impl Interrupt {
    /// Listens from now on. A second signal ends the process at once: each step can be done again.
    pub(crate) fn listen() -> Self {
        let this = Self::default();
        let listener = this.clone();
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                if listener.0.is_raised.swap(true, Ordering::SeqCst) {
                    std::process::exit(130);
                }
                eprintln!("interrupted: finishing what runs");
                listener.0.raised.notify_waiters();
            }
        });
        this
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.0.is_raised.load(Ordering::SeqCst)
    }

    /// Waits until it is raised.
    pub(crate) async fn raised(&self) {
        let notified = self.0.raised.notified();
        if !self.is_raised() {
            notified.await;
        }
    }
}
