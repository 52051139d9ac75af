//! What is logged on this thread.

#![allow(dead_code, reason = "other crates' tests use a part of this")]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::io::{self, Write};
use std::sync::OnceLock;

use tokio::sync::watch;
use tracing::subscriber::{DefaultGuard, NoSubscriber, set_default};
use tracing::{Dispatch, Level};

#[derive(Clone)]
pub(crate) struct Log(watch::Sender<Vec<u8>>);

impl Log {
    /// Until the guard is dropped.
    pub(crate) fn capture() -> (Self, DefaultGuard) {
        Self::capture_at(Level::INFO)
    }

    /// As [`capture`](Self::capture), from a level on.
    pub(crate) fn capture_at(level: Level) -> (Self, DefaultGuard) {
        // While tracing knows of one subscriber only, a thread without it that logs first decides for all threads that
        // what it logs is not of interest. Of two it asks each.
        static ANOTHER: OnceLock<Dispatch> = OnceLock::new();
        ANOTHER.get_or_init(|| Dispatch::new(NoSubscriber::default()));
        let log = Self(watch::Sender::new(Vec::new()));
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(level)
            .with_writer(move || writer.clone())
            .finish();
        (log, set_default(subscriber))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).unwrap()
    }

    /// Waits until this was logged.
    pub(crate) async fn contains(&self, part: &str) {
        let mut written = self.0.subscribe();
        let is_there = |written: &Vec<u8>| String::from_utf8_lossy(written).contains(part);
        written.wait_for(is_there).await.unwrap();
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send_modify(|written| written.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
