//! Every test of the workspace.

use std::env;
use std::process::{Command, ExitCode};

use crate::built::TESTS;
use crate::command::{Failure, Invocation, cargo, install};
use crate::server::postgres::Server;
use crate::server::{browser, in_memory};

/// Set where this program stands in for rustdoc.
const AS_RUSTDOC: &str = "XTASK_AS_RUSTDOC";

/// How much memory the files of the tests may take.
const FILES: u64 = 4 << 30;

/// Runs the tests, with options of `cargo test`.
///
/// A stable rustdoc takes a `compile_fail` example for passed whatever the error is. This program
/// stands in for it and asks for the check of error codes; nothing else is compiled differently.
pub(crate) fn run(options: &[&str]) -> Result<(), Failure> {
    browser::install_where_possible();
    let server = Server::start_for_tests()?;
    install_redis();
    let mut tests = cargo(TESTS).args(options).envs(server.variables());
    // The files of SQLite are there in half the time, since a commit waits for a disk.
    if let Some(folder) = in_memory::folder(FILES) {
        tests = tests.env(in_memory::TEMPORARY, &folder.to_string_lossy());
    }
    with_unstable_rustdoc(tests)?.run()
}

/// A command of cargo's for which this program stands in for rustdoc, with what is unstable in it turned on. The compiler is as it
/// is, so what it has compiled before is taken.
pub(crate) fn with_unstable_rustdoc(command: Invocation) -> Result<Invocation, Failure> {
    let this = env::current_exe().map_err(|error| Failure::new(format!("the path of this program: {error}")))?;
    Ok(command.env("RUSTDOC", &this.to_string_lossy()).env(AS_RUSTDOC, "1"))
}

/// Installs a Redis for the tests of keys, which start it by themselves. Debian has the program among the tools, without a service.
/// Where it cannot be installed they leave out what needs one, and say so.
fn install_redis() {
    let path = env::var_os("PATH").unwrap_or_default();
    let is_there = |name: &str| env::split_paths(&path).any(|folder| folder.join(name).exists());
    if ["redis-server", "valkey-server", "redis-check-rdb"]
        .into_iter()
        .any(is_there)
    {
        return;
    }
    let advice = "install Redis or Valkey (Debian and Ubuntu: `apt-get install redis-tools`)";
    if let Err(failure) = install(&["redis-tools"], advice) {
        println!("NOT CHECKED: keys in a Redis: {failure}");
    }
}

/// Runs rustdoc with the arguments of this program, if that is what it was started for.
pub(crate) fn stand_in_for_rustdoc() -> Option<ExitCode> {
    env::var_os(AS_RUSTDOC)?;
    let status = Command::new("rustdoc")
        .args(env::args_os().skip(1))
        .env_remove(AS_RUSTDOC)
        .env("RUSTC_BOOTSTRAP", "1")
        .status();
    Some(match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}
