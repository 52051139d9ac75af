//! Two processes that change one directory, with cancellations, and are killed at any moment.

mod child;
mod ledger;
mod line;
mod store;

use std::env;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use tenancy_sqlx::NewTenant;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::{Mutex, oneshot};

use crate::Failure;
use crate::random::Random;
use crate::report::Part;
use crate::site::Site;
use ledger::Ledger;
use line::Line;
use store::Store;

pub(crate) use child::{ChildArguments, run as run_child};

const PROCESSES: u64 = 2;

/// How long the processes run before everything is checked.
const ROUND: Duration = Duration::from_secs(10);

/// How long a process may take to start, and to end once its time is over.
const TIMEOUT: Duration = Duration::from_secs(60);

const BLOCKED: &str = "writes that did not go through at once";
const LEFT: &str = "transactions and locks left";
const HUNG: &str = "processes that did not end by themselves";

/// On PostgreSQL.
pub(crate) async fn on_postgres(
    server: PgConnectOptions,
    part: &Part,
    random: Random,
    time: Duration,
) -> Result<(), Failure> {
    let site = Site::create(server, "stress_directory").await?;
    let target = site.administrator().to_url_lossy().to_string();
    let application = site.application_role();
    let run = Run {
        target,
        application,
        part,
        site: Some(&site),
    };
    let outcome = run.rounds(random, time).await;
    outcome.and(site.remove().await)
}

/// On one SQLite file.
pub(crate) async fn on_sqlite(part: &Part, random: Random, time: Duration) -> Result<(), Failure> {
    let folder = tempfile::Builder::new().prefix("tenancy-stress-").tempdir()?;
    let target = folder.path().to_str().ok_or("the folder has no name")?.to_owned();
    let run = Run {
        target,
        application: "nobody".to_owned(),
        part,
        site: None,
    };
    run.rounds(random, time).await
}

struct Run<'r> {
    target: String,
    application: String,
    part: &'r Part,
    site: Option<&'r Site>,
}

impl Run<'_> {
    async fn rounds(&self, mut random: Random, time: Duration) -> Result<(), Failure> {
        for invariant in [BLOCKED, LEFT, HUNG] {
            self.part.invariant(invariant);
        }
        let ledger = Arc::new(Mutex::new(Ledger::new(self.part)));
        // The first process would make the tables, and may be killed at that, too: but the check needs them.
        Store::open(&self.target, &self.application).await?.close().await;
        let (mut left, mut round) = (time, 0);
        while !left.is_zero() {
            let time = left.min(ROUND);
            let until = Instant::now() + time;
            let lives = (0..PROCESSES).map(|number| self.lives(&ledger, random.fork(), number, round, until));
            for ended in futures_util::future::join_all(lives).await {
                ended?;
            }
            self.check(&ledger, round).await?;
            left -= time;
            round += 1;
            self.part.add("seconds", time.as_secs());
        }
        self.part.require("changes acknowledged");
        self.part.require("processes killed");
        Ok(())
    }

    /// One process after the other, each killed after a while, but for the last.
    async fn lives(
        &self,
        ledger: &Arc<Mutex<Ledger>>,
        mut random: Random,
        number: u64,
        round: u64,
        until: Instant,
    ) -> Result<(), Failure> {
        let mut generation = round * 1000;
        loop {
            generation += 1;
            let left = until.saturating_duration_since(Instant::now());
            let life = Duration::from_millis(150 + random.below(1500));
            let is_last = life >= left;
            let time = if is_last { left } else { Duration::from_secs(600) };
            let mut process = self.start([number, generation, random.next()], time)?;
            let told = process.stdout.take().ok_or("a process has no output")?;
            let (ready, is_ready) = oneshot::channel();
            let reading = tokio::spawn(read(BufReader::new(told), Arc::clone(ledger), ready));
            if is_last {
                let ended = tokio::time::timeout(left + TIMEOUT, process.wait()).await;
                match ended {
                    Ok(Ok(status)) if status.success() => {}
                    other => self.part.broken(HUNG, format_args!("{other:?}")),
                }
            } else {
                // Most are killed while they change something; the others at any moment of their start.
                if !random.once_in(5) {
                    let _ = tokio::time::timeout(TIMEOUT, is_ready).await;
                }
                tokio::time::sleep(life).await;
                self.part.add("processes killed", 1);
            }
            // SIGKILL. An error if it has ended.
            let _ = process.kill().await;
            reading.await?;
            if is_last {
                return Ok(());
            }
        }
    }

    fn start(&self, numbers: [u64; 3], time: Duration) -> Result<Child, Failure> {
        let process = Command::new(env::current_exe()?)
            .args(["child", &self.target, &self.application])
            .args(numbers.map(|number| number.to_string()))
            .arg(time.as_millis().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        Ok(process)
    }

    async fn check(&self, ledger: &Arc<Mutex<Ledger>>, round: u64) -> Result<(), Failure> {
        let store = Store::open(&self.target, &self.application).await?;
        let id = format!("plain-{round}");
        let plain = NewTenant::new(id.parse()?, store.strategy().parse()?);
        match tokio::time::timeout(Duration::from_secs(20), store.upsert(&plain)).await {
            Ok(Ok(_)) => self.part.add("plain writes after the processes were killed", 1),
            other => self.part.broken(BLOCKED, format_args!("{other:?}")),
        }
        if let Some(site) = self.site {
            self.wait_until_idle(site).await?;
        }
        ledger.lock().await.check(&store).await?;
        store.close().await;
        Ok(())
    }

    /// The sessions of a process that was killed end as soon as the server notices.
    async fn wait_until_idle(&self, site: &Site) -> Result<(), Failure> {
        let mut superuser = site.superuser().await?;
        let started = Instant::now();
        loop {
            let left = "select string_agg(concat(state, ': ', left(query, 100)), '; ') from pg_stat_activity
                where usename = $1 and (state <> 'idle' or pid in (
                    select pid from pg_locks where locktype in ('relation', 'advisory') and mode <> 'AccessShareLock'))";
            let left: Option<String> = sqlx::query_scalar(left)
                .bind(site.owner())
                .fetch_one(&mut superuser)
                .await?;
            match left {
                None => return Ok(()),
                Some(left) if started.elapsed() > Duration::from_secs(20) => {
                    self.part.broken(LEFT, left);
                    return Ok(());
                }
                Some(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }
}

/// Records the lines of a process until it ends, and signals the first of them.
async fn read(told: BufReader<ChildStdout>, ledger: Arc<Mutex<Ledger>>, ready: oneshot::Sender<()>) {
    let (mut lines, mut ready) = (told.lines(), Some(ready));
    while let Ok(Some(text)) = lines.next_line().await {
        if let Some(ready) = ready.take() {
            // This fails if the signal is not awaited.
            let _ = ready.send(());
        }
        if let Some(line) = Line::parse(&text) {
            ledger.lock().await.write(&line);
        }
    }
}
