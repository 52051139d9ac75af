//! What the hot path costs: times, counts, and other libraries beside it.

mod counts;
pub(crate) mod peers;
mod report;

use self::report::{heading, keep, plots_folder};
use crate::built::Built;
use crate::command::{Failure, cargo, program};
use crate::server::postgres::Server;

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
            run.envs(server.variables()).run()
        }
    }
}

/// Runs each row a few times, to see that it runs, and counts a few.
pub(crate) fn check() -> Result<(), Failure> {
    let built = Built::all()?;
    let server = Server::start()?;
    let run = program(built.program("report")?).args(["--quick"]);
    run.envs(server.variables()).stdout()?;
    counts::check(&built)
}

/// Prints the report, and keeps it beside criterion's. Isolation is measured on PostgreSQL too.
fn report(filter: &[&str]) -> Result<(), Failure> {
    let server = Server::start()?;
    let folder = plots_folder()?;
    let run = cargo("run --locked --quiet --profile bench -p benches --bin report --".split(' '));
    let run = run.args(["--plots", &folder]).args(filter);
    let measured = run.envs(server.variables()).stdout()?;
    keep("bench-report.md", &format!("{}{PLOTS}\n{measured}", heading()))
}

/// Relative to the folder that the report is kept in.
const PLOTS: &str = "Plots of the growth: [bench-plots](bench-plots). Plots of each row's distribution, once `cargo xtask bench` has run: \
    [criterion's report](criterion/report/index.html).\n";
