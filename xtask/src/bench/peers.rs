//! The layer beside other libraries that do a part of the same.

use std::path::Path;

use super::report::{heading, keep};
use crate::command::{Failure, cargo, target};
use crate::python::{Environment, MISSING, has_venv};

/// A workspace of its own.
pub(crate) const MANIFEST: &str = "benches/peers/Cargo.toml";

const SCRIPT: &str = "benches/peers/python/bench.py";
const ENVIRONMENT: Environment = Environment {
    folder: "peers-python",
    requirements: "benches/peers/python/requirements.txt",
};

/// `cargo xtask bench --peers`
pub(crate) fn command() -> Result<(), Failure> {
    let run = "run --locked --quiet --profile bench --manifest-path";
    let rust = cargo(run.split(' ')).args([MANIFEST]);
    let rust = rust.args([Path::new("--target-dir"), &target("peers")?]).stdout()?;
    let python = if has_venv()? {
        ENVIRONMENT.install()?;
        ENVIRONMENT.python()?.args([SCRIPT]).stdout()?
    } else {
        format!("The Python library was not measured. {MISSING}.\n")
    };
    keep("bench-peers.md", &format!("{}\n{rust}{python}", heading()))
}
