//! The project's own commands, run as `cargo xtask COMMAND`. They need Rust and a C compiler, and nothing else.

mod bench;
mod built;
mod check;
mod command;
mod first_page;
mod proof;
mod python;
mod server;
mod step;
mod tests;

use std::process::ExitCode;
use std::time::Instant;

use check::{foreign, public_api};
use command::{Failure, free_in, root};
use proof::{fuzz, sabotage, stress};
use server::postgres;
use step::Step;

fn main() -> ExitCode {
    if let Some(code) = tests::stand_in_for_rustdoc() {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["test", options @ ..] => tests::run(options),
        ["postgres", command @ ..] => postgres::run(command),
        ["bench", options @ ..] => bench::command(options),
        ["sabotage", words @ ..] => sabotage::command(words),
        ["fuzz", options @ ..] => fuzz::command(options),
        ["stress", options @ ..] => stress::command(options),
        ["public-api"] => public_api::command(),
        ["foreign-tokens"] => foreign::command(),
        ["ci", names @ ..] => steps(names).and_then(|steps| run(&steps)),
        ["help" | "--help" | "-h"] => {
            println!("{}", usage());
            Ok(())
        }
        _ => Err(Failure::new(usage())),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> String {
    let mut usage = String::from(
        "usage: cargo xtask test [OPTIONS OF CARGO TEST]\n       cargo xtask postgres COMMAND...    (with DATABASE_URL of a server that is thrown away after it)\n       cargo xtask fuzz [--seconds N] [TARGET]...\n       cargo xtask stress [PART | fleet]... [--minutes N] [--seed S]\n       cargo xtask public-api    (writes the listings of the public API anew)\n       cargo xtask foreign-tokens\n       cargo xtask bench [--report [PART OF A GROUP'S NAME] | --instructions [PART OF A GROUP'S NAME] | --peers | OPTIONS OF CRITERION]\n       cargo xtask sabotage [PART OF A NAME]...\n       cargo xtask ci [STEP]...\n\nsteps, in the order of a run without any:\n",
    );
    for step in Step::ALL {
        usage.push_str(&format!("  {:<14} {}\n", step.name(), step.purpose()));
    }
    usage
}

fn steps(names: &[&str]) -> Result<Vec<Step>, Failure> {
    if names.is_empty() {
        return Ok(Step::ALL.to_vec());
    }
    names
        .iter()
        .map(|name| {
            Step::ALL
                .into_iter()
                .find(|step| step.name() == *name)
                .ok_or_else(|| Failure::new(format!("unknown step `{name}`\n\n{}", usage())))
        })
        .collect()
}

/// A full disk looks like code that does not compile.
fn room() -> String {
    let free = free_in(&root()).map(|bytes| format!(" ({} GiB of disk free)", bytes >> 30));
    free.unwrap_or_default()
}

/// Runs every step in order, also after one that failed: a long run is to say all that it finds.
fn run(steps: &[Step]) -> Result<(), Failure> {
    let mut summary = String::new();
    let mut failures = Vec::new();
    let started = Instant::now();
    for step in steps {
        println!("\n=== {}: {}{}", step.name(), step.purpose(), room());
        let start = Instant::now();
        let outcome = step.run(started.elapsed());
        let verdict = if outcome.is_ok() { "passed" } else { "FAILED" };
        let seconds = start.elapsed().as_secs_f32();
        summary.push_str(&format!("{verdict}  {:<14} {seconds:>7.1} s\n", step.name()));
        if let Err(failure) = outcome {
            let failure = format!("step `{}` failed: {failure}", step.name());
            println!("{failure}");
            failures.push(failure);
        }
    }
    println!("\n=== summary\n{summary}");
    Failure::unless_none(failures)
}
