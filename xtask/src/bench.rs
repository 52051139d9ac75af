//! The benches, and their report.

use std::fs;

use crate::command::{Failure, Invocation, cargo, program, root};
use crate::postgres::Server;
use crate::{counts, peers};

/// `bench [OPTIONS]`: criterion, with these options. `bench --report [PART OF A GROUP'S NAME]`: the report.
/// `bench --instructions [PART OF A GROUP'S NAME]`: counts instead of times. `bench --peers`: beside other libraries.
pub(crate) fn command(options: &[&str]) -> Result<(), Failure> {
    match options {
        ["--report", filter @ ..] => report(filter),
        ["--instructions"] => counts::command(""),
        ["--instructions", filter] => counts::command(filter),
        ["--peers"] => peers::command(),
        options => {
            let server = Server::start()?;
            let run = cargo(["bench", "--locked", "-p", "benches", "--"]).args(options);
            with(run, &server).run()
        }
    }
}

/// Runs each row a few times, to see that it runs, and counts a few.
pub(crate) fn check() -> Result<(), Failure> {
    let server = Server::start()?;
    let run = cargo("run --locked --quiet -p benches --bin report -- --quick".split(' '));
    with(run, &server).stdout()?;
    counts::check()
}

/// Isolation is measured on PostgreSQL too.
fn with(run: Invocation, server: &Server) -> Invocation {
    let variables = server.variables().into_iter();
    variables.fold(run, |run, (name, value)| run.env(name, &value))
}

/// Prints the report, and keeps it beside criterion's.
fn report(filter: &[&str]) -> Result<(), Failure> {
    let server = Server::start()?;
    let run = cargo("run --locked --quiet --profile bench -p benches --bin report --".split(' ')).args(filter);
    let measured = with(run, &server).stdout()?;
    keep("bench-report.md", &format!("{}{PLOTS}\n{measured}", heading()))
}

/// Relative to the folder that the report is kept in.
const PLOTS: &str = "Plots of each row's distribution, once `cargo xtask bench` has run: \
    [criterion's report](criterion/report/index.html).\n";

/// Prints a text, and keeps it under `target`.
pub(crate) fn keep(name: &str, text: &str) -> Result<(), Failure> {
    print!("\n{text}");
    let file = root().join("target").join(name);
    fs::write(&file, text).map_err(|error| Failure::new(format!("write {}: {error}", file.display())))?;
    println!("Kept in target/{name}.");
    Ok(())
}

pub(crate) fn heading() -> String {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("an unknown processor", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let first_line =
        |text: Result<String, Failure>| text.unwrap_or_default().lines().next().unwrap_or_default().to_owned();
    let rust = first_line(program("rustc").args(["--version"]).quietly());
    let commit = first_line(program("git").args(["rev-parse", "--short", "HEAD"]).quietly());
    format!(
        "# What the hot path costs\n\n{model}, {cores} cores, {}; {rust}; commit {commit}.\n\nMedian of 101 turns of 4 ms each; \
         the rows of a group take turns. A ratio is the median of the ratios within each turn.\n",
        std::env::consts::OS
    )
}
