//! Takes each guard out in turn, and sees the test that watches it fail.
//!
//! A guard is a patch in `proof/sabotage/`. The lines above its diff say in `Guard:` what it takes away, and in
//! `Test:` which test must fail then, as arguments of `cargo test`.

mod names;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io};

use crate::built::Built;
use crate::command::{Failure, Invocation, cargo, program, root, target};
use crate::server::postgres::Server;

/// A guard that is taken out, and the test that must see it.
struct Sabotage {
    patch: PathBuf,
    guard: String,
    test: Vec<String>,
}

/// Runs those whose patch has one of the words in its name, or all, after their tests with every guard in place.
pub(crate) fn command(words: &[&str]) -> Result<(), Failure> {
    let all = read_all()?;
    let chosen: Vec<&Sabotage> = all
        .iter()
        .filter(|one| words.is_empty() || words.iter().any(|word| one.name().contains(word)))
        .collect();
    if chosen.is_empty() {
        return Err(Failure::new("no patch in `proof/sabotage/` has that name"));
    }
    names::are_declared(&all)?;
    let server = Server::start_for_tests()?;
    let tree = copy_of_the_tree()?;
    for test in distinct_tests(&chosen) {
        println!("\n=== with every guard: {}", test.join(" "));
        run(&tree, &server, test)?.run()?;
    }
    judge_all(&chosen, &tree, &server, None)
}

/// Runs as many as the time allows, of tests that have just passed with every guard in place. Each commit begins at
/// another patch, so that all have their turn.
pub(crate) fn within(limit: Duration) -> Result<(), Failure> {
    let all = read_all()?;
    let commit = program("git").args(["rev-parse", "HEAD"]).quietly()?;
    let number = usize::from_str_radix(commit.get(..7).unwrap_or_default(), 16).unwrap_or_default();
    let mut chosen: Vec<&Sabotage> = all.iter().collect();
    let first = number % chosen.len().max(1);
    chosen.rotate_left(first);
    let tree = copy_of_the_tree()?;
    // Each of them fits the code, also where its turn does not come.
    for one in &chosen {
        one.application(&tree, &["--check"]).quietly()?;
    }
    names::are_declared(&all)?;
    names::are_listed(&all, &Built::all()?)?;
    let server = Server::start_for_tests()?;
    judge_all(&chosen, &tree, &server, Some(limit))
}

fn judge_all(chosen: &[&Sabotage], tree: &Path, server: &Server, limit: Option<Duration>) -> Result<(), Failure> {
    let started = Instant::now();
    let mut survivors = Vec::new();
    let mut judged = 0;
    for one in chosen {
        if limit.is_some_and(|limit| started.elapsed() > limit) {
            break;
        }
        println!("\n=== without: {}", one.guard);
        let verdict = one.judge(tree, server)?;
        println!("{verdict}");
        judged += 1;
        if verdict != SEEN {
            survivors.push(format!("{}: {verdict}", one.name()));
        }
    }
    println!("\n{} of {judged} guards are watched", judged - survivors.len());
    if judged < chosen.len() {
        println!(
            "NOT RUN in the time: {} more, see `cargo xtask sabotage`",
            chosen.len() - judged
        );
    }
    if survivors.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(survivors.join("\n")))
    }
}

const SEEN: &str = "its test fails, as it must";

impl Sabotage {
    fn name(&self) -> String {
        let name = self.patch.file_stem().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    fn judge(&self, tree: &Path, server: &Server) -> Result<&'static str, Failure> {
        self.apply(tree, &[])?;
        let output = run(tree, server, &self.test)?.output();
        self.apply(tree, &["--reverse"])?;
        let output = output?;
        let told = String::from_utf8_lossy(&output.stdout);
        Ok(if output.status.success() && !has_run_a_test(&told) {
            "NO TEST HAS THAT NAME"
        } else if output.status.success() {
            "ITS TEST PASSES WITHOUT IT"
        } else if has_run_a_test(&told) {
            // Cargo compiles everything before it runs a test. One that ends the process reports no result.
            SEEN
        } else {
            // Or the compiler could not run, which only what it said tells apart.
            println!("{}", end_of(&String::from_utf8_lossy(&output.stderr)));
            "IT DOES NOT COMPILE WITHOUT IT"
        })
    }

    fn apply(&self, tree: &Path, options: &[&str]) -> Result<(), Failure> {
        self.application(tree, options).run()
    }

    fn application(&self, tree: &Path, options: &[&str]) -> Invocation {
        program("git")
            .args(["apply"])
            .args(options)
            .args([&self.patch])
            .in_folder(tree)
            // The copy is inside of another work tree, whose files are not meant.
            .env(
                "GIT_CEILING_DIRECTORIES",
                &tree.parent().unwrap_or(tree).to_string_lossy(),
            )
    }
}

fn run(tree: &Path, server: &Server, test: &[impl AsRef<OsStr>]) -> Result<Invocation, Failure> {
    Ok(cargo(["test", "--locked"])
        .args(test)
        .in_folder(tree)
        .env("CARGO_TARGET_DIR", &target("sabotage/target")?.to_string_lossy())
        // The same crates again and again, each time with one line changed.
        .env("CARGO_INCREMENTAL", "1")
        .envs(server.variables()))
}

/// Whether cargo's output is that of one test at least: a filter that matches none is a success for cargo.
fn has_run_a_test(told: &str) -> bool {
    told.lines()
        .filter_map(|line| line.strip_prefix("running "))
        .any(|count| !count.starts_with("0 "))
}

/// The last lines of what a compiler said.
fn end_of(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    let last = lines.split_at(lines.len().saturating_sub(30)).1;
    last.join("\n")
}

fn distinct_tests<'s>(chosen: &[&'s Sabotage]) -> Vec<&'s [String]> {
    let mut tests: Vec<&[String]> = chosen.iter().map(|one| one.test.as_slice()).collect();
    tests.sort_unstable();
    tests.dedup();
    tests
}

fn read_all() -> Result<Vec<Sabotage>, Failure> {
    let folder = root().join("proof/sabotage");
    let failed = |error: io::Error| Failure::new(format!("read {}: {error}", folder.display()));
    let mut patches = Vec::new();
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "patch") {
            patches.push(path);
        }
    }
    patches.sort();
    patches.into_iter().map(read).collect()
}

fn read(patch: PathBuf) -> Result<Sabotage, Failure> {
    let text = fs::read_to_string(&patch).map_err(|error| Failure::new(format!("{}: {error}", patch.display())))?;
    let said = |what: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(what));
        line.map(str::trim)
            .ok_or_else(|| Failure::new(format!("{} has no line `{what}`", patch.display())))
    };
    Ok(Sabotage {
        guard: said("Guard:")?.to_owned(),
        test: said("Test:")?.split_whitespace().map(str::to_owned).collect(),
        patch,
    })
}

/// The files that are tracked, as they are now: nothing is taken out of the user's own tree.
fn copy_of_the_tree() -> Result<PathBuf, Failure> {
    let tree = target("sabotage/tree")?;
    let failed = |path: &Path, error: io::Error| Failure::new(format!("copy {}: {error}", path.display()));
    if tree.exists() {
        fs::remove_dir_all(&tree).map_err(|error| failed(&tree, error))?;
    }
    let tracked = program("git").args(["ls-files"]).quietly()?;
    for file in tracked.lines().map(Path::new) {
        let (from, to) = (root().join(file), tree.join(file));
        let copied = to
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| match fs::copy(&from, &to) {
                // Removed, and not committed yet.
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
                copied => copied,
            });
        copied.map_err(|error| failed(file, error))?;
    }
    Ok(tree)
}
