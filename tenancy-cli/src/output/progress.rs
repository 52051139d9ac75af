//! How far a long command has come.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How often a line is written where no bar can be drawn.
const EVERY: Duration = Duration::from_secs(10);

/// A bar on a terminal, and a line now and then elsewhere. It is on stderr.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    verb: &'static str,
    done: u64,
    total: u64,
    said: Instant,
}

impl Progress {
    pub(crate) fn new(verb: &'static str, total: usize) -> Self {
        let total = u64::try_from(total).unwrap_or(u64::MAX);
        let draws = io::stderr().is_terminal() && total > 1;
        let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {msg}");
        let bar = draws.then(|| {
            let bar = ProgressBar::new(total).with_prefix(verb);
            match style {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            }
        });
        Self {
            bar,
            verb,
            done: 0,
            total,
            said: Instant::now(),
        }
    }

    /// Says what is worked on.
    pub(crate) fn at(&self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(what.to_owned());
        }
    }

    pub(crate) fn step(&mut self) {
        self.done += 1;
        match &self.bar {
            Some(bar) => bar.inc(1),
            None if self.said.elapsed() >= EVERY => {
                self.said = Instant::now();
                let _ = writeln!(io::stderr(), "{} {}/{}", self.verb, self.done, self.total);
            }
            None => {}
        }
    }

    pub(crate) fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
