//! The files under version control, for the checks that read them.

use std::fs;

use crate::command::{Failure, program, root};

/// The paths of the tracked files, relative to the root, that end with one of these.
pub(crate) fn paths(ends: &[&str]) -> Result<Vec<String>, Failure> {
    let listed = program("git").args(["ls-files"]).quietly()?;
    let paths = listed.lines().filter(|path| ends.iter().any(|end| path.ends_with(end)));
    // A file that was removed and not committed is listed too.
    let paths: Vec<String> = paths
        .filter(|path| root().join(path).exists())
        .map(str::to_owned)
        .collect();
    if paths.is_empty() {
        return Err(Failure::new("`git ls-files` lists no file to check"));
    }
    Ok(paths)
}

/// What a tracked file says.
pub(crate) fn read(path: &str) -> Result<String, Failure> {
    fs::read_to_string(root().join(path)).map_err(|error| Failure::new(format!("failed to read {path}: {error}")))
}

/// One failure that lists every finding, or none.
pub(crate) fn none_of(findings: &[String], what: &str) -> Result<(), Failure> {
    if findings.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("{what}:\n{}", findings.join("\n"))))
}
