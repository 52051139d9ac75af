//! How far a run has come, server by server: bars on a terminal, and a line now and then elsewhere. It is on stderr.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tenancy_sqlx::fleet::{FleetProgress, Item, RunId, ServerTotal, Wave};
use tokio::task::JoinHandle;

use super::failures;
use crate::output::{Output, printable};

/// How often a line is written for each server where no bar can be drawn.
const EVERY: Duration = Duration::from_secs(10);

pub(super) struct Board {
    state: Arc<Mutex<State>>,
    ticker: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    /// `None` where nothing can be drawn.
    bars: Option<MultiProgress>,
    /// Whether what happens is printed at once.
    tells: bool,
    run: Option<RunId>,
    wave: &'static str,
    servers: BTreeMap<String, Server>,
    /// What is waited for.
    waiting: Option<String>,
}

struct Server {
    bar: Option<ProgressBar>,
    ended: u64,
    failed: u64,
    total: u64,
}

impl Board {
    /// Machines read all of it in the document, and so may be on a terminal where nothing else is to stand.
    pub(super) fn new(output: &Output) -> Self {
        let is_terminal = io::stderr().is_terminal();
        // On some terminals nothing is drawn.
        let bars = is_terminal.then(MultiProgress::new).filter(|bars| !bars.is_hidden());
        let says_lines = bars.is_none() && !(is_terminal && output.is_json());
        let state = Arc::new(Mutex::new(State {
            bars: bars.filter(|_| !output.is_json()),
            tells: !output.is_json(),
            ..State::default()
        }));
        let ticker = says_lines.then(|| {
            let state = Arc::clone(&state);
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(EVERY).await;
                    lock(&state).say_lines();
                }
            })
        });
        Self { state, ticker }
    }

    /// Shows what has happened. `output` knows how the command is called.
    pub(super) fn observe(&self, progress: &FleetProgress<'_>, output: &Output) {
        let mut state = lock(&self.state);
        match progress {
            FleetProgress::Began(run) => {
                state.run = Some(*run);
                let resume = output.command(&format!("migrate resume {run}"));
                state.tell(&format!("run {run}: wherever it ends, `{resume}` goes on"));
            }
            FleetProgress::Wave(wave, servers) => state.begin(*wave, servers),
            FleetProgress::Started(item) => state.at(item),
            FleetProgress::Done(item, _) | FleetProgress::Skipped(item) => state.step(item, false),
            FleetProgress::Failed { item, failure, .. } => {
                state.tell(&failures::text(failure));
                state.step(item, true);
            }
            FleetProgress::Soaking(left) => {
                let left = humantime::format_duration(Duration::from_secs(left.as_secs()));
                state.wait(format!("the canaries are watched for {left} more"));
            }
            FleetProgress::Waiting(left) => state.wait(format!("another process works on {left} more")),
            FleetProgress::Ending => state.tell("no other tenant is begun: what runs is finished"),
            _ => {}
        }
    }

    /// The run, once it has begun.
    pub(super) fn run(&self) -> Option<RunId> {
        lock(&self.state).run
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        if let Some(ticker) = &self.ticker {
            ticker.abort();
        }
        lock(&self.state).clear();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn begin(&mut self, wave: Wave, servers: &[ServerTotal]) {
        self.clear();
        self.wave = match wave {
            Wave::SharedTables => "shared tables",
            Wave::Canaries => "canaries",
            _ => "tenants",
        };
        for server in servers {
            let bar = self.bars.as_ref().map(|bars| {
                let bar = bars.add(ProgressBar::new(server.total).with_prefix(printable(&server.server)));
                let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {msg}");
                let bar = match style {
                    Ok(style) => bar.with_style(style),
                    Err(_) => bar,
                };
                bar.set_position(server.ended);
                bar.tick();
                bar
            });
            let of_server = Server {
                bar,
                ended: server.ended,
                failed: 0,
                total: server.total,
            };
            self.servers.insert(server.server.clone(), of_server);
        }
    }

    fn clear(&mut self) {
        for server in self.servers.values().filter_map(|server| server.bar.as_ref()) {
            server.finish_and_clear();
        }
        self.servers.clear();
        self.waiting = None;
    }

    fn at(&mut self, item: &Item<'_>) {
        self.waiting = None;
        if let Some(bar) = self.servers.get(item.server).and_then(|server| server.bar.as_ref()) {
            bar.set_message(item.tenant.map_or("shared tables".to_owned(), ToString::to_string));
        }
    }

    fn step(&mut self, item: &Item<'_>, failed: bool) {
        let Some(server) = self.servers.get_mut(item.server) else {
            return;
        };
        server.ended += 1;
        server.failed += u64::from(failed);
        if let Some(bar) = &server.bar {
            bar.set_position(server.ended);
        }
    }

    fn wait(&mut self, why: String) {
        for bar in self.servers.values().filter_map(|server| server.bar.as_ref()) {
            bar.set_message(why.clone());
        }
        self.waiting = Some(why);
    }

    fn tell(&self, line: &str) {
        if self.tells {
            self.say(line);
        }
    }

    fn say(&self, line: &str) {
        let drawn = self
            .bars
            .as_ref()
            .map(|bars| bars.suspend(|| writeln!(io::stderr(), "{line}")));
        if drawn.is_none() {
            let _ = writeln!(io::stderr(), "{line}");
        }
    }

    fn say_lines(&self) {
        for (name, server) in &self.servers {
            let Server {
                ended, failed, total, ..
            } = server;
            let failed = if *failed > 0 {
                format!(", {failed} failed")
            } else {
                String::new()
            };
            self.say(&printable(&format!("{} on {name}: {ended}/{total}{failed}", self.wave)));
        }
        if let Some(why) = &self.waiting {
            self.say(why);
        }
    }
}
