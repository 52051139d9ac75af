//! Tokens that another library signs, made anew, and judged by the test that has the committed ones.

use std::fs;

use crate::command::{Failure, Invocation, cargo, program, root};

const SCRIPT: &str = "adapter-http/tests/foreign/generate.py";
const REQUIREMENTS: &str = "adapter-http/tests/foreign/requirements.txt";
const ENVIRONMENT: &str = "target/foreign/venv";
const TOKENS: &str = "target/foreign/fresh";

const MISSING: &str = "Python 3 with `venv` is needed: on Debian, `apt-get install python3-venv`";

/// `cargo xtask foreign-tokens`
pub(crate) fn command() -> Result<(), Failure> {
    if !has_venv()? {
        return Err(Failure::new(MISSING));
    }
    run()
}

/// As a step. Python is no part of a Rust installation, so its absence is told and no failure.
pub(crate) fn check() -> Result<(), Failure> {
    if has_venv()? {
        return run();
    }
    println!("NOT CHECKED: {MISSING}");
    Ok(())
}

fn run() -> Result<(), Failure> {
    install()?;
    python().args([SCRIPT, TOKENS]).run()?;
    let tokens = root().join(TOKENS);
    cargo("test --workspace --all-features --locked --test foreign".split(' '))
        .env("TENANCY_FOREIGN_TOKENS", &tokens.to_string_lossy())
        .run()
}

/// Debian has `venv` without `ensurepip` where `python3-venv` is not installed.
fn has_venv() -> Result<bool, Failure> {
    match program("python3").args(["-c", "import ensurepip, venv"]).output() {
        Ok(output) => Ok(output.status.success()),
        Err(_) => Ok(false),
    }
}

/// Makes an environment with the pinned packages, unless it is there.
fn install() -> Result<(), Failure> {
    let unreadable = |error| Failure::new(format!("cannot read `{REQUIREMENTS}`: {error}"));
    let requirements = fs::read_to_string(root().join(REQUIREMENTS)).map_err(unreadable)?;
    let installed = root().join(ENVIRONMENT).join("requirements.txt");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == requirements) {
        return Ok(());
    }
    program("python3").args(["-m", "venv", "--clear", ENVIRONMENT]).run()?;
    python()
        .args([
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-deps",
            "-r",
            REQUIREMENTS,
        ])
        .run()?;
    let unwritable = |error| Failure::new(format!("cannot write `{}`: {error}", installed.display()));
    fs::write(&installed, requirements).map_err(unwritable)
}

fn python() -> Invocation {
    program(root().join(ENVIRONMENT).join("bin/python"))
}
