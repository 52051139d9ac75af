//! What every report of the benches has: the machine that it was measured on, and a file in the target directory.

use std::fs;

use crate::command::{Failure, program, target};

/// Prints a text, and writes it to a file in the target directory.
pub(crate) fn keep(name: &str, text: &str) -> Result<(), Failure> {
    print!("\n{text}");
    let file = target(name)?;
    fs::write(&file, text).map_err(|error| Failure::new(format!("write {}: {error}", file.display())))?;
    println!("Written to {}.", file.display());
    Ok(())
}

/// Where the report draws to, in the target directory.
pub(crate) fn plots_folder() -> Result<String, Failure> {
    let folder = target("bench-plots")?;
    fs::create_dir_all(&folder).map_err(|error| Failure::new(format!("make {}: {error}", folder.display())))?;
    Ok(folder.display().to_string())
}

/// The machine, its toolchain and the commit, and how the figures came about.
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
