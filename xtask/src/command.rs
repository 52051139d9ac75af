//! Commands run from the root of the workspace, shown before they run.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// Why a command of this crate ends with a non-zero status.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// One failure of several that were gone on after, or success where there is none.
    pub(crate) fn unless_none(failures: impl IntoIterator<Item = String>) -> Result<(), Self> {
        let failures: Vec<String> = failures.into_iter().collect();
        if failures.is_empty() {
            Ok(())
        } else {
            Err(Self(failures.join("\n")))
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The folder that holds the workspace's manifest.
pub(crate) fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}

/// A file or folder in cargo's target directory, wherever that is: `CARGO_TARGET_DIR` and cargo's configuration can move it.
pub(crate) fn target(name: impl AsRef<Path>) -> Result<PathBuf, Failure> {
    static TARGET: OnceLock<PathBuf> = OnceLock::new();
    if let Some(target) = TARGET.get() {
        return Ok(target.join(name));
    }
    let metadata = metadata("--no-deps")?;
    let target = metadata
        .get("target_directory")
        .and_then(Value::as_str)
        .map(PathBuf::from);
    let target = target.ok_or_else(|| Failure::new("`cargo metadata` names no target directory"))?;
    Ok(TARGET.get_or_init(|| target).join(name))
}

/// What cargo knows of the workspace, with one option of `cargo metadata`.
pub(crate) fn metadata(option: &str) -> Result<Value, Failure> {
    let metadata = cargo(["metadata", "--format-version", "1", "--locked", option]).quietly()?;
    serde_json::from_str(&metadata).map_err(|error| Failure::new(format!("`cargo metadata` printed no JSON: {error}")))
}

/// A command to be run from the root.
pub(crate) struct Invocation(Command);

/// The cargo that runs this program.
pub(crate) fn cargo<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Invocation {
    program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())).args(arguments)
}

pub(crate) fn program(name: impl AsRef<OsStr>) -> Invocation {
    let mut command = Command::new(name);
    command.current_dir(root());
    Invocation(command)
}

/// Installs packages of Debian's where that is possible, or says what to do. A package would start a server of its own, which
/// nobody asked for.
pub(crate) fn install(packages: &[&str], advice: &str) -> Result<(), Failure> {
    let is_root = program("id").args(["-u"]).quietly()?.trim() == "0";
    if !is_root || !Path::new("/usr/bin/apt-get").exists() {
        return Err(Failure::new(advice));
    }
    program("apt-get").args(["update", "--quiet"]).run()?;
    program("apt-get")
        .args(["install", "--quiet", "--yes", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("RUNLEVEL", "1")
        .run()
}

/// How many bytes can be written there still, where there is a `df` of GNU that knows.
pub(crate) fn free_in(folder: &Path) -> Option<u64> {
    let answer = Command::new("df")
        .args(["--block-size=1", "--output=avail"])
        .arg(folder)
        .output()
        .ok()?;
    free_of(&String::from_utf8_lossy(&answer.stdout))
}

/// The number below the heading.
fn free_of(answer: &str) -> Option<u64> {
    answer.lines().nth(1)?.trim().parse().ok()
}

impl Invocation {
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.0.args(arguments);
        self
    }

    /// Runs it from another folder than the root.
    pub(crate) fn in_folder(mut self, folder: &Path) -> Self {
        self.0.current_dir(folder);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    pub(crate) fn envs(mut self, variables: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        self.0.envs(variables);
        self
    }

    /// Runs the command, with its output shown as it comes.
    pub(crate) fn run(mut self) -> Result<(), Failure> {
        println!("$ {self}");
        let status = self.0.status().map_err(|error| self.not_started(&error))?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::new(format!("`{self}` ended with {status}")))
        }
    }

    /// Runs the command to its end, whatever that is, and hands its output back.
    pub(crate) fn output(mut self) -> Result<Output, Failure> {
        println!("$ {self}");
        self.0.output().map_err(|error| self.not_started(&error))
    }

    /// What a command that succeeds prints.
    pub(crate) fn stdout(self) -> Result<String, Failure> {
        let shown = self.to_string();
        let output = self.output()?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            let errors = String::from_utf8_lossy(&output.stderr);
            Err(Failure::new(format!(
                "`{shown}` ended with {}: {errors}",
                output.status
            )))
        }
    }

    /// What a command that succeeds prints. What it says besides is shown as it comes: a build takes minutes.
    pub(crate) fn stdout_of_a_build(mut self) -> Result<String, Failure> {
        println!("$ {self}");
        self.0.stderr(Stdio::inherit());
        self.quietly()
    }

    /// What a command that succeeds prints, without showing the command.
    pub(crate) fn quietly(mut self) -> Result<String, Failure> {
        let output = self.0.output().map_err(|error| self.not_started(&error))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(Failure::new(format!("`{self}` ended with {}", output.status)))
        }
    }

    fn not_started(&self, error: &std::io::Error) -> Failure {
        Failure::new(format!("`{self}` cannot be started: {error}"))
    }
}

impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = Path::new(self.0.get_program());
        write!(f, "{}", program.file_name().unwrap_or_default().display())?;
        for argument in self.0.get_args() {
            write!(f, " {}", argument.display())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_is_read_from_what_df_answers() {
        assert_eq!(free_of("      Avail\n25159151616\n"), Some(25_159_151_616));
        for unknown in ["", "Avail\n", "df: /dev/shm: No such file or directory\n", "Avail\n-\n"] {
            assert_eq!(free_of(unknown), None, "{unknown}");
        }
    }
}
