//! Tokens that another library signs, made anew, and judged by the test that has the committed ones.

use crate::command::{Failure, cargo, root};
use crate::python::{Environment, MISSING, has_venv};

const SCRIPT: &str = "tenancy-jwt/tests/foreign/generate.py";
const ENVIRONMENT: Environment = Environment {
    folder: "target/foreign/venv",
    requirements: "tenancy-jwt/tests/foreign/requirements.txt",
};
const TOKENS: &str = "target/foreign/fresh";

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
    ENVIRONMENT.install()?;
    ENVIRONMENT.python().args([SCRIPT, TOKENS]).run()?;
    let tokens = root().join(TOKENS);
    cargo("test -p tenancy-jwt --all-features --locked --test it foreign::".split(' '))
        .env("TENANCY_FOREIGN_TOKENS", &tokens.to_string_lossy())
        .run()
}
