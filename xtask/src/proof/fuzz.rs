//! Fuzzing on the stable toolchain, without cargo-fuzz.
//!
//! libFuzzer is compiled into each target; a flag makes the compiler put its counters in. Build scripts and macros are
//! spared them by `--target`, which keeps `RUSTFLAGS` from what runs at build time.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{Failure, Invocation, cargo, program, root, target};

/// The targets' manifest. It is a workspace of its own, since its flags are not for this one.
pub(crate) const MANIFEST: &str = "proof/fuzz/Cargo.toml";

const TARGETS: [&str; 6] = [
    "differential",
    "authority",
    "path_template",
    "tenant_id",
    "configuration",
    "bearer",
];

/// How long each target runs unless told otherwise, in seconds.
const SECONDS: u32 = 10;

const TARGET_DIR: &str = "fuzz";

/// What libFuzzer needs of the compiler: counters, a table of places, and calls at comparisons.
const RUSTFLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=1 -Cdebug-assertions";

/// Fewer places than this mean that the flags have stopped working.
const LEAST_COVERAGE: u32 = 30;

/// `cargo xtask fuzz [--seconds N] [TARGET]...`
pub(crate) fn command(arguments: &[&str]) -> Result<(), Failure> {
    let (seconds, targets) = match arguments {
        ["--seconds", seconds, targets @ ..] => {
            let problem = || Failure::new(format!("`{seconds}` is no number of seconds"));
            (seconds.parse().map_err(|_| problem())?, targets)
        }
        targets => (SECONDS, targets),
    };
    if let Some(unknown) = targets.iter().find(|target| !TARGETS.contains(target)) {
        let known = TARGETS.join("`, `");
        return Err(Failure::new(format!("no fuzz target `{unknown}`, there are `{known}`")));
    }
    run(seconds, if targets.is_empty() { &TARGETS } else { targets })
}

/// Runs every target for so many seconds.
pub(crate) fn run_all(seconds: u32) -> Result<(), Failure> {
    run(seconds, &TARGETS)
}

/// Builds all targets and runs these, one after the other.
fn run(seconds: u32, targets: &[&str]) -> Result<(), Failure> {
    let host = host()?;
    let built = target(TARGET_DIR)?;
    cargo([
        "build",
        "--release",
        "--locked",
        "--manifest-path",
        MANIFEST,
        "--target",
        &host,
    ])
    .args([Path::new("--target-dir"), &built])
    .env("RUSTFLAGS", RUSTFLAGS)
    .run()?;
    let executables = built.join(host).join("release");
    for target in targets {
        Target::new(target, &executables)?.run(seconds)?;
    }
    Ok(())
}

/// The triple that this toolchain builds for.
fn host() -> Result<String, Failure> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = program(rustc).args(["-vV"]).stdout()?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| Failure::new("`rustc -vV` names no host"))
}

struct Target {
    name: String,
    executable: PathBuf,
    seeds: PathBuf,
    corpus: PathBuf,
    artifacts: PathBuf,
}

impl Target {
    fn new(name: &str, executables: &Path) -> Result<Self, Failure> {
        let fuzz = root().join("proof/fuzz");
        let target = Self {
            name: name.to_owned(),
            executable: executables.join(name),
            seeds: fuzz.join("seeds").join(name),
            corpus: fuzz.join("corpus").join(name),
            artifacts: fuzz.join("artifacts").join(name),
        };
        for folder in [&target.corpus, &target.artifacts] {
            fs::create_dir_all(folder)
                .map_err(|error| Failure::new(format!("cannot create `{}`: {error}", folder.display())))?;
        }
        Ok(target)
    }

    fn run(&self, seconds: u32) -> Result<(), Failure> {
        self.check_coverage()?;
        let before = self.reproducers()?;
        let outcome = self
            .invocation()
            .args([format!("-max_total_time={seconds}")])
            .args([&self.corpus, &self.seeds])
            .run();
        outcome.map_err(|failure| match self.reproducers() {
            Ok(after) => {
                let found: Vec<String> = after
                    .difference(&before)
                    .map(|path| path.display().to_string())
                    .collect();
                Failure::new(format!("`{}` fails on {}: {failure}", self.name, found.join(", ")))
            }
            Err(unreadable) => unreadable,
        })
    }

    /// libFuzzer only warns where it sees no coverage, and then guesses blindly.
    fn check_coverage(&self) -> Result<(), Failure> {
        let output = self.invocation().args(["-runs=1"]).args([&self.seeds]).output()?;
        let log = String::from_utf8_lossy(&output.stderr);
        let coverage = log
            .lines()
            .filter_map(|line| line.split_once("cov: ")?.1.split(' ').next()?.parse::<u32>().ok())
            .max();
        match coverage {
            _ if !output.status.success() => Err(Failure::new(format!("`{}` fails on a seed: {log}", self.name))),
            Some(coverage) if coverage >= LEAST_COVERAGE => Ok(()),
            _ => Err(Failure::new(format!(
                "`{}` shows no coverage, so its search is blind: {log}",
                self.name
            ))),
        }
    }

    fn invocation(&self) -> Invocation {
        program(&self.executable).args([
            "-max_len=512".to_owned(),
            "-len_control=0".to_owned(),
            "-timeout=10".to_owned(),
            "-print_final_stats=1".to_owned(),
            "-print_funcs=0".to_owned(),
            format!("-artifact_prefix={}/", self.artifacts.display()),
        ])
    }

    /// The inputs that failed so far.
    fn reproducers(&self) -> Result<BTreeSet<PathBuf>, Failure> {
        let unreadable = |error| Failure::new(format!("cannot read `{}`: {error}", self.artifacts.display()));
        fs::read_dir(&self.artifacts)
            .map_err(unreadable)?
            .map(|entry| entry.map(|entry| entry.path()).map_err(unreadable))
            .collect()
    }
}
