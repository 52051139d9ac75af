//! The layer beside other published ones, in turns, with the report of the benches.
//!
//! `tenancy-peers [--quick]`. Each module says what a peer does not do: none of them does the same as another, so a
//! ratio here tells what a user of each pays, and not who does the same for less.
#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up fails")]

mod functions;
mod layers;

use std::process::ExitCode;

use benches::{MakeGroup, Options, report_on};

const GROUPS: [MakeGroup; 2] = [("layers", |_| layers::group()), ("functions", |_| functions::group())];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let options = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => Options::default(),
        ["--quick"] => Options::QUICK,
        _ => {
            eprintln!("usage: tenancy-peers [--quick]");
            return ExitCode::FAILURE;
        }
    };
    print!("{}", report_on(&GROUPS, options, "").text);
    ExitCode::SUCCESS
}
