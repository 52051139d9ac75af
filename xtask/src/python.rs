//! Environments of Python's, with pinned packages.

use std::fs;

use crate::command::{Failure, Invocation, program, root, target};

/// The message where there is none.
pub(crate) const MISSING: &str = "Python 3 with `venv` is needed: on Debian, `apt-get install python3-venv`";

/// Debian has `venv` without `ensurepip` where `python3-venv` is not installed.
pub(crate) fn has_venv() -> Result<bool, Failure> {
    match program("python3").args(["-c", "import ensurepip, venv"]).output() {
        Ok(output) => Ok(output.status.success()),
        Err(_) => Ok(false),
    }
}

/// A folder in the target directory with the packages of one file. All of them are named there, each with its version.
#[derive(Clone, Copy)]
pub(crate) struct Environment {
    pub(crate) folder: &'static str,
    pub(crate) requirements: &'static str,
}

impl Environment {
    /// Makes it, unless it is there.
    pub(crate) fn install(self) -> Result<(), Failure> {
        let unreadable = |error| Failure::new(format!("cannot read `{}`: {error}", self.requirements));
        let requirements = fs::read_to_string(root().join(self.requirements)).map_err(unreadable)?;
        let folder = target(self.folder)?;
        let installed = folder.join("requirements.txt");
        if fs::read_to_string(&installed).is_ok_and(|installed| installed == requirements) {
            return Ok(());
        }
        program("python3")
            .args(["-m", "venv", "--clear"])
            .args([&folder])
            .run()?;
        let pip = "-m pip install --disable-pip-version-check --no-deps -r".split(' ');
        self.python()?.args(pip).args([self.requirements]).run()?;
        let unwritable = |error| Failure::new(format!("cannot write `{}`: {error}", installed.display()));
        fs::write(&installed, requirements).map_err(unwritable)
    }

    pub(crate) fn python(self) -> Result<Invocation, Failure> {
        Ok(program(target(self.folder)?.join("bin/python")))
    }
}
