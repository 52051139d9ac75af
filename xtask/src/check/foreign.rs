//! Tokens that another library signs, made anew, and judged by the test that has the committed ones.

use crate::built::Built;
use crate::command::{Failure, target};
use crate::python::{Environment, MISSING, has_venv};

const SCRIPT: &str = "tenancy-jwt/tests/foreign/generate.py";
const ENVIRONMENT: Environment = Environment {
    folder: "foreign/venv",
    requirements: "tenancy-jwt/tests/foreign/requirements.txt",
};
/// In the target directory.
const TOKENS: &str = "foreign/fresh";

/// `cargo xtask foreign-tokens`
pub(crate) fn command() -> Result<(), Failure> {
    if !has_venv()? {
        return Err(Failure::new(MISSING));
    }
    run()
}

/// As a step. Python does not come with Rust: without it the step says so and passes.
pub(crate) fn check() -> Result<(), Failure> {
    if has_venv()? {
        return run();
    }
    println!("NOT CHECKED: {MISSING}");
    Ok(())
}

fn run() -> Result<(), Failure> {
    ENVIRONMENT.install()?;
    let tokens = target(TOKENS)?;
    ENVIRONMENT.python()?.args([SCRIPT.as_ref(), tokens.as_path()]).run()?;
    let tests = Built::all()?;
    tests
        .test("tenancy-jwt", "it")?
        .run()
        .args(["foreign::"])
        .env("TENANCY_FOREIGN_TOKENS", &tokens.to_string_lossy())
        .run()
}
