//! Instructions and allocations of the benches' rows: counts, which no other load on the machine changes.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::report::keep;
use crate::built::Built;
use crate::command::{Failure, Invocation, cargo, install, program, target};

/// Where callgrind writes: a file for each time that it writes down what it has counted, with a number behind.
const COUNTS: &str = "counts";

/// What ends each such part.
const END: &str = "*count*operations*";

/// How often callgrind writes for each row; the last two are counted.
const PARTS: usize = 3;

/// Where some of a group's rows are enough, to see that they are counted: the least to wait for.
const SOME: &str = "tower";

const ADVICE: &str = "valgrind is needed: on Debian, `apt-get install valgrind`";

/// `cargo xtask bench --instructions [PART OF A GROUP'S NAME]`
pub(crate) fn command(filter: &str) -> Result<(), Failure> {
    install_valgrind()?;
    cargo("build --locked --quiet --profile bench -p benches --bins".split(' ')).run()?;
    let table = table(&Programs::in_folder(&target(RELEASE)?), 1_000, filter)?;
    let valgrind = program("valgrind").args(["--version"]).quietly()?;
    let rust = program("rustc").args(["--version"]).quietly()?;
    let heading = format!("One operation each. {}, {}.", rust.trim(), valgrind.trim());
    keep(
        "bench-counts.md",
        &format!("# What the hot path counts\n\n{heading}\n\n{table}"),
    )
}

/// As a step. valgrind does not come with Rust: where it cannot be installed, the step says so and passes.
pub(crate) fn check(built: &Built) -> Result<(), Failure> {
    if let Err(failure) = install_valgrind() {
        println!("NOT COUNTED: {failure}");
        return Ok(());
    }
    let programs = Programs {
        allocations: built.program(ALLOCATIONS)?.to_owned(),
        instructions: built.program(INSTRUCTIONS)?.to_owned(),
    };
    table(&programs, 10, SOME).map(drop)
}

/// What runs the rows.
struct Programs {
    allocations: PathBuf,
    instructions: PathBuf,
}

impl Programs {
    fn in_folder(folder: &Path) -> Self {
        Self {
            allocations: folder.join(ALLOCATIONS),
            instructions: folder.join(INSTRUCTIONS),
        }
    }
}

const ALLOCATIONS: &str = "allocations";
const INSTRUCTIONS: &str = "instructions";

/// Where the profile of benches builds to, in the target directory.
const RELEASE: &str = "release";

fn install_valgrind() -> Result<(), Failure> {
    match program("valgrind").args(["--version"]).quietly() {
        Ok(_) => Ok(()),
        Err(_) => install(&["valgrind"], ADVICE),
    }
}

fn table(programs: &Programs, times: u64, filter: &str) -> Result<String, Failure> {
    let allocations = allocations(&programs.allocations, times, filter)?;
    if allocations.is_empty() {
        return Err(Failure::new(format!(
            "no group that is counted has `{filter}` in its name"
        )));
    }
    let mut groups: Vec<&str> = allocations.iter().map(|((group, _), _)| group.as_str()).collect();
    groups.dedup();
    let mut instructions = Vec::new();
    for group in groups {
        instructions.append(&mut instructions_of(group, &programs.instructions, times)?);
    }
    let mut table = "| group | row | instructions | allocations |\n|---|---|---|---|\n".to_owned();
    for (row, allocations) in &allocations {
        let counted = instructions.iter().find(|(counted, _)| counted == row);
        let (_, instructions) = counted.ok_or_else(|| Failure::new(format!("no instructions of {row:?}")))?;
        let (group, name) = row;
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| {group} | {name} | {instructions:.0} | {allocations} |");
    }
    Ok(table)
}

/// A group's name, and a row's.
type Row = (String, String);

/// Each group in a process of its own: what one leaves in the heap changes what the next takes to allocate.
fn instructions_of(group: &str, counted: &Path, times: u64) -> Result<Vec<(Row, f64)>, Failure> {
    let folder = target(COUNTS)?;
    let failed = |error| Failure::new(format!("failed to empty {}: {error}", folder.display()));
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(failed)?;
    }
    fs::create_dir_all(&folder).map_err(failed)?;
    let file = folder.join("part");
    let callgrind = [
        "--quiet".to_owned(),
        "--tool=callgrind".to_owned(),
        format!("--callgrind-out-file={}", file.display()),
        format!("--dump-after={END}"),
    ];
    let run = at_the_same_addresses().args(callgrind).args([counted]);
    let printed = run.args([&times.to_string(), group]).stdout()?;
    let rows = printed.lines().map(|line| split(line).map(|(row, _)| row));
    let rows: Vec<Row> = rows.collect::<Result<_, _>>()?;
    let difference = |(place, row): (usize, Row)| {
        let [once, twice] = [PARTS * place + 2, PARTS * place + 3].map(|number| part(&file, number));
        Ok((row, (twice? - once?) / times as f64))
    };
    rows.into_iter().enumerate().map(difference).collect()
}

/// valgrind, started so that a program's memory lies where it lay the last time: where things lie decides by how many
/// instructions they are copied, and counts differ by up to 3 %. Some containers do not allow it.
fn at_the_same_addresses() -> Invocation {
    match program("setarch").args(["-R", "true"]).quietly() {
        Ok(_) => program("setarch").args(["-R", "valgrind"]),
        Err(_) => program("valgrind"),
    }
}

/// How many instructions one of callgrind's files has. They are counted from one.
fn part(file: &Path, number: usize) -> Result<f64, Failure> {
    let file = file.with_extension(number.to_string());
    let text = fs::read_to_string(&file).map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    let total = total.and_then(|total| total.trim().parse().ok());
    total.ok_or_else(|| Failure::new(format!("{} has no total", file.display())))
}

fn allocations(counted: &Path, times: u64, filter: &str) -> Result<Vec<(Row, String)>, Failure> {
    let printed = program(counted).args([&times.to_string(), filter]).stdout()?;
    printed.lines().map(split).collect()
}

/// What the programs print: a group, a row, and perhaps a number.
fn split(line: &str) -> Result<(Row, String), Failure> {
    let mut fields = line.split('\t').map(str::to_owned);
    match (fields.next(), fields.next(), fields.next()) {
        (Some(group), Some(row), number) => Ok(((group, row), number.unwrap_or_default())),
        _ => Err(Failure::new(format!("unexpected line `{line}`"))),
    }
}
