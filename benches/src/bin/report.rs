//! Prints the report. `report [--quick] [PART OF A GROUP'S NAME]`: `--quick` runs each row a few times, to see that
//! it runs. `report run GROUP ROW TIMES` runs one row, for profilers.

use std::process::ExitCode;

use benches::{Options, report, run_row};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["run", group, row, times] => return run(group, row, times),
        [] => print!("{}", report(Options::default(), "")),
        ["--quick"] => print!("{}", report(Options::QUICK, "")),
        ["--quick", filter] => print!("{}", report(Options::QUICK, filter)),
        [filter] if !filter.starts_with('-') => print!("{}", report(Options::default(), filter)),
        _ => return refuse("usage: report [--quick] [PART OF A GROUP'S NAME] | report run GROUP ROW TIMES"),
    }
    ExitCode::SUCCESS
}

fn run(group: &str, row: &str, times: &str) -> ExitCode {
    match times.parse() {
        Ok(times) if run_row(group, row, times) => ExitCode::SUCCESS,
        Ok(_) => refuse("there is no such row"),
        Err(_) => refuse("TIMES is a number"),
    }
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::FAILURE
}
