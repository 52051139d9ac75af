//! Prints the report. `report [--quick] [--plots FOLDER] [PART OF A GROUP'S NAME]`: `--quick` runs each row a few times, to
//! see that it runs, and `--plots` draws what was measured into a folder that is there. `report run GROUP ROW TIMES` runs one row, for profilers.

use std::path::Path;
use std::process::ExitCode;

use benches::{Options, report, run_row};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["run", group, row, times] = arguments.as_slice() {
        return run(group, row, times);
    }
    let (options, rest) = match arguments.as_slice() {
        ["--quick", rest @ ..] => (Options::QUICK, rest),
        rest => (Options::default(), rest),
    };
    let (folder, rest) = match rest {
        ["--plots", folder, rest @ ..] => (Some(*folder), rest),
        rest => (None, rest),
    };
    let filter = match rest {
        [] => "",
        [filter] if !filter.starts_with('-') => filter,
        _ => {
            return refuse(
                "usage: report [--quick] [--plots FOLDER] [PART OF A GROUP'S NAME] | report run GROUP ROW TIMES",
            );
        }
    };
    let report = report(options, filter);
    print!("{}", report.text);
    for (name, svg) in report.plots {
        let Some(folder) = folder else { continue };
        if let Err(error) = std::fs::write(Path::new(folder).join(format!("{name}.svg")), svg) {
            return refuse(&format!("failed to write a plot: {error}"));
        }
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
