//! Tries what tenancy promises under load, cancellation, crashes and hostile statements, and counts what it sees.
//!
//! Started by `cargo xtask stress`, which gives it a PostgreSQL server and a PgBouncer to throw away.

mod cache;
mod clock;
mod directory;
mod failover;
mod isolation;
mod logged;
mod poll;
mod random;
mod report;
mod site;

use std::process::ExitCode;
use std::str::FromStr as _;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use sqlx::postgres::PgConnectOptions;

use random::Random;
use report::Report;

/// An error that ends the run. A broken invariant is not one: it is counted.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Tries tenancy under load, and counts what it sees.
#[derive(Parser)]
struct Arguments {
    /// The parts to run; all of them by default.
    parts: Vec<PartName>,
    /// How long all of it takes, besides the time to set up and to check.
    #[arg(long, default_value_t = 2.0)]
    minutes: f64,
    /// Repeats the choices of another run, as far as concurrency lets it.
    #[arg(long)]
    seed: Option<u64>,
    /// The server's superuser.
    #[arg(long, env = "DATABASE_URL")]
    server: String,
    /// The port of a PgBouncer in front of the server.
    #[arg(long, env = "TENANCY_PGBOUNCER_PORT")]
    pooler: Option<u16>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PartName {
    Isolation,
    Cache,
    Directory,
    Failover,
    Clock,
}

impl PartName {
    const ALL: [Self; 5] = [
        Self::Isolation,
        Self::Cache,
        Self::Directory,
        Self::Failover,
        Self::Clock,
    ];

    /// Which share of the time it has.
    const fn weight(self) -> f64 {
        match self {
            Self::Isolation => 12.0,
            Self::Cache => 2.0,
            Self::Directory => 5.0,
            Self::Failover => 4.0,
            Self::Clock => 1.0,
        }
    }
}

fn main() -> ExitCode {
    // The part `directory` starts this program for each of its processes.
    if std::env::args().nth(1).as_deref() == Some("child") {
        return run_child();
    }
    let arguments = Arguments::parse();
    quiet_panics();
    logged::watch();
    let report = Report::default();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(run(&arguments, &report)));
    println!("\n{report}");
    match outcome {
        Err(error) => {
            eprintln!("failed to run to the end: {error:?}");
            ExitCode::FAILURE
        }
        Ok(()) if report.is_broken() => ExitCode::FAILURE,
        Ok(()) => ExitCode::SUCCESS,
    }
}

#[derive(Parser)]
struct Child {
    #[command(flatten)]
    arguments: directory::ChildArguments,
}

fn run_child() -> ExitCode {
    let child = Child::parse_from(std::env::args().skip(1));
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(directory::run_child(&child.arguments)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("a process of the directory's failed: {error:?}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments, report: &Report) -> Result<(), Failure> {
    let parts = if arguments.parts.is_empty() {
        &PartName::ALL[..]
    } else {
        &arguments.parts
    };
    let seed = arguments
        .seed
        .unwrap_or_else(|| std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0));
    println!("seed {seed}");
    let server = PgConnectOptions::from_str(&arguments.server)?;
    let whole: f64 = parts.iter().map(|part| part.weight()).sum();
    for part in parts {
        let time = Duration::try_from_secs_f64(arguments.minutes * 60.0 * part.weight() / whole)?;
        let run = Run {
            server: server.clone(),
            pooler: arguments.pooler,
            seed,
            time,
            report,
        };
        run.part(*part).await?;
    }
    Ok(())
}

/// One part of the run. Its choices are the same alone and among the others.
struct Run<'r> {
    server: PgConnectOptions,
    pooler: Option<u16>,
    seed: u64,
    time: Duration,
    report: &'r Report,
}

impl Run<'_> {
    async fn part(self, part: PartName) -> Result<(), Failure> {
        let random = Random::new(self.seed);
        match part {
            PartName::Isolation => self.isolation().await,
            PartName::Cache => {
                let part = self.report.part("cache");
                tokio::task::spawn_blocking(move || cache::run(&part, random, self.time)).await?
            }
            PartName::Directory => {
                let postgres = self.report.part("directory on PostgreSQL");
                directory::on_postgres(self.server, &postgres, random, self.time * 3 / 5).await?;
                let sqlite = self.report.part("directory on SQLite");
                directory::on_sqlite(&sqlite, Random::new(self.seed), self.time * 2 / 5).await
            }
            PartName::Failover => match failover::Programs::find()? {
                Some(programs) => failover::run(&programs, &self.report.part("failover"), random, self.time).await,
                None => {
                    println!("NOT RUN: failover needs PostgreSQL's programs: start it by `cargo xtask stress`");
                    Ok(())
                }
            },
            PartName::Clock => clock::run(&self.report.part("clock"), random, self.time).await,
        }
    }

    /// Directly, and as long again through PgBouncer if there is one.
    async fn isolation(self) -> Result<(), Failure> {
        let random = || Random::new(self.seed);
        let direct = self.report.part("isolation");
        let Some(pooler) = self.pooler else {
            return isolation::run(self.server, None, &direct, random(), self.time).await;
        };
        isolation::run(self.server.clone(), None, &direct, random(), self.time / 2).await?;
        let pooled = self.report.part("isolation through PgBouncer");
        isolation::run(self.server, Some(pooler), &pooled, random(), self.time / 2).await
    }
}

/// Panics that a worker makes itself are not printed.
fn quiet_panics() {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref() != Some(&isolation::ASKED_FOR) {
            told(panic);
        }
    }));
}
